"""What one task asks for does not keep the others of its loop waiting."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

from holdfast import AsyncDatabase

INSERT = "insert into note(body) values (?)"
MANY = (
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 300000) "
    "select n, n * 2, 'text', null, 1.5 from c"
)
SLOW = (
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 1000000) "
    "select count(*) from (select n from c order by n % 7919)"
)


@asynccontextmanager
async def turns() -> AsyncIterator[list[float]]:
    """The moments at which another task of the loop had its turn."""
    had: list[float] = []

    async def other() -> None:
        while True:
            had.append(time.perf_counter())
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await asyncio.sleep(0)
    try:
        yield had
    finally:
        task.cancel()


async def test_a_large_result_is_made_in_slices(adb: AsyncDatabase) -> None:
    begun = time.perf_counter()
    async with turns() as had:
        rows = await adb.fetch_all(MANY)
    took = time.perf_counter() - begun
    assert len(rows) == 300_000 and rows[-1] == (300_000, 600_000, "text", None, 1.5)
    assert len(had) > 100 * took
    assert max(b - a for a, b in pairwise(had)) < took / 2


async def test_a_sort_does_not_stop_the_loop(adb: AsyncDatabase) -> None:
    begun = time.perf_counter()
    async with turns() as had:
        assert await adb.fetch_value(SLOW) == 1_000_000
    took = time.perf_counter() - begun
    assert max(b - a for a, b in pairwise(had)) < took / 2


async def test_a_large_batch_is_taken_in_slices(adb: AsyncDatabase) -> None:
    begun = time.perf_counter()
    async with turns() as had:
        rows = ([n] for n in range(100_000))
        assert await adb.execute_many(INSERT, rows) == 100_000
    took = time.perf_counter() - begun
    assert len(had) > 50 * took
    assert await adb.fetch_value("select sum(body) from note") == 4_999_950_000


async def test_many_short_statements_let_others_have_their_turn(adb: AsyncDatabase) -> None:
    begun = time.perf_counter()
    async with turns() as had:
        for n in range(50_000):
            await adb.fetch_value("select ?", [n])
    assert len(had) > 100 * (time.perf_counter() - begun)


async def test_all_readers_held_do_not_block_the_loop(adb: AsyncDatabase) -> None:
    snapshots = [adb.snapshot() for _ in range(10)]
    for snapshot in snapshots:
        await snapshot.__aenter__()
    waiting = [asyncio.create_task(adb.fetch_value("select ?", [n])) for n in range(50)]
    async with turns() as had:
        while len(had) < 100:
            await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    assert await adb.execute(INSERT, ["a"]) == 1
    for snapshot in snapshots:
        await snapshot.__aexit__(None, None, None)
    assert await asyncio.gather(*waiting) == list(range(50))
