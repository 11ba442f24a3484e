"""Texts of agents, made ready to be read: JSON as it is, anything else as markdown."""

from __future__ import annotations

import json
import time
from typing import Any, cast

from .markdown import PATIENCE, render

#: Characters of one text that are told with others, of all together, and of those beyond.
SHOWN, TOGETHER, LEAST = 100_000, 2_000_000, 1_000
#: Where tools put the markdown of a synthesis that is JSON.
MARKDOWN = "output_markdown"


class Documents:
    """Makes texts ready that are told together, within bounds of time and size.

    >>> Documents().made("a *plan*")
    {'kind': 'markdown', 'text': 'a *plan*', 'length': 8, 'html': '<p>a <em>plan</em></p>\\n'}
    """

    def __init__(self) -> None:
        self._until = time.monotonic() + PATIENCE
        self._left = TOGETHER

    def made(self, text: str | None) -> dict[str, Any] | None:
        """A text with its `kind`, "json", "markdown" or "text", its `length`, and its `html`.

        Of a long text there is the beginning, as text; the whole of it is asked for by itself.
        `html` is that of markdown, or of the markdown in JSON; None where there is none, or it
        would take too long.
        """
        if text is None:
            return None
        shown = min(SHOWN, max(self._left, LEAST))
        self._left -= min(len(text), shown)
        if len(text) > shown:
            return {"kind": "text", "text": text[:shown], "length": len(text), "html": None}
        value = _json(text)
        source = text
        if value is not None:
            inner = value.get(MARKDOWN) if isinstance(value, dict) else None
            source = inner if isinstance(inner, str) else ""
        left = self._until - time.monotonic()
        html = render(source, "", patience=left) if source.strip() and left > 0 else None
        kind = "markdown" if value is None else "json"
        return {"kind": kind, "text": text, "length": len(text), "html": html}


def _json(text: str) -> dict[str, Any] | list[Any] | None:
    """The object or list that a text is as JSON, None for any other text."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return cast("dict[str, Any] | list[Any]", json.loads(text))
    except (ValueError, RecursionError):
        return None
