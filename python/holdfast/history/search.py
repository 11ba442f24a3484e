"""Full-text search: what people type, as a query; words as FTS5's unicode61 has them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

#: Words of a search that are looked at, and characters.
WORDS = 32
LENGTH = 2000

_TERM = re.compile(r'(-?)"([^"]*)"?|(\S+)')
_WORD = re.compile(r"[^\W_]+")
#: What FTS5 cannot be asked for.
_NOT_ASKED = re.compile("[\0\ud800-\udfff]")


class Term(NamedTuple):
    """Words that follow each other; `begins` where the last one need only begin so.

    `text` is what was typed, without quotes.
    """

    text: str
    words: tuple[str, ...]
    begins: bool = False


class Search(NamedTuple):
    """What must be in the texts of a record, and what must not."""

    wanted: tuple[Term, ...] = ()
    without: tuple[Term, ...] = ()


def parse(text: str) -> Search:
    """Read words, "phrases", begin* and -without; nothing is a syntax error.

    >>> parse('poem "of the Sea" rhym* -sonnet').without
    (Term(text='-sonnet', words=('sonnet',), begins=False),)
    """
    wanted: list[Term] = []
    without: list[Term] = []
    left = WORDS
    for minus, phrase, word in _TERM.findall(_NOT_ASKED.sub(" ", text[:LENGTH])):
        said = phrase or word.replace('"', " ")
        term = _term(said, left, begins=not phrase and word.endswith("*"))
        left -= len(term.words)
        if term.words:
            (without if minus or word.startswith("-") else wanted).append(term)
    return Search(tuple(wanted), tuple(without))


def words(text: str) -> list[str]:
    """The words of a text, in which case and Latin accents make no difference.

    >>> words("L'\u00c9t\u00e9, 2026!")
    ['l', 'ete', '2026']
    """
    return _WORD.findall(text.lower() if text.isascii() else text.translate(_LETTERS))


def _term(text: str, most: int, *, begins: bool) -> Term:
    found = words(text)
    if len(found) <= most:
        return Term(text, tuple(found), begins)
    return Term(" ".join(found[:most]), tuple(found[:most]))


def found_in(search: Search, texts: Iterable[str]) -> bool:
    """Whether a search finds a record that has these texts."""
    if not search.wanted and not search.without:
        return False
    columns = [words(text) for text in texts]
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
    """Latin letters without case and accents, others without case; made when they are met."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        plain = unicodedata.normalize("NFD", letter)[0]
        folded = plain.lower() if plain.isascii() else letter.casefold()
        if 0x300 <= code <= 0x36F:
            # An accent that is a character of its own.
            folded = ""
        elif len(folded) != 1:
            folded = letter
        self[code] = folded
        return folded


_LETTERS = _Letters()
