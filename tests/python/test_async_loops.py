"""One database and many event loops; both faces of one file."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
from conftest import LOOPS
from holdfast import AsyncDatabase
from processes import run

INSERT = "insert into note(body) values (?)"
COUNT = "select count(*) from note"
SOME = (
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 100000) "
    "select count(*) from c"
)
pytestmark = pytest.mark.parametrize("kind", LOOPS)


def run_on(kind: str, main: Any) -> Any:
    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        return runner.run(main)


def test_loops_one_after_the_other(adb: AsyncDatabase, kind: str) -> None:
    async def work() -> int:
        await adb.execute(INSERT, ["x"])
        async with adb.transaction() as tx:
            await tx.execute(INSERT, ["y"])
        return await adb.fetch_value(SOME)

    for _ in range(5):
        assert run_on(kind, work()) == 100_000
    assert run_on(kind, adb.fetch_value(COUNT)) == 10


def test_loops_in_two_threads_at_once(adb: AsyncDatabase, kind: str) -> None:
    together = threading.Barrier(2)

    async def add(amount: int) -> None:
        async with adb.transaction() as tx:
            value = await tx.fetch_value("select body from note where id = 1")
            await tx.fetch_value(SOME if value % 50 == 0 else "select 1")
            await tx.execute("update note set body = ? where id = 1", [value + amount])

    async def work() -> None:
        together.wait(20)
        async with asyncio.TaskGroup() as group:
            for _ in range(100):
                group.create_task(add(1))
                group.create_task(adb.execute("insert into note(body) values (0)"))

    run_on(kind, adb.execute("insert into note(id, body) values (1, 0)"))
    failures: list[BaseException] = []

    def thread() -> None:
        try:
            run_on(kind, work())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=thread) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert not failures
    assert run_on(kind, adb.fetch_one("select body, (select count(*) from note) from note")) == (
        200,
        201,
    )


def test_both_faces_of_a_file_share_the_lane(
    adb: AsyncDatabase, opened: Callable[..., holdfast.Database], kind: str
) -> None:
    db = opened()
    begun, done = threading.Event(), threading.Event()

    def hold() -> None:
        with db.transaction() as tx:
            tx.execute(INSERT, ["first"])
            begun.set()
            done.wait(20)

    async def work() -> None:
        with pytest.raises(holdfast.BusyError, match='thread "the holder"'):
            await adb.execute(INSERT, ["early"], timeout=0.05)
        waiting = asyncio.create_task(adb.execute(INSERT, ["second"]))
        while (await adb.stats())["lane"]["waiting"] < 1:
            await asyncio.sleep(0)
        done.set()
        assert await waiting == 1

    holder = threading.Thread(target=hold, name="the holder")
    holder.start()
    assert begun.wait(20)
    run_on(kind, work())
    holder.join(20)
    assert db.fetch_all("select body from note order by id") == [("first",), ("second",)]


def test_a_thread_waits_for_a_task(
    adb: AsyncDatabase, opened: Callable[..., holdfast.Database], kind: str
) -> None:
    db = opened()

    async def work() -> None:
        async with adb.transaction() as tx:
            await tx.execute(INSERT, ["first"])
            waiting = asyncio.create_task(asyncio.to_thread(db.execute, INSERT, ["second"]))
            while (await adb.stats())["lane"]["waiting"] < 1:
                await asyncio.sleep(0)
        assert await waiting == 1

    run_on(kind, work())
    assert db.fetch_all("select body from note order by id") == [("first",), ("second",)]


def test_a_loop_that_was_left_in_the_middle_blocks_nobody(adb: AsyncDatabase, kind: str) -> None:
    async def leave() -> None:
        async def hold() -> None:
            async with adb.transaction() as tx:
                await tx.execute(INSERT, ["never"])
                await asyncio.Event().wait()

        asyncio.create_task(hold())  # noqa: RUF006
        asyncio.create_task(adb.fetch_value(f"{SOME} union all {SOME}"))  # noqa: RUF006
        await asyncio.sleep(0.01)

    run_on(kind, leave())
    assert run_on(kind, adb.execute(INSERT, ["after"], timeout=10)) == 1
    assert run_on(kind, adb.fetch_value(COUNT)) == 1


LEFT_OPEN = """
import asyncio, sys, holdfast, uvloop
LONG = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"

async def main():
    global db, tx
    db = await holdfast.open_async(sys.argv[1])
    await db.execute("create table if not exists note(body)")
    tx = db.transaction()
    await tx.__aenter__()
    await tx.execute("insert into note values (1)")
    asyncio.create_task(db.fetch_value(LONG))
    asyncio.create_task(db.execute("insert into note values (2)"))
    await asyncio.sleep(0.05)
    print("ends", flush=True)

factory = {"asyncio": None, "uvloop": uvloop.new_event_loop}[sys.argv[2]]
asyncio.Runner(loop_factory=factory).run(main())
"""


def test_a_program_that_ends_without_close_does_not_hang(path: Path, kind: str) -> None:
    assert "ends" in run(LEFT_OPEN, path, kind)
