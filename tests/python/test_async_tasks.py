"""Operations under asyncio: tasks, deadlines, cancellation."""

import asyncio
import gc
import random
import warnings
from collections.abc import Coroutine
from typing import Any

import pytest

from holdfast import AsyncDatabase
from holdfast.errors import TimeoutError

INSERT = "insert into note(body) values (?)"
COUNT = "select count(*) from note"
LONG = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"
WRITE = f"insert into note(body) {LONG}"
SOME = (
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 300000) "
    "select count(*) from c"
)


async def nothing_is_held(adb: AsyncDatabase) -> None:
    """The lane and all readers are to be had again."""
    assert await adb.execute(INSERT, ["after"], timeout=10) == 1
    snapshots = [adb.snapshot(timeout=10) for _ in range(10)]
    for snapshot in snapshots:
        await snapshot.__aenter__()
    for snapshot in snapshots:
        await snapshot.__aexit__(None, None, None)
    stats = await adb.stats()
    assert stats["lane"]["holder"] is None
    assert stats["pool"]["holders"] == []


async def test_operations_are_coroutines(adb: AsyncDatabase) -> None:
    operation = adb.fetch_one("select 1")
    assert isinstance(operation, Coroutine)
    assert asyncio.iscoroutine(operation)
    assert "fetch_one" in repr(operation)
    task = asyncio.create_task(operation)
    assert "fetch_one" in repr(task)
    assert await task == (1,)


async def test_many_at_once(adb: AsyncDatabase) -> None:
    async with asyncio.TaskGroup() as group:
        writes = [group.create_task(adb.execute(INSERT, [n])) for n in range(50)]
        reads = [group.create_task(adb.fetch_one("select ?", [n])) for n in range(50)]
        slow = [group.create_task(adb.fetch_value(SOME)) for _ in range(20)]
    assert [task.result() for task in writes] == [1] * 50
    assert [task.result() for task in reads] == [(n,) for n in range(50)]
    assert [task.result() for task in slow] == [300_000] * 20
    assert await asyncio.gather(*(adb.fetch_value(COUNT) for _ in range(20))) == [50] * 20


async def test_deadlines_of_asyncio_end_a_statement(adb: AsyncDatabase) -> None:
    assert await asyncio.wait_for(adb.fetch_value("select 7"), 10) == 7
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(adb.fetch_value(LONG), 0.05)
    with pytest.raises(asyncio.TimeoutError):
        async with asyncio.timeout(0.05):
            await adb.execute(WRITE)
    await nothing_is_held(adb)
    assert await adb.fetch_value(COUNT) == 1


async def test_timeouts_of_operations_end_a_statement(adb: AsyncDatabase) -> None:
    with pytest.raises(TimeoutError, match="its timeout; nothing of it was kept"):
        await adb.fetch_value(LONG, timeout=0.05)
    with pytest.raises(TimeoutError):
        await adb.execute(WRITE, timeout=0.05)
    async with adb.transaction() as tx:
        await tx.execute(INSERT, ["a"])
        with pytest.raises(TimeoutError):
            await tx.fetch_all(LONG, timeout=0.05)
    with pytest.raises(TimeoutError):
        await anext(adb.iterate(LONG, timeout=0.05))
    await nothing_is_held(adb)
    assert await adb.fetch_value(COUNT) == 2


async def test_a_shielded_operation_goes_on(adb: AsyncDatabase) -> None:
    inner = asyncio.ensure_future(adb.fetch_value(SOME))
    outer = asyncio.create_task(asyncio.wait_for(asyncio.shield(inner), None))
    await asyncio.sleep(0)
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
    assert await inner == 300_000


async def test_one_that_is_never_awaited_does_nothing(adb: AsyncDatabase) -> None:
    with pytest.warns(RuntimeWarning, match="execute was never awaited, and did nothing"):
        adb.execute(INSERT, ["a"])
    assert await adb.fetch_value(COUNT) == 0
    with pytest.warns(RuntimeWarning, match="fetch_one"), pytest.raises(TypeError, match="subscri"):
        adb.fetch_one("select 1")[0]  # pyright: ignore[reportIndexIssue]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adb.fetch_one("select 1").close()
        adb.iterate("select 1")
        adb.transaction()
        gc.collect()


async def test_one_is_awaited_once(adb: AsyncDatabase) -> None:
    operation = adb.execute(INSERT, ["a"])
    assert await operation == 1
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        await operation
    with pytest.raises(TypeError, match="iterable"):
        list(operation)  # pyright: ignore[reportArgumentType]
    assert await adb.fetch_value(COUNT) == 1


async def test_cancelling_gives_everything_back(adb: AsyncDatabase) -> None:
    async def in_a_transaction() -> None:
        async with adb.transaction() as tx:
            await tx.execute(INSERT, ["never"])
            await tx.fetch_value(LONG)

    async def in_a_batch() -> None:
        await adb.execute_many(INSERT, (["never"] for _ in iter(int, 1)))

    async def iterating() -> None:
        async for _ in adb.iterate(f"{LONG} union all select 2"):
            pass

    for work in [in_a_transaction, in_a_batch, iterating]:
        task = asyncio.create_task(work())
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await nothing_is_held(adb)
    assert await adb.fetch_value("select count(*) from note where body = 'never'") == 0


async def test_one_cancelled_in_the_queue_for_the_lane_leaves_it(adb: AsyncDatabase) -> None:
    async with adb.transaction() as tx:
        waiting = [asyncio.create_task(adb.execute(INSERT, [n])) for n in range(5)]
        while (await adb.stats())["lane"]["waiting"] < 5:
            await asyncio.sleep(0)
        for task in waiting[::2]:
            task.cancel()
        await asyncio.wait(waiting[::2])
        await tx.execute(INSERT, ["first"])
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in done] == [
        True, False, True, False, True,
    ]  # fmt: skip
    rows = await adb.fetch_all("select body from note order by id")
    assert [body for (body,) in rows] == ["first", 1, 3]


async def test_a_storm_of_cancels_loses_and_holds_nothing(adb: AsyncDatabase) -> None:
    chance = random.Random(7)
    committed = 0

    async def write(number: int) -> None:
        nonlocal committed
        async with adb.transaction() as tx:
            await tx.execute(INSERT, [number])
            await tx.fetch_value(SOME if number % 7 == 0 else "select 1")
            await tx.execute(INSERT, [number])
        committed += 1

    tasks: list[asyncio.Task[Any]] = []
    for number in range(200):
        tasks.append(asyncio.create_task(write(number)))
        tasks.append(asyncio.create_task(adb.fetch_value(SOME if number % 20 == 0 else COUNT)))
        if number % 3 == 0:
            chance.choice(tasks).cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    # Cancelled while its commit was under way, a task does not learn that it committed.
    assert await adb.fetch_value(COUNT) >= 2 * committed
    assert await adb.fetch_value("select count(*) % 2 from note") == 0
    await nothing_is_held(adb)
