"""Full-text search: what people type, as a query; words as FTS5's unicode61 has them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

#: Words of a search that are looked at, and characters.
WORDS = 32
LENGTH = 2000

_TERM = re.compile(r'(-?)"([^"]*)"?|(\S+)')
_WORD = re.compile(r"[^\W_]+")
#: Accents that are characters of their own.
_MARKS = re.compile("[\u0300-\u036f]+")


class Term(NamedTuple):
    """Words that follow each other; `begins` where the last one need only begin so."""

    words: tuple[str, ...]
    begins: bool = False


class Search(NamedTuple):
    """What must be in the texts of a record, and what must not."""

    wanted: tuple[Term, ...] = ()
    without: tuple[Term, ...] = ()


def parse(text: str) -> Search:
    """Read words, "phrases", begin* and -without; nothing is a syntax error.

    >>> parse('poem "of the sea" rhym* -sonnet').without
    (Term(words=('sonnet',), begins=False),)
    """
    wanted: list[Term] = []
    without: list[Term] = []
    left = WORDS
    for minus, phrase, word in _TERM.findall(text[:LENGTH]):
        found = tuple(islice(words(phrase or word), left))
        left -= len(found)
        if found:
            begins = not phrase and word.endswith("*")
            (without if minus or word.startswith("-") else wanted).append(Term(found, begins))
    return Search(tuple(wanted), tuple(without))


def words(text: str) -> Iterable[str]:
    """The words of a text, in which case and accents make no difference.

    >>> list(words("L'\u00c9t\u00e9, 2026!"))
    ['l', 'ete', '2026']
    """
    if not text.isascii():
        text = _MARKS.sub("", unicodedata.normalize("NFC", text)).translate(_LETTERS)
    return (found[0] for found in _WORD.finditer(text.lower()))


def found_in(search: Search, texts: Iterable[str]) -> bool:
    """Whether a search finds a record that has these texts."""
    if not search.wanted and not search.without:
        return False
    columns = [list(words(text)) for text in texts]
    return all(_has(columns, term) for term in search.wanted) and not any(
        _has(columns, term) for term in search.without
    )


def _has(columns: list[list[str]], term: Term) -> bool:
    *first, last = term.words
    for column in columns:
        for at in range(len(column) - len(first)):
            end = column[at + len(first)]
            fits = end.startswith(last) if term.begins else end == last
            if fits and column[at : at + len(first)] == first:
                return True
    return False


class _Letters(dict[int, str]):
    """Each letter without its case and accents; made when it is met."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        plain = unicodedata.normalize("NFD", letter)[0].lower()
        # A Hangul syllable is no letter with accents, though it can be taken apart.
        keeps = len(plain) != 1 or 0xAC00 <= code <= 0xD7A3
        self[code] = plain = letter if keeps else plain
        return plain


_LETTERS = _Letters()
