"""Hostile use of the asynchronous face: early timers, closed loops, operations driven by hand."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import holdfast
from conftest import LOOPS
from holdfast import AsyncDatabase
from holdfast.errors import BusyError, ClosedError, ProgrammingError, TimeoutError

INSERT = "insert into note(body) values (?)"
BODIES = "select body from note order by id"
BODY = "select body from note"
LONG = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"
WRITE = f"insert into note(body) {LONG}"


async def test_a_timer_that_rings_early_ends_the_wait_all_the_same(adb: AsyncDatabase) -> None:
    async with adb.transaction():
        for timeout in (0.0004, 0.0104, 0.0203, 0.0304):
            waiting = asyncio.create_task(adb.execute(INSERT, ["a"], timeout=timeout))
            with pytest.raises(BusyError):
                await asyncio.wait_for(waiting, 10)


async def test_an_operation_keeps_its_database_open(path: Path) -> None:
    assert await (await holdfast.open_async(path)).execute("create table note(body)") == 0
    assert await (await holdfast.open_async(path)).execute(INSERT, ["a"], timeout=5) == 1
    assert await (await holdfast.open_async(path)).fetch_value(BODY) == "a"
    rows = (await holdfast.open_async(path)).iterate(BODY)
    assert [row async for row in rows] == [("a",)]
    assert (await (await holdfast.open_async(path)).stats())["lane"]["holder"] is None


@pytest.mark.parametrize("nested", [False, True])
async def test_a_recursive_write_in_a_transaction_ends_at_its_deadline(
    adb: AsyncDatabase, nested: bool
) -> None:
    with pytest.raises(ClosedError, match="rolled back by SQLite"):
        async with adb.transaction() as tx:
            await tx.execute(INSERT, ["a"])
            with pytest.raises(TimeoutError):
                if nested:
                    async with tx.transaction() as inner:
                        await inner.execute(WRITE, timeout=0.05)
                else:
                    await tx.execute(WRITE, timeout=0.05)
            with pytest.raises(ClosedError, match="rolled back by SQLite"):
                await tx.execute(INSERT, ["b"])
    assert await adb.fetch_all(BODIES) == []


@pytest.mark.parametrize("timeout", [None, 30])
async def test_a_task_may_write_at_once_after_its_write_was_cancelled(
    adb: AsyncDatabase, timeout: float | None
) -> None:
    for number in range(20):
        with pytest.raises(asyncio.TimeoutError):
            async with asyncio.timeout(0.002):
                await adb.execute(WRITE, timeout=timeout)
        assert await adb.execute(INSERT, [number], timeout=10) == 1
    assert await adb.fetch_value("select count(*) from note") == 20


async def test_a_task_may_write_at_once_after_a_double_cancel(adb: AsyncDatabase) -> None:
    async def work() -> None:
        async with adb.transaction() as tx:
            await tx.execute(INSERT, ["never"])
            await tx.fetch_value(LONG)

    for _ in range(10):
        task = asyncio.create_task(work())
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
        # At the address of the last one, most likely.
        assert await asyncio.create_task(adb.execute(INSERT, ["after"], timeout=10)) == 1
    assert await adb.fetch_value("select count(*) from note where body = 'never'") == 0


@pytest.mark.parametrize("profile", ["balanced", "durable"])
async def test_a_blocking_write_comes_before_tasks_of_its_own_loop(
    path: Path, profile: Any
) -> None:
    async with holdfast.open_async(path, profile=profile) as adb:
        await adb.execute("create table note(id integer primary key, body)")
        with holdfast.open(path, profile=profile) as db:
            held, done = threading.Event(), threading.Event()

            def hold() -> None:
                with db.transaction():
                    held.set()
                    done.wait(20)

            async def write() -> None:
                async with adb.transaction() as tx:
                    await tx.execute(INSERT, ["task"])
                    await asyncio.sleep(0)

            holder = threading.Thread(target=hold)
            holder.start()
            held.wait(20)
            waiting = asyncio.create_task(write())
            while (await adb.stats())["lane"]["waiting"] < 1:
                await asyncio.sleep(0)
            end = threading.Timer(0.1, done.set)
            end.start()
            assert db.execute(INSERT, ["blocking"], timeout=20) == 1
            await waiting
            holder.join()
            end.join()
            assert [body for (body,) in db.fetch_all(BODIES)] == ["blocking", "task"]


@pytest.mark.parametrize("kind", LOOPS)
def test_what_waits_when_its_loop_is_closed_is_given_back(adb: AsyncDatabase, kind: str) -> None:
    async def hold() -> None:
        async with adb.transaction() as tx:
            await tx.execute(INSERT, ["never"])
            async for _ in tx.iterate(LONG):
                pass

    async def queue() -> None:
        async with adb.transaction() as tx:
            await tx.execute(INSERT, ["never"])

    async def iterate() -> None:
        async for _ in adb.iterate(LONG):
            pass

    loop = LOOPS[kind]()
    tasks = [loop.create_task(work()) for work in (hold, queue, iterate)]
    loop.run_until_complete(asyncio.sleep(0.05))
    for task in tasks:
        task._log_destroy_pending = False  # pyright: ignore[reportAttributeAccessIssue]
    alive = [weakref.ref(task) for task in tasks]
    loop.close()
    del tasks, task, loop
    gc.collect()
    assert [task() for task in alive] == [None] * 3
    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        assert runner.run(adb.execute(INSERT, ["after"], timeout=10)) == 1
        assert runner.run(adb.fetch_all(BODIES)) == [("after",)]


def test_operations_that_are_driven_by_hand(adb: AsyncDatabase) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        adb.stats().send(None)
    for arguments in [(ValueError("x"),), (ValueError, "x"), (ValueError, ValueError("x"))]:
        operation: Any = adb.execute(INSERT, ["never"])
        with pytest.raises(ValueError, match="x"):
            operation.throw(*arguments)
        with pytest.raises(RuntimeError, match="cannot reuse"):
            operation.send(None)
    operation = adb.execute(INSERT, ["never"])
    with pytest.raises(TypeError):
        operation.throw(7)
    operation.close()
    operation.close()
    assert asyncio.run(adb.fetch_all(BODIES)) == []


async def test_parameters_that_use_the_database_themselves(
    adb: AsyncDatabase, opened: Callable[..., holdfast.Database]
) -> None:
    db = opened()

    class Row(Mapping[str, Any]):
        def __init__(self, body: Callable[[], Any]) -> None:
            self.body = body

        def __getitem__(self, key: str) -> Any:
            return self.body()

        def __iter__(self) -> Iterator[str]:
            return iter(["body"])

        def __len__(self) -> int:
            return 1

    reads, writes = Row(lambda: db.fetch_value("select 7")), Row(lambda: db.execute(INSERT, [1]))
    sql = "insert into note(body) values (:body)"
    assert await adb.execute(sql, reads) == 1
    assert await adb.execute_many(sql, [reads, reads]) == 2
    for write in (adb.execute(sql, writes), adb.execute_many(sql, [writes])):
        with pytest.raises(ProgrammingError, match="event loop holds the writer lane"):
            await write
    assert await adb.fetch_all(BODIES) == [(7,)] * 3
