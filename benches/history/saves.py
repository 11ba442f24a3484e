"""How long a save takes its task, and how many there are a second; each record is looked for after.

Times are in microseconds, of `await side.save(record)`; rates count until all is committed.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from array import array
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

from peers.timing import clock, percentiles

from .sides import SIDES
from .texts import records

Figures = dict[str, Any]
#: Records of a measurement, tasks that save at once, and saves a second where they are paced.
COUNT, TASKS, PACE = 4000, 100, 500
#: Records that are saved before, to warm up.
WARM = 200


async def save_all(side: Any, given: Iterator[Any], took: array[int]) -> None:
    """One task: a record after the other."""
    for record in given:
        before = clock()
        await side.save(record)
        took.append(clock() - before)


async def one(side: Any, given: Iterator[Any], took: array[int]) -> None:
    """One task, one record after the other."""
    await save_all(side, given, took)


async def many(side: Any, given: Iterator[Any], took: array[int]) -> None:
    """Many tasks at once."""
    await asyncio.gather(*(save_all(side, given, took) for _ in range(TASKS)))


async def paced(side: Any, given: Iterator[Any], took: array[int]) -> None:
    """Now and then, as a service that answers: it sleeps, makes a record, and saves that."""
    due = time.perf_counter()
    for record in given:
        due += 1 / PACE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        made = replace(record)
        before = clock()
        await side.save(made)
        took.append(clock() - before)


Work = Callable[[Any, Iterator[Any], "array[int]"], Awaitable[None]]
WORKS: dict[str, tuple[str, Work]] = {
    "paced": (f"{PACE} saves a second", paced),
    "one": ("one task, as fast as it can", one),
    "many": (f"{TASKS} tasks, as fast as they can", many),
}


def measure(work: str, name: str, path: str) -> Figures:
    """The figures of a side; `make` is what it takes to make and check a record."""
    if work == "settings":
        return asyncio.run(settings(name, path))
    texts = records(WARM + COUNT)
    begun = clock()
    given = [replace(record) for record in texts]
    made = (clock() - begun) / len(given) / 1000
    found = asyncio.run(saved(work, name, path, given))
    prove(path, [record.original_idea for record in given])
    return found | {"make": made}


async def settings(name: str, path: str) -> Figures:
    async with SIDES[name](path) as side:
        return await side.read_back()


async def saved(work: str, name: str, path: str, given: list[Any]) -> Figures:
    took = array("Q")
    async with SIDES[name](path) as side:
        await save_all(side, iter(given[:WARM]), array("Q"))
        await side.settle()
        begun = clock()
        await WORKS[work][1](side, iter(given[WARM:]), took)
        await side.settle()
        seconds = (clock() - begun) / 1e9
    return percentiles(took) | {"rate": len(took) / seconds}


def prove(path: str, ideas: list[str]) -> None:
    """The file has each record once; read when it is closed."""
    with closing(sqlite3.connect(path)) as db:
        found = [idea for (idea,) in db.execute("select original_idea from prompt_history")]
    if sorted(found) != sorted(ideas):
        raise AssertionError(f"{len(ideas)} records were saved; the file has {len(found)}")
