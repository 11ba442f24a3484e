"""Markdown files as teams keep them: the same ones for the same seed, each of about 10 kB.

What the texts are made of is a pool of paragraphs, so that 50,000 files are written in seconds.
"""

from __future__ import annotations

import functools
import os
import random
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

SEED = 7
#: Characters of a file, words that there are, paragraphs that texts are made of.
SIZE, WORDS, PARAGRAPHS = 10_000, 20_000, 6_000
#: Of a hundred files this many have front matter.
FRONT_MATTER = 60
#: One file in this many changes.
CHANGED = 100
FOLDERS = {"plans": "plan", "specs": "spec", "reports": "report", "notes": "note"}
AREAS = ("billing", "search", "mobile", "platform", "data", "growth", "support", "security")
STATUSES = ("draft", "active", "review", "done", "archived")
CATEGORIES = ("engineering", "product", "research", "operations", "people")
AUTHORS = ("Ada", "Björn", "Chloé", "Dev", "Emma Lee", "Farid")


class Words(NamedTuple):
    """A vocabulary from the most frequent word to the rarest, and what `choices` weighs it by."""

    all: list[str]
    weights: list[float]

    def some(self, rng: random.Random, count: int) -> list[str]:
        """Words as often as a text has them."""
        return rng.choices(self.all, cum_weights=self.weights, k=count)


@functools.cache
def vocabulary() -> Words:
    """Syllables; frequent words are short, and a few are not ASCII."""
    rng, found = random.Random(SEED), dict[str, None]()
    while len(found) < WORDS:
        syllables = [
            rng.choice("bcdfghklmnprstvwz") + rng.choice("aeiou" * 20 + "éü")
            for _ in range(rng.choice((1, 2, 2, 3, 3, 4)))
        ]
        found["".join(syllables) + rng.choice(("", "", "n", "r", "s", "t"))] = None
    ranked = sorted(found, key=lambda word: (len(word) + rng.random() * 4, word))
    # Zipf's law as Mandelbrot shifted it, which is nearer to real texts.
    return Words(ranked, list(accumulate(1 / (rank + 2.7) for rank in range(WORDS))))


def sentence(rng: random.Random, least: int = 5, most: int = 18) -> str:
    return " ".join(vocabulary().some(rng, rng.randint(least, most))).capitalize() + "."


def paragraph(rng: random.Random) -> str:
    """Prose, most often; a heading, a list or a code block."""
    kind = rng.random()
    if kind < 0.15:
        return "\n".join(f"- {sentence(rng, 4, 12)}" for _ in range(rng.randint(3, 8)))
    if kind < 0.25:
        one, two, *rest = vocabulary().some(rng, 12)
        lines = [f"def {one}({two}):", *(f"    {two} = {word}({two})" for word in rest)]
        # The line that opens front matter stands in code blocks too.
        return "\n".join(["```python", *lines, *(["---"] if kind < 0.17 else []), "```"])
    prose = " ".join(sentence(rng) for _ in range(rng.randint(4, 9)))
    return f"## {sentence(rng, 2, 5)[:-1]}\n\n{prose}" if kind < 0.45 else prose


@functools.cache
def pool() -> list[str]:
    rng = random.Random(SEED + 1)
    return [paragraph(rng) for _ in range(PARAGRAPHS)]


@functools.cache
def tag_names() -> list[str]:
    return sorted(vocabulary().all[500:540])


def tags(rng: random.Random) -> list[str]:
    """Three of four have a list, in one line or several; one of eight has words and commas."""
    weights = [1 / (rank + 1) for rank in range(40)]
    names = list(dict.fromkeys(rng.choices(tag_names(), weights, k=rng.randint(1, 5))))
    kind = rng.random()
    if kind < 0.40:
        return [f"tags: [{', '.join(names)}]"]
    if kind < 0.74:
        return ["tags:", *(f"  - {name}" for name in names)]
    return [f'tags: "{", ".join(names)}"'] if kind < 0.86 else []


def date(rng: random.Random) -> str:
    """Text most often; one in ten unquoted, which YAML reads as a date."""
    day = f"{rng.randint(2023, 2026)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    kind = rng.random()
    if kind < 0.1:
        return day
    moment = f"{day}T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:00Z"
    return f"'{moment}'" if kind < 0.3 else f'"{day}"'


def front_matter(rng: random.Random, kind: str, title: str) -> list[str]:
    """The lines between and with the two `---`; a quoted title has a colon."""
    lines = [f'title: "{kind.capitalize()}: {title}"' if rng.random() < 0.3 else f"title: {title}"]
    for chance, line in (
        (0.5, f"type: {kind}"),
        (0.85, f"status: {rng.choices(STATUSES, (3, 5, 2, 4, 2))[0]}"),
        (0.6, f"category: {rng.choice(CATEGORIES)}"),
        (0.5, f"author: {rng.choice(AUTHORS)}"),
        (0.8, f"created: {date(rng)}"),
        (0.3, f"updated: {date(rng)}"),
        (0.2, f"version: {rng.randint(1, 4)}"),
        (0.1, f"reviewed: {rng.choice(('true', 'false'))}"),
    ):
        if rng.random() < chance:
            lines.append(line)
    return ["---", *lines, *tags(rng), "---", ""]


def place(number: int) -> str:
    """The path of a file below the root: two folders, and 32 of the inner ones."""
    folder = tuple(FOLDERS)[number % 4]
    return f"{folder}/{AREAS[number // 4 % 8]}/{number:06}.md"


def text(number: int, edition: int = 0) -> str:
    """A file; another edition has another text under the same front matter."""
    rng = random.Random(f"{SEED} {number}")
    kind = FOLDERS[place(number).partition("/")[0]]
    title = sentence(rng, 2, 6)[:-1]
    head = front_matter(rng, kind, title) if rng.randrange(100) < FRONT_MATTER else []
    rng.seed(f"{SEED} {number} {edition}")
    commits = ", ".join(f"{rng.getrandbits(40):010x}" for _ in range(4))
    whole = "\n".join([*head, f"# {title}", "", f"Edition {edition} of {number}: {commits}."])
    while len(whole) < SIZE:
        whole = "\n\n".join([whole, *rng.choices(pool(), k=8)])
    return whole[: SIZE - 1] + "\n"


def write(root: Path, count: int) -> None:
    """Write the files, an hour old."""
    for folder in FOLDERS:
        for area in AREAS:
            (root / folder / area).mkdir(parents=True)
    put(root, iter(range(count)), 0, 3600)


def change(root: Path, count: int, edition: int) -> int:
    """Write one file in a hundred anew, half an hour old; gives how many."""
    put(root, iter(range(0, count, CHANGED)), edition, 1800)
    return len(range(0, count, CHANGED))


def put(root: Path, numbers: Iterator[int], edition: int, age: float) -> None:
    when = time.time() - age
    for number in numbers:
        path = root / place(number)
        path.write_text(text(number, edition), encoding="utf-8")
        os.utime(path, (when, when))
