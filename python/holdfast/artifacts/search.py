"""Full-text search: what people type as a query of FTS5, and snippets from the files themselves."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .models import Fragment

#: Characters that a snippet has, about.
SNIPPET = 200
#: Words of a query that are looked at.
MOST = 32
#: Characters of a body in which a snippet is looked for.
DEEPEST = 200_000

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


def snippet(body: str, words: Sequence[str]) -> tuple[Fragment, ...]:
    """Cut the part of a body that has the most of some words, which are marked.

    >>> snippet("The road map of 2026", ["map"])
    (Fragment(text='The road ', match=False), Fragment(text='map', match=True), ...)
    """
    body = body[:DEEPEST]
    folded = fold(body)
    pattern = _pattern(words)
    found = [match.span() for match in pattern.finditer(folded)] if pattern else []
    begin = _best(found) if found else 0
    begin = max(0, begin - SNIPPET // 4)
    # From the start of a word to the end of one.
    begin = 0 if begin == 0 else body.rfind(" ", 0, begin) + 1 or begin
    end = min(len(body), begin + SNIPPET)
    end = end if end == len(body) else max(body.rfind(" ", begin, end), begin + SNIPPET // 2)
    return tuple(_fragments(body, begin, end, found))


def _fragments(
    body: str, begin: int, end: int, found: Iterable[tuple[int, int]]
) -> Iterable[Fragment]:
    at = begin
    if begin:
        yield Fragment("… ", False)
    for start, stop in found:
        if start < at or stop > end:
            continue
        if start > at:
            yield Fragment(_line(body[at:start]), False)
        yield Fragment(_line(body[start:stop]), True)
        at = stop
    if at < end:
        yield Fragment(_line(body[at:end]), False)
    if end < len(body):
        yield Fragment(" …", False)


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _best(found: Sequence[tuple[int, int]]) -> int:
    """Where a window begins that holds the most matches."""
    best, most, last = found[0][0], 0, 0
    for first, (start, _) in enumerate(found[:200]):
        last = max(last, first)
        while last < len(found) and found[last][1] <= start + SNIPPET * 3 // 4:
            last += 1
        if last - first > most:
            best, most = start, last - first
    return best


def _pattern(words: Sequence[str]) -> re.Pattern[str] | None:
    folded = sorted({fold(word) for word in words}, key=len, reverse=True)
    return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, folded)) + ")") if folded else None


def _words(text: str) -> list[str]:
    """The words of a text as the tokenizer has them: letters, digits and marks."""
    return re.findall(r"[^\W_]+", text)


def fold(text: str) -> str:
    """A text in which case and accents make no difference, as long as before."""
    if text.isascii():
        return text.lower()
    return "".join(map(_letter, text))


def _letter(letter: str) -> str:
    plain = unicodedata.normalize("NFD", letter)[0].lower()
    return plain if len(plain) == 1 else letter
