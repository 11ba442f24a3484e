"""The fields of a record under their OpenTelemetry names, where the conventions have one.

Those for generative AI are `gen_ai.*`; what they do not know is `holdfast.history.*`.
"""

from __future__ import annotations

import json
from typing import Final

from .models import PromptHistory

#: The attribute that each field is, or is a part of; the duration is a metric, in seconds.
NAMES: Final = {
    "provider": "gen_ai.provider.name",
    "model": "gen_ai.request.model",
    "conversation_id": "gen_ai.conversation.id",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "latency_ms": "gen_ai.client.operation.duration",
    "original_idea": "gen_ai.input.messages",
    "context": "gen_ai.input.messages",
    "improved_prompt": "gen_ai.output.messages",
    "reasoning": "gen_ai.output.messages",
    "backend": "holdfast.history.backend",
    "framework": "holdfast.history.framework",
    "confidence": "holdfast.history.confidence",
    "quality_score": "holdfast.history.quality_score",
    "role": "holdfast.history.role",
    "directive": "holdfast.history.directive",
    "guardrails": "holdfast.history.guardrails",
    "id": "holdfast.history.id",
}

_PLAIN = (
    "provider", "model", "conversation_id", "input_tokens", "output_tokens", "backend",
    "framework", "confidence", "quality_score", "id",
)  # fmt: skip
_CONTENT = ("role", "directive", "guardrails")

Attribute = str | int | float | list[str]


def attributes(record: PromptHistory, *, content: bool = False) -> dict[str, Attribute]:
    """The attributes of a span for a record; what is not known is left out.

    Prompts and what was made of them are there with `content` alone, as the conventions want it.

    >>> record = PromptHistory(
    ...     original_idea="a poem", improved_prompt="Write a sonnet.", backend="zero-shot",
    ...     model="llama3", provider="ollama", input_tokens=12,
    ... )
    >>> for name, value in attributes(record).items():
    ...     print(name, value)
    gen_ai.operation.name chat
    gen_ai.provider.name ollama
    gen_ai.request.model llama3
    gen_ai.usage.input_tokens 12
    holdfast.history.backend zero-shot
    holdfast.history.quality_score 0.0
    """
    found: dict[str, Attribute] = {"gen_ai.operation.name": "chat"}
    for field in _PLAIN:
        value = getattr(record, field)
        if value not in (None, ""):
            found[NAMES[field]] = str(value) if isinstance(value, str) else value
    if content:
        found |= _content(record)
    return found


def duration(record: PromptHistory) -> float | None:
    """What the metric `gen_ai.client.operation.duration` records: seconds, or None."""
    return None if record.latency_ms is None else record.latency_ms / 1000


def _content(record: PromptHistory) -> dict[str, Attribute]:
    asked = [("text", record.original_idea), ("text", record.context)]
    answered = [("reasoning", record.reasoning or ""), ("text", record.improved_prompt)]
    found: dict[str, Attribute] = {
        NAMES["original_idea"]: _message("user", asked),
        NAMES["improved_prompt"]: _message("assistant", answered, finish_reason="stop"),
    }
    for field in _CONTENT:
        value: str | tuple[str, ...] = getattr(record, field)
        if value:
            found[NAMES[field]] = value if isinstance(value, str) else list(value)
    return found


def _message(role: str, parts: list[tuple[str, str]], **others: str) -> str:
    said = [{"type": kind, "content": text} for kind, text in parts if text]
    return json.dumps([{"role": role, "parts": said, **others}], ensure_ascii=False)
