"""Writes of many tasks in one turn of the loop share a commit, and nobody sees the others."""

import asyncio
from pathlib import Path

import pytest

import holdfast
from holdfast import AsyncDatabase

from .processes import Child

TASKS = 50
EACH = 40
ADD = "update tally set n = n + 1 where id = ?"


async def tally(db: AsyncDatabase) -> None:
    await db.execute_script(
        """
        create table tally(id integer primary key, n integer not null default 0);
        create table parent(id integer primary key);
        create table child(id integer primary key,
                           parent integer references parent deferrable initially deferred);
        create table strict_one(id integer primary key, n integer check (n > 0));
        create trigger fatal before insert on strict_one when new.n = 13
        begin select raise(rollback, 'thirteen'); end;
        """
    )
    await db.insert_many("tally", [{"id": i} for i in range(TASKS)])


async def together(work: list[asyncio.Task[object]]) -> list[object]:
    return await asyncio.gather(*work, return_exceptions=True)


async def test_every_acknowledged_write_is_there_and_commits_are_shared(adb: AsyncDatabase) -> None:
    await tally(adb)

    async def add(number: int) -> None:
        for _ in range(EACH):
            assert await adb.execute(ADD, [number]) == 1

    await asyncio.gather(*(add(i) for i in range(TASKS)))
    assert await adb.fetch_all("select distinct n from tally") == [(EACH,)]
    stats = await adb.stats()
    assert stats["group_writes"] > stats["group_commits"] > 0


async def test_a_failure_is_its_own_callers_alone(adb: AsyncDatabase) -> None:
    await tally(adb)

    async def write(number: int) -> list[object]:
        found: list[object] = []
        for turn in range(EACH):
            kind = (number + turn) % 5
            try:
                if kind == 1:
                    await adb.insert("strict_one", {"n": -1})
                elif kind == 2:
                    await adb.insert("strict_one", {"n": 13})
                elif kind == 3:
                    await adb.execute("insert into child(parent) values (?)", [10**6])
                elif kind == 4:
                    await adb.execute("insert or rollback into parent(id) values (null), (1), (1)")
                else:
                    await adb.execute(ADD, [number])
            except holdfast.IntegrityError:
                found.append(kind)
            else:
                assert kind == 0
        return found

    failures = await asyncio.gather(*(write(i) for i in range(TASKS)))
    assert all(len(found) == EACH * 4 // 5 for found in failures)
    assert await adb.fetch_value("select sum(n) from tally") == TASKS * EACH // 5
    empty = "select (select count(*) from child) + (select count(*) from parent)"
    assert await adb.fetch_value(empty) == 0
    assert await adb.fetch_value("select count(*) from strict_one") == 0


async def test_results_are_each_callers_own(adb: AsyncDatabase) -> None:
    await tally(adb)

    async def write(number: int) -> None:
        for turn in range(EACH):
            identity = 1000 + number * EACH + turn
            row = {"id": identity, "n": number}
            assert await adb.upsert("tally", row, key="id") == identity
            sql = "update tally set n = n + 1 where id = ? returning id, n"
            assert await adb.fetch_one(sql, [identity]) == (identity, number + 1)
            assert await adb.execute("update tally set n = 0 where id < ?", [number]) == number

    await asyncio.gather(*(write(i) for i in range(TASKS)))


async def test_the_writes_of_one_task_keep_their_order(adb: AsyncDatabase) -> None:
    await tally(adb)

    async def write(number: int) -> None:
        for turn in range(EACH):
            first = adb.execute("update tally set n = ? where id = ?", [2 * turn, number])
            then = adb.execute("update tally set n = ? where id = ?", [2 * turn + 1, number])
            await asyncio.gather(first, then)
            found = await adb.fetch_value("select n from tally where id = ?", [number])
            assert found == 2 * turn + 1

    await asyncio.gather(*(write(i) for i in range(TASKS)))


async def test_cancelled_writes_are_whole_or_not_there(adb: AsyncDatabase) -> None:
    await tally(adb)
    done = [0] * TASKS
    begun = [0] * TASKS

    async def add(number: int) -> None:
        while True:
            begun[number] += 1
            await adb.execute(ADD, [number])
            done[number] += 1

    tasks = [asyncio.create_task(add(i)) for i in range(TASKS)]
    for turn in range(TASKS):
        for _ in range(turn % 7):
            await asyncio.sleep(0)
        tasks[turn].cancel()
    assert all(isinstance(e, asyncio.CancelledError) for e in await together(list(tasks)))
    counted = await adb.fetch_all("select n from tally order by id")
    for (n,), least, most in zip(counted, done, begun, strict=True):
        assert least <= n <= most
    assert await adb.execute(ADD, [0]) == 1


async def test_another_process_is_waited_for(adb: AsyncDatabase, path: Path) -> None:
    await tally(adb)
    code = """
import sys, holdfast
with holdfast.open(sys.argv[1]) as db:
    for _ in range(300):
        with db.transaction() as tx:
            tx.execute("update tally set n = n + 1 where id = 0")
"""

    async def add(number: int) -> None:
        for _ in range(EACH):
            await adb.execute(ADD, [number])

    with Child(code, path) as other:
        await asyncio.gather(*(add(i) for i in range(TASKS)))
        await asyncio.to_thread(other.finish)
    assert await adb.fetch_value("select n from tally where id = 0") == EACH + 300
    assert await adb.fetch_value("select sum(n) from tally") == EACH * TASKS + 300


async def test_a_closed_database_fails_them_all(adb: AsyncDatabase) -> None:
    await tally(adb)

    async def add(number: int) -> None:
        while True:
            await adb.execute(ADD, [number])

    tasks = [asyncio.create_task(add(i)) for i in range(TASKS)]
    await asyncio.sleep(0.01)
    await adb.close()
    ended = await asyncio.wait_for(together(list(tasks)), 30)
    assert all(isinstance(error, holdfast.ClosedError) for error in ended)
    with pytest.raises(holdfast.ClosedError):
        await adb.execute(ADD, [0])
