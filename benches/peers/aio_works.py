"""The works of tasks in an event loop: asyncio's own."""

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable, Coroutine
from itertools import cycle
from typing import Any

from . import data
from .adapters import READ_BACK
from .timing import Figures, clock, joined, percentiles
from .works import row_values

Work = Callable[[Any, float], Coroutine[Any, Any, Figures]]


def looped(work: Work) -> Callable[[Any, str, float], Figures]:
    """Open the peer, run the work in a fresh loop, close."""

    def measure(peer: Any, path: str, seconds: float) -> Figures:
        async def main() -> Figures:
            async with peer(path) as db:
                return await work(db, seconds)

        return asyncio.run(main())

    return measure


async def repeat(
    call: Callable[[int], Awaitable[Any]], salt: int, domain: int, until: int
) -> "array[int]":
    """One task: call after call until the moment `until`; the latencies in nanoseconds."""
    found, keys = array("Q"), cycle(key % domain for key in data.keys(2000, salt))
    before = clock()
    while before < until:
        await call(next(keys))
        after = clock()
        found.append(after - before)
        before = after
    return found


async def tasks(
    count: int, call: Callable[[int], Awaitable[Any]], domain: int, seconds: float
) -> tuple[Figures, int]:
    """So many tasks at once, after a tenth of the time to warm up; the figures, and all calls."""

    async def during(length: float) -> "tuple[list[array[int]], float]":
        begin = clock()
        until = begin + int(length * 1e9)
        parts = await asyncio.gather(*(repeat(call, n, domain, until) for n in range(count)))
        counts.append(sum(map(len, parts)))
        return parts, (clock() - begin) / 1e9

    counts: list[int] = []
    await during(seconds / 10)
    parts, took = await during(seconds)
    least, most = min(map(len, parts)), max(map(len, parts))
    figures = {"rate": counts[-1] / took, "fairness": least / most} | percentiles(joined(parts))
    return figures, sum(counts)


async def select(db: Any, count: int, seconds: float) -> Figures:
    row = row_values(await db.point(77))
    assert tuple(row) == data.rows(1, 77)[76], "a wrong row"
    return (await tasks(count, lambda key: db.point(key + 1), data.ITEMS, seconds))[0]


@looped
async def point_1(db: Any, seconds: float) -> Figures:
    return await select(db, 1, seconds)


@looped
async def point_100(db: Any, seconds: float) -> Figures:
    return await select(db, 100, seconds)


@looped
async def write_100(db: Any, seconds: float) -> Figures:
    def write(key: int) -> Awaitable[None]:
        return db.write(key, "a body that is written")

    figures, written = await tasks(100, write, data.TALLIES, seconds)
    return figures | {"acknowledged": written}


@looped
async def read_back(db: Any, _seconds: float) -> Figures:
    """The settings in force, and the version of SQLite."""
    found = {name: (await db.fetch(f"pragma {name}"))[0][0] for name in READ_BACK}
    return {**found, "sqlite": (await db.fetch("select sqlite_version()"))[0][0]}


TICK = 0.002


async def late(until: int) -> "array[int]":
    """How late the loop wakes a sleeper who has an appointment every 2 ms, in nanoseconds.

    Those that a stall made it miss count too: else a stall of 100 ms would be one among many.
    """
    found, tick, due = array("Q"), int(TICK * 1e9), clock()
    while due < until:
        due += tick
        await asyncio.sleep((due - clock()) / 1e9)
        now = clock()
        while due <= now:
            found.append(now - due)
            due += tick
        due -= tick
    return found


@looped
async def lag(db: Any, seconds: float) -> Figures:
    """Four tasks with long statements, a hundred with short ones that rest a while in between."""
    statements = [*data.LONG.values(), data.LONG["sort"] + " where 1"]
    fetch = getattr(db, "long", db.fetch)
    if hasattr(db, "prepare_long"):
        for sql in statements:
            await db.prepare_long(sql)
    begin = clock()
    until = begin + int(seconds * 1e9)
    took: list[float] = []
    short = 0

    async def long(sql: str) -> None:
        while clock() < until:
            before = time.perf_counter()
            await fetch(sql)
            took.append(time.perf_counter() - before)

    async def brief(n: int) -> None:
        nonlocal short
        keys = cycle(data.keys(500, n))
        while clock() < until:
            await db.point(next(keys))
            short += 1
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        sleeper = group.create_task(late(until))
        for sql in statements:
            group.create_task(long(sql))
        for n in range(100):
            group.create_task(brief(n))
    figures = percentiles(sleeper.result())
    return figures | {"rate": short / seconds, "long": len(took) / seconds}
