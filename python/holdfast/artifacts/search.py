"""Full-text search: what people type, as a query of FTS5."""

from __future__ import annotations

import re
from typing import NamedTuple

#: Words of a query that are looked at.
MOST = 32

_TOKEN = re.compile(r'(-?)"([^"]*)"?|(\S+)')


class Search(NamedTuple):
    """A query: `match` for FTS5, None if there is no word in it; `words` to highlight."""

    match: str | None
    words: tuple[str, ...]
    without: tuple[str, ...] = ()


def parse(text: str) -> Search:
    """Read words, "phrases", begin* and -without as a query; nothing is a syntax error.

    >>> parse('release "road map" plan* -draft')
    Search(match='("release" AND "road map" AND "plan"*) NOT "draft"', words=(...), without=(...))
    """
    wanted: list[str] = []
    without: list[str] = []
    words: list[str] = []
    unwanted: list[str] = []
    for minus, phrase, word in _TOKEN.findall(text)[:MOST]:
        begins = not phrase and word.endswith("*")
        negative = bool(minus) or (word.startswith("-") and len(word) > 1)
        found = _words(phrase or word)
        if not found:
            continue
        term = '"{}"{}'.format(" ".join(found), "*" if begins else "")
        (without if negative else wanted).append(term)
        (unwanted if negative else words).extend(found)
    if not wanted:
        return Search(None, (), tuple(unwanted))
    match = " AND ".join(wanted)
    if without:
        match = f"({match})" + "".join(f" NOT {term}" for term in without)
    return Search(match, tuple(words), tuple(unwanted))


def _words(text: str) -> list[str]:
    """The words of a text as the tokenizer has them: letters, digits and marks."""
    return re.findall(r"[^\W_]+", text)
