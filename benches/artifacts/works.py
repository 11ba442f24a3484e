"""What is measured, on files that are all in the page cache; times are in milliseconds.

`sync` is the call alone, `whole` is opening, that call and closing: the log written back.
"""

from __future__ import annotations

import resource
import sqlite3
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import corpus
from .sides import SIDES

Figures = dict[str, Any]
#: Numbers of files; the largest has fewer rounds, since the baseline takes most of a minute.
COUNTS, LARGE, LARGE_ROUNDS = (100, 500, 5_000, 50_000), 50_000, 3
#: Calls of each query, the first of which are to warm up, each with other words and tags.
CALLS, WARM = 24, 4


def sync(side: str, path: str, root: Path, expected: dict[str, int], full: bool = False) -> Figures:
    """Open, sync, close; what was found must be what was done to the files."""
    begun = time.perf_counter()
    index = SIDES[side](path, root)
    opened = time.perf_counter()
    found = index.sync(full)
    synced = time.perf_counter()
    index.close()
    closed = time.perf_counter()
    wanted = {"added": 0, "updated": 0, "unchanged": 0, "removed": 0} | expected
    if found != wanted:
        raise AssertionError(f"{wanted} was to be found, not {found}")
    prove(path, sum(expected.values()))
    return {
        "sync": (synced - opened) * 1000,
        "whole": (closed - begun) * 1000,
        "megabytes": Path(path).stat().st_size / 1e6,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def prove(path: str, count: int) -> None:
    """The file has a row for each artifact, and no log; read when every handle is closed."""
    if Path(f"{path}-wal").exists() and Path(f"{path}-wal").stat().st_size:
        raise AssertionError("the log was not written back")
    db = sqlite3.connect(path)
    try:
        (found,) = db.execute("select count(*) from artifacts").fetchone()
    finally:
        db.close()
    if found != count:
        raise AssertionError(f"{count} files were indexed; the file has {found}")


def first(side: str, path: str, root: Path, count: int) -> Figures:
    """The first sync, into a new file."""
    return sync(side, path, root, {"added": count})


def unchanged(side: str, path: str, root: Path, count: int) -> Figures:
    """Sizes and times are looked at."""
    return sync(side, path, root, {"unchanged": count})


def hashed(side: str, path: str, root: Path, count: int) -> Figures:
    """As it is by default here, beside a baseline that tells by their hash which have changed."""
    return sync(side, path, root, {"unchanged": count}, full=side == "baseline")


def full(side: str, path: str, root: Path, count: int) -> Figures:
    """Every file is read and hashed, whatever its size and time say."""
    return sync(side, path, root, {"unchanged": count}, full=True)


def changed(side: str, path: str, root: Path, count: int) -> Figures:
    """One file in a hundred has changed."""
    some = len(range(0, count, corpus.CHANGED))
    return sync(side, path, root, {"updated": some, "unchanged": count - some})


def words(rank: int) -> list[str]:
    """Words of about that rank in the vocabulary."""
    found = [word for word in corpus.vocabulary().all[rank:] if word.isascii() and len(word) > 2]
    return found[:CALLS]


def queries() -> dict[str, list[dict[str, Any]]]:
    """The filters of each call of each query."""
    names = [word for word in corpus.tag_names() if word.isascii()]
    tags = [{"tag": names[call % len(names)]} for call in range(CALLS)]
    common, middle, rare = ([{"text": word} for word in words(rank)] for rank in (60, 1000, 10_000))
    both = {"type": "plans", "status": "active"}
    return {
        "all": [{} for _ in range(CALLS)],
        "tag": tags,
        "rare": rare,
        "middle": middle,
        "common": common,
        "filtered": [both | tag | text for tag, text in zip(tags, middle, strict=True)],
        "filtered_common": [both | tag | text for tag, text in zip(tags, common, strict=True)],
    }


def query(side: str, path: str, root: Path, count: int) -> Figures:
    """Each query many times: the median, the slowest, and how many artifacts it has found."""
    index = SIDES[side](path, root)
    figures: Figures = {}
    for name, calls in queries().items():
        times, total = [], 0
        for filters in calls:
            begun = time.perf_counter()
            page = index.query(**filters)
            times.append((time.perf_counter() - begun) * 1000)
            total += page["total"]
        if not filters and total != count * CALLS:
            raise AssertionError(f"{total / CALLS} of {count} artifacts were found")
        figures[name] = statistics.median(times[WARM:])
        figures[f"{name} slowest"] = max(times[WARM:])
        figures[f"{name} found"] = total
    index.close()
    return figures


STEPS: dict[str, tuple[str, Callable[[str, str, Path, int], Figures]]] = {
    "first": ("first sync, into a new file", first),
    "unchanged": ("nothing has changed", unchanged),
    "hashed": ("nothing has changed, beside a baseline that hashes every file", hashed),
    "full": ("`full`: every file is hashed by both", full),
    "changed": ("1 % of the files have changed", changed),
    "query": ("queries", query),
}
QUERIES = {
    "filtered": "type, status, tag and a word that one in eight has",
    "filtered_common": "the same with a word that nearly all have",
    "all": "no filter",
    "tag": "a tag",
    "rare": "a rare word",
    "middle": "a word that one in eight has",
    "common": "a word that nearly all have",
}
#: Queries are measured where there are enough artifacts.
ENOUGH = 5_000


def steps(count: int) -> list[str]:
    """In their order: each works on the file that the one before has left."""
    return [step for step in STEPS if step != "query" or count >= ENOUGH]
