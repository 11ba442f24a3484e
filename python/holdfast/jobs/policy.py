"""What may be kept beside a job: small JSON without content or secrets, and errors without either.

>>> MetadataPolicy().dump({"document_id": 7, "pages": 12})
'{"document_id":7,"pages":12}'
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from .errors import MetadataPolicyError

#: Names of content and of secrets. A key is refused that is one, or ends in one: `raw_prompt`.
FORBIDDEN = frozenset(
    (
        "prompt", "prompts", "completion", "text", "texts", "content", "contents", "document",
        "documents", "body", "html", "markdown", "transcript", "raw",
        "password", "passwd", "passphrase", "secret", "secrets", "token", "api_key", "apikey",
        "access_key", "private_key", "credential", "credentials", "authorization", "cookie",
        "session_key", "bearer",
    )
)  # fmt: skip

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class MetadataPolicy:
    """How large metadata may be and which keys it may not have; `forbidden` can be replaced.

    `max_bytes` is for the JSON as a whole, `max_string` for each text in characters.

    >>> policy = MetadataPolicy(forbidden=FORBIDDEN - {"document"} | {"iban"})
    >>> policy.dump({"document": "a.pdf"})
    '{"document":"a.pdf"}'
    """

    max_bytes: int = 16 * 1024
    max_string: int = 1000
    forbidden: frozenset[str] = field(default=FORBIDDEN, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "forbidden", frozenset(map(_snake, self.forbidden)))

    def dump(self, value: object, what: str = "payload") -> str | None:
        """Return the JSON of `value`, None for None; MetadataPolicyError names what may not be."""
        if value is None:
            return None
        self._look(value, what)
        try:
            text = _dump(value)
            size = len(text) if text.isascii() else len(text.encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise MetadataPolicyError(f"{what} is no JSON: {type(error).__name__}") from error
        if size > self.max_bytes:
            raise MetadataPolicyError(
                f"{what} has {size} bytes of JSON, more than {self.max_bytes}: keep the content in "
                "a file, and its name here"
            )
        return text

    def _look(self, value: object, where: str, depth: int = 0) -> None:
        if depth > 50:
            raise MetadataPolicyError(f"{where[:100]} is nested too deeply")
        if isinstance(value, str):
            if len(value) > self.max_string:
                raise MetadataPolicyError(
                    f"{where} has {len(value)} characters, more than {self.max_string}: keep "
                    "content in a file, and its name here"
                )
        elif isinstance(value, dict):
            for key, item in cast("dict[Any, Any]", value).items():
                if not isinstance(key, str):
                    raise MetadataPolicyError(f"{where} has the key {key!r}; JSON keys are str")
                if len(key) > 100:
                    raise MetadataPolicyError(f"{where} has a key of {len(key)} characters")
                if _is_forbidden(key, self.forbidden):
                    raise MetadataPolicyError(
                        f"{where}.{key} names content or a secret, which is not kept beside a job: "
                        "pass an id or a file name, or change MetadataPolicy(forbidden=...)"
                    )
                self._look(item, f"{where}.{key}", depth + 1)
        elif isinstance(value, list | tuple):
            for number, item in enumerate(cast("Iterable[Any]", value)):
                self._look(item, f"{where}[{number}]", depth + 1)
        elif not (value is None or isinstance(value, bool | int | float)):
            raise MetadataPolicyError(
                f"{where} is of type {type(value).__name__}, which JSON does not have"
            )


@lru_cache(maxsize=4096)
def _is_forbidden(key: str, forbidden: frozenset[str]) -> bool:
    words = _snake(key).split("_")
    return any("_".join(words[start:]) in forbidden for start in range(len(words)))


def _snake(key: str) -> str:
    return "_".join(word.lower() for word in _WORDS.findall(key)) or key.lower()


# In order: the value of something that is named as a secret, then what looks like one.
_SECRETS = (
    # Each bounded: an error's text may be long, and a search that starts over at every letter slow.
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,20}://)[^/\s:@]{0,200}:[^/\s@]{1,200}@"), r"\1***@"),
    (re.compile(r"(?i)\b(bearer|basic)\s{1,8}[\w.~+/=-]{8,}"), r"\1 ***"),
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|token|api[_-]?key|authorization|cookie)[\w-]{0,40}"
            r"[\"']?\s{0,8}[=:]\s{0,8})(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
        ),
        r"\1***",
    ),
    (re.compile(r"\b(?:sk|pk|ghp|gho|xox[abp]|AKIA)[-_]?[A-Za-z0-9_-]{12,}"), "***"),
    (
        re.compile(r"(?<![A-Za-z0-9+/_-])(?=[A-Za-z+/_-]*\d)[A-Za-z0-9+/_-]{32,}={0,2}"),
        "***",
    ),
    # A long quotation is content.
    (re.compile(r"(?<![\w'\"])(?:\"[^\"]{40,}\"|'[^']{40,}')(?!\w)"), "'...'"),
)


def redact(error: BaseException, limit: int = 500) -> str:
    """Return what may be kept of an error: type, message without secrets, and where it was raised.

    The message is cut to `limit` characters.

    >>> redact(ValueError("no access with api_key=abc123"))
    'ValueError: no access with api_key=***'
    """
    try:
        message = str(error)[: 20 * limit]
    except BaseException:
        message = "(its message cannot be read)"
    for pattern, replacement in _SECRETS:
        message = pattern.sub(replacement, message)
    # A file name may hold bytes that are no text.
    message = " ".join(message.split()).encode(errors="replace").decode()
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    text = text if len(text) <= limit else text[: limit - 3] + "..."
    return text + _place(error)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})"
