"""Where in texts a search has found what it was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from ..history.search import Search, Term, found_in, parse, words

#: Characters of a text that are looked at; of an excerpt, about; and of it before what was found.
LOOKED_AT, LENGTH, BEFORE = 20_000, 240, 60
#: Places of a text that are marked, at most.
MARKS = 50

# A letter may have its accents after it, as characters of their own.
_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")


class Fragment(NamedTuple):
    """A piece of an excerpt; `match` tells whether it is what was searched for."""

    text: str
    match: bool


def excerpts(query: str, texts: Mapping[str, str]) -> dict[str, list[Fragment]]:
    """Cut what was found out of each text that has some of it, under the name of that text.

    >>> excerpts("son*", {"idea": "a poem", "prompt": "Write a sonnet."})
    {'prompt': [Fragment(text='Write a ', match=False), Fragment(text='sonnet', match=True), \
Fragment(text='.', match=False)]}
    """
    wanted = parse(query).wanted
    found = {name: _excerpt(wanted, text[:LOOKED_AT]) for name, text in texts.items()}
    return {name: fragments for name, fragments in found.items() if fragments}


def _excerpt(wanted: Iterable[Term], text: str) -> list[Fragment]:
    # Most texts have none of it, and to know that is cheap.
    terms = [term for term in wanted if found_in(Search((term,)), [text])]
    if not terms:
        return []
    spans = list(islice(_spans(terms, text), MARKS))
    begin = _edge(text, spans[0][0] - BEFORE)
    end = min(len(text), max(begin + LENGTH, spans[0][1]))
    fragments: list[Fragment] = []
    at = begin
    for first, last in spans:
        if first < at or last > end:
            continue
        fragments += [Fragment(text[at:first], match=False), Fragment(text[first:last], match=True)]
        at = last
    fragments.append(Fragment(text[at:end], match=False))
    cut = [("…" if begin else ""), ("…" if end < len(text) else "")]
    fragments[0] = Fragment(cut[0] + fragments[0].text, match=False)
    fragments[-1] = Fragment(fragments[-1].text + cut[1], match=False)
    return [each for each in fragments if each.text]


def _edge(text: str, at: int) -> int:
    """Where the first word after a place begins; the beginning, if it is near."""
    if at <= 0:
        return 0
    found = re.compile(r"\s").search(text, at, at + BEFORE // 2)
    return found.end() if found else at


def _spans(terms: list[Term], text: str) -> Iterable[tuple[int, int]]:
    """Where the terms begin and end, in the order of the text."""
    tokens = [(each.start(), each.end(), _plain(each[0])) for each in _WORD.finditer(text)]
    for at, (start, _, _) in enumerate(tokens):
        for term in terms:
            *first, last = term.words
            run = tokens[at : at + len(term.words)]
            if len(run) < len(term.words) or [plain for *_, plain in run[:-1]] != first:
                continue
            end = run[-1][2]
            if end == last or (term.begins and end.startswith(last)):
                yield start, run[-1][1]
                break


@lru_cache(maxsize=4096)
def _plain(word: str) -> str:
    return "".join(words(word))
