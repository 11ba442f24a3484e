"""Snippets: the part of a text that has the most of some words, which are marked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from .models import Fragment

#: Bytes that a snippet has, about.
LENGTH = 200
#: Bytes of a body in which a snippet is looked for.
DEEPEST = 100_000
#: Places of a word that are looked at.
PLACES = 100

Span = tuple[int, int]


def snippet(body: bytes, words: Sequence[str]) -> tuple[Fragment, ...]:
    """Cut a snippet out of a body.

    >>> snippet(b"The road map of 2026", ["map"])
    (Fragment(text='The road ', match=False), Fragment(text='map', match=True), ...)
    """
    body = body[:DEEPEST]
    # Byte by byte, in which ASCII is found where it is.
    spans = _spans(body.lower().decode("latin-1"), [word.lower() for word in words])
    if not spans:
        # Accents make no difference to a search, and here every letter must be looked at.
        text = body.decode(errors="ignore")
        found = _spans(fold(text), [fold(word) for word in words])
        spans = [(len(text[:start].encode()), len(text[:stop].encode())) for start, stop in found]
    begin = max(0, (_best(spans) if spans else 0) - LENGTH // 4)
    # From the start of a word to the end of one.
    begin = body.rfind(b" ", 0, begin) + 1 if begin else 0
    end = min(len(body), begin + LENGTH)
    if end < len(body):
        end = max(body.rfind(b" ", begin, end), begin + LENGTH // 2)
    return tuple(_fragments(body, begin, end, spans))


def fold(text: str) -> str:
    """A text in which case and accents make no difference, of as many characters."""
    return text.lower() if text.isascii() else text.translate(_LETTERS)


class _Letters(dict[int, str]):
    """Each letter without its case and accents; made when it is met."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        plain = unicodedata.normalize("NFD", letter)[0].lower()
        self[code] = plain = plain if len(plain) == 1 else letter
        return plain


_LETTERS = _Letters()


def _spans(text: str, words: Sequence[str]) -> list[Span]:
    """Where words begin like one of these, in their order and without overlaps."""
    found: list[Span] = []
    for word in words:
        at = -1
        for _ in range(PLACES):
            at = text.find(word, at + 1)
            if at < 0:
                break
            if at == 0 or not text[at - 1].isalnum():
                found.append((at, at + len(word)))
    found.sort()
    kept: list[Span] = []
    for span in found:
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


def _best(spans: Sequence[Span]) -> int:
    """Where a part begins that holds the most of them."""
    best, most, last = spans[0][0], 0, 0
    for first, (start, _) in enumerate(spans):
        last = max(last, first)
        while last < len(spans) and spans[last][1] <= start + LENGTH * 3 // 4:
            last += 1
        if last - first > most:
            best, most = start, last - first
    return best


def _fragments(body: bytes, begin: int, end: int, spans: Sequence[Span]) -> Iterator[Fragment]:
    at = begin
    if begin:
        yield Fragment("… ", False)
    for start, stop in spans:
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


def _line(text: bytes) -> str:
    # The cut may have gone through a letter.
    return re.sub(r"\s+", " ", text.decode(errors="ignore"))
