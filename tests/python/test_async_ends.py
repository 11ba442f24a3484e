"""Asynchronous work in the middle of which the process forks, is killed, or just ends."""

import asyncio
import random
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

import holdfast
from conftest import LOOPS
from holdfast import AsyncDatabase
from processes import Child, fork, join, look

INSERT = "insert into note(body) values (?)"
SOME = (
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 100000) "
    "select count(*) from c"
)

PENDING = """
import asyncio, sys, threading, uvloop, holdfast
LONG = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"
INSERT = "insert into note(body) values (?)"
path, kind, how = sys.argv[1:]
make = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[kind]

async def main():
    global db, tasks
    db = await holdfast.open_async(path, pool_size=3, hold_warning=None)
    await db.execute("create table note(id integer primary key, body)")
    await db.execute(INSERT, ["kept"])
    async def hold():
        async with db.transaction() as tx:
            await tx.execute(INSERT, ["never"])
            if how == "idle":
                await asyncio.sleep(1000)
            await tx.fetch_value(LONG)
    async def rows():
        async for _ in db.iterate(LONG if how != "idle" else "select * from note"):
            await asyncio.sleep(1000)
    work = [hold(), rows(), db.execute(INSERT, ["never"])]
    work += [db.fetch_value(LONG) for _ in range(9)]
    tasks = [asyncio.ensure_future(each) for each in work]
    for task in tasks:
        task._log_destroy_pending = False
    await asyncio.sleep(0.1)
    print("pending", flush=True)

if how == "run":
    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(main())
elif how == "thread":
    begun = threading.Event()
    def serve():
        loop = make()
        loop.run_until_complete(main())
        begun.set()
        loop.run_forever()
    threading.Thread(target=serve, daemon=True).start()
    begun.wait()
else:
    loop = make()
    loop.run_until_complete(main())
    loop.close()
sys.exit(7)
"""


@pytest.mark.parametrize("how", ["run", "closed", "idle", "thread"])
@pytest.mark.parametrize("kind", LOOPS)
def test_the_end_of_the_process_does_not_wait_for_operations(
    path: Path, kind: str, how: str
) -> None:
    with Child(PENDING, path, kind, how) as child:
        assert child.line() == "pending"
        assert child.wait(15) == 7
        assert child.errors == ""
    assert look(path, "select body from note") == [["kept"]]


KILLED = """
import asyncio, sys, uvloop, holdfast
path, kind, profile = sys.argv[1:]

async def main():
    async with holdfast.open_async(path, profile=profile) as db:
        await db.execute("create table note(task, number)")
        async def write(task):
            number = 0
            while True:
                if task % 2:
                    await db.execute("insert into note values (?, ?)", [task, number])
                else:
                    async with db.transaction() as tx:
                        await tx.execute("insert into note values (?, ?)", [task, -1])
                        await tx.execute("update note set number = ? where number = -1", [number])
                sys.stdout.write(f"{task} {number}\\n")
                sys.stdout.flush()
                number += 1
        await asyncio.gather(*(write(task) for task in range(20)))

make = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[kind]
with asyncio.Runner(loop_factory=make) as runner:
    runner.run(main())
"""


@pytest.mark.parametrize("profile", ["balanced", "durable"])
@pytest.mark.parametrize("kind", LOOPS)
def test_what_was_acknowledged_outlives_a_kill(path: Path, kind: str, profile: str) -> None:
    with Child(KILLED, path, kind, profile) as child:
        for _ in range(random.randrange(50, 300)):
            child.line()
        child.signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        told = child.rest()
    last: dict[int, int] = {}
    for task, number in (map(int, line.split()) for line in told):
        last[task] = number
    rows = look(path, "select task, count(*), min(number), max(number) from note group by task")
    for task, count, least, most in rows:
        assert (least, most) == (0, count - 1)
        assert most >= last.get(task, 0)
    assert last.keys() <= {task for task, *_ in rows}


@pytest.mark.parametrize("profile", ["balanced", "durable"])
@pytest.mark.parametrize("kind", LOOPS)
def test_a_fork_in_the_middle_leaves_both_sides_at_work(
    path: Path, kind: str, profile: Any
) -> None:
    acknowledged = 0

    async def in_the_child(database: AsyncDatabase) -> None:
        for number in range(10):
            await database.execute(INSERT, ["child"])
            async with database.transaction() as tx:
                await tx.execute(INSERT, ["child"])
                assert await tx.fetch_value(SOME) == 100_000
            assert [row async for row in database.iterate("select ?", [number])] == [(number,)]

    def child(database: AsyncDatabase) -> None:
        def serve() -> None:
            with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
                runner.run(in_the_child(database))
            done.append(True)

        # The loop of the parent is not left in this thread.
        done: list[bool] = []
        thread = threading.Thread(target=serve)
        thread.start()
        thread.join()
        assert done

    async def main() -> None:
        database = await holdfast.open_async(path, profile=profile, hold_warning=None)
        await database.execute("create table note(id integer primary key, body)")
        ended = asyncio.Event()

        async def write(sql: str) -> None:
            nonlocal acknowledged
            while not ended.is_set():
                async with database.transaction() as tx:
                    await tx.execute(INSERT, ["parent"])
                    await tx.fetch_value(sql)
                await database.execute(INSERT, ["parent"])
                acknowledged += 2

        async def read() -> None:
            while not ended.is_set():
                assert await database.fetch_value(SOME) == 100_000

        work = (write(SOME), write("select 1"), read(), read(), read())
        tasks = [asyncio.create_task(each) for each in work]
        children: list[int] = []
        for _ in range(3):
            await asyncio.sleep(0.02)
            children.append(fork(lambda: child(database)))
        await asyncio.to_thread(lambda: [join(pid) for pid in children])
        ended.set()
        await asyncio.gather(*tasks)
        counts = dict(await database.fetch_all("select body, count(*) from note group by body"))
        assert counts == {"parent": acknowledged, "child": 60}
        await database.close()

    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        runner.run(main())
