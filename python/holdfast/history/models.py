"""What is kept of an improved prompt, checked when it is made; times are UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, cast

#: The greatest id, count or latency: what JavaScript reads exactly.
MOST = 2**53 - 1


class InvalidRecordError(ValueError):
    """A field of a record that cannot be; `field` is its name. The message holds no content."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} {problem}")
        self.field = name
        self.problem = problem

    def __reduce__(self) -> tuple[Any, ...]:
        return InvalidRecordError, (self.field, self.problem)


class BackendType(StrEnum):
    """How a prompt was improved: from instructions alone, or with examples."""

    ZERO_SHOT = "zero-shot"
    FEW_SHOT = "few-shot"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptHistory:
    """A prompt, what was made of it, and how; immutable, and valid if it exists.

    `confidence` is from 0 to 1, `latency_ms` in milliseconds; None is unknown. `guardrails` may be
    given as any list or tuple, `backend` as its text. `timestamp` must have a zone; it is
    converted to UTC, and what is below a millisecond is cut off. Without it, it is now. `id` is
    given by the repository. The repr has no content.

    Raises InvalidRecordError, a ValueError that names the field.

    >>> record = PromptHistory(
    ...     original_idea="a poem", improved_prompt="Write a sonnet.", backend="zero-shot",
    ...     model="llama3", provider="ollama", confidence=0.5, guardrails=["no rhymes"],
    ... )
    >>> record.backend, record.guardrails, record.quality_score
    (<BackendType.ZERO_SHOT: 'zero-shot'>, ('no rhymes',), 0.38)
    """

    original_idea: str = field(repr=False)
    improved_prompt: str = field(repr=False)
    context: str = field(default="", repr=False)
    role: str = field(default="", repr=False)
    directive: str = field(default="", repr=False)
    framework: str = ""
    guardrails: tuple[str, ...] = field(default=(), repr=False)
    reasoning: str | None = field(default=None, repr=False)
    confidence: float | None = None
    backend: BackendType
    model: str
    provider: str
    latency_ms: float | None = None
    timestamp: datetime = field(default_factory=lambda: datetime.now(UTC))
    input_tokens: int | None = None
    output_tokens: int | None = None
    conversation_id: str | None = None
    id: int | None = None

    if TYPE_CHECKING:
        # What may be given is more than what there is then.
        def __init__(
            self,
            *,
            original_idea: str,
            improved_prompt: str,
            backend: BackendType | Literal["zero-shot", "few-shot"],
            model: str,
            provider: str,
            context: str = "",
            role: str = "",
            directive: str = "",
            framework: str = "",
            guardrails: list[str] | tuple[str, ...] = (),
            reasoning: str | None = None,
            confidence: float | None = None,
            latency_ms: float | None = None,
            timestamp: datetime = ...,
            input_tokens: int | None = None,
            output_tokens: int | None = None,
            conversation_id: str | None = None,
            id: int | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        for name in ("original_idea", "improved_prompt", "model", "provider"):
            self._text(name)
            value = getattr(self, name)
            if not value or value.isspace():
                _refuse(name, "must not be blank")
        for name in ("context", "role", "directive", "framework"):
            self._text(name)
        for name in ("reasoning", "conversation_id"):
            if getattr(self, name) is not None:
                self._text(name)
        self._set("guardrails", _texts("guardrails", self.guardrails))
        self._set("backend", _backend(self.backend))
        self._set("confidence", _number("confidence", self.confidence, 1))
        self._set("latency_ms", _number("latency_ms", self.latency_ms, MOST))
        self._set("timestamp", _moment("timestamp", self.timestamp))
        _whole("input_tokens", self.input_tokens, 0)
        _whole("output_tokens", self.output_tokens, 0)
        _whole("id", self.id, 1)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _text(self, name: str) -> None:
        value = getattr(self, name)
        plain = _text(name, value)
        if plain is not value:
            self._set(name, plain)

    @property
    def quality_score(self) -> float:
        """How good the prompt is likely to be, from 0 to 1, to four digits.

        0.6 x confidence + 0.08 for each of role, directive, framework, guardrails and reasoning
        that is given. Where the confidence is unknown, 0.2 for each of those.
        """
        parts = sum(
            bool(part and part.strip())
            for part in (self.role, self.directive, self.framework, self.reasoning)
        ) + any(each.strip() for each in self.guardrails)
        if self.confidence is None:
            return round(0.2 * parts, 4)
        return round(0.6 * self.confidence + 0.08 * parts, 4)


class HistoryPage(NamedTuple):
    """Some records, the newest first, of `total` that were asked for.

    `cursor` is for those that follow, None at the end.
    """

    items: tuple[PromptHistory, ...]
    total: int
    cursor: str | None


class HistoryStatistics(NamedTuple):
    """Counts and averages of records; None where there is nothing to average.

    `bytes` is what their texts have as UTF-8. The counts by value begin with the greatest.
    """

    total: int
    bytes: int
    average_latency_ms: float | None
    average_confidence: float | None
    average_quality: float | None
    input_tokens: int
    output_tokens: int
    by_provider: Mapping[str, int]
    by_backend: Mapping[BackendType, int]
    by_model: Mapping[str, int]
    oldest: datetime | None
    newest: datetime | None


def stamp(when: datetime) -> str:
    """Write a time in UTC as SQLite does: to the millisecond, sorting as text.

    >>> stamp(datetime(2026, 11, 20, 18, 30, tzinfo=UTC))
    '2026-11-20 18:30:00.000'
    """
    return when.replace(tzinfo=None).isoformat(" ", "milliseconds")


def _refuse(name: str, problem: str) -> NoReturn:
    raise InvalidRecordError(name, problem)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        _refuse(name, f"must be a text, not {type(value).__name__}")
    half = None if value.isascii() else _half(value)
    if half is not None:
        _refuse(name, f"has half a character (a lone surrogate) at {half}")
    # Of a subclass, as a member of an enum, the text alone.
    return value if type(value) is str else str.__str__(value)


def _half(text: str) -> int | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        _refuse(name, f"must be a list or tuple of texts, not {type(value).__name__}")
    parts = enumerate(cast("list[object]", value))
    return tuple(_text(f"{name}[{number}]", each) for number, each in parts)


def _backend(value: object) -> BackendType:
    for each in BackendType:
        if value == each:
            return each
    shown = repr(value)[:40] if isinstance(value, str) else type(value).__name__
    _refuse("backend", f"is one of 'zero-shot' and 'few-shot', not {shown}")


def _number(name: str, value: object, most: int) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(name, f"must be a number, not {type(value).__name__}")
    if not 0 <= value <= most:
        found = f", not {value!r}" if isinstance(value, float) else ""
        _refuse(name, f"must be a number from 0 to {most}{found}")
    # Not -0.0, which a database may give back as 0.0.
    return value + 0.0


def _whole(name: str, value: object, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        _refuse(name, f"must be a whole number, not {type(value).__name__}")
    if not least <= value <= MOST:
        _refuse(name, f"must be a whole number from {least} to {MOST}")


def _moment(name: str, value: object) -> datetime:
    if not isinstance(value, datetime):
        _refuse(name, f"must be a datetime with a zone, not {type(value).__name__}")
    if value.utcoffset() is None:
        _refuse(name, "must have a zone, as datetime.now(UTC) has")
    try:
        value = value.astimezone(UTC)
    except OverflowError:
        problem = "must be in the years 1 to 9999 in UTC"
        raise InvalidRecordError(name, problem) from None
    return value.replace(microsecond=value.microsecond // 1000 * 1000, fold=0)
