"""Full-text search: what people type, as a query of FTS5."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from .snippets import fold

#: Words of a query that are looked at.
MOST = 32

_TOKEN = re.compile(r'(-?)"([^"]*)"?|(\S+)')


class Term(NamedTuple):
    """Words that follow each other; `begins` where the last one need only begin so."""

    words: tuple[str, ...]
    begins: bool = False

    @property
    def match(self) -> str:
        """The term for FTS5."""
        return '"{}"{}'.format(" ".join(self.words), "*" if self.begins else "")


class Search(NamedTuple):
    """What must be in a text, and what must not."""

    wanted: tuple[Term, ...]
    without: tuple[Term, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words to highlight."""
        return tuple(word for term in self.wanted for word in term.words)

    @property
    def match(self) -> str:
        """What must be there, for FTS5."""
        return " AND ".join(term.match for term in self.wanted)

    @property
    def unmatch(self) -> str:
        """What must not be there, for FTS5."""
        return " OR ".join(term.match for term in self.without)


def parse(text: str) -> Search:
    """Read words, "phrases", begin* and -without as a query; nothing is a syntax error.

    >>> search = parse('release "road map" plan* -draft')
    >>> search.match, search.unmatch
    ('"release" AND "road map" AND "plan"*', '"draft"')
    """
    wanted: list[Term] = []
    without: list[Term] = []
    for minus, phrase, word in _TOKEN.findall(text)[:MOST]:
        words = _words(phrase or word)
        if words:
            negative = bool(minus) or word.startswith("-")
            begins = not phrase and word.endswith("*")
            (without if negative else wanted).append(Term(tuple(words), begins))
    return Search(tuple(wanted), tuple(without))


def found_in(search: Search, *texts: str) -> bool:
    """Whether a search finds something that has these texts, as FTS5 would."""
    columns = [[fold(word) for word in _words(text)] for text in texts]

    def has(term: Term) -> bool:
        *first, last = map(fold, term.words)
        for words in columns:
            for at in range(len(words) - len(first)):
                end = words[at + len(first)]
                fits = end.startswith(last) if term.begins else end == last
                if fits and words[at : at + len(first)] == first:
                    return True
        return False

    return all(map(has, search.wanted)) and not any(map(has, search.without))


def _words(text: str) -> list[str]:
    """The words of a text as the tokenizer has them: letters, digits and marks."""
    # Accents may come as characters of their own, as in names of macOS.
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text))
