"""Transactions and snapshots of tasks: their ends, nesting and misuse."""

import asyncio
from typing import Any

import pytest

import holdfast
from holdfast import AsyncDatabase
from holdfast.errors import BusyError, ClosedError, Error, ProgrammingError

INSERT = "insert into note(body) values (?)"
LONG = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"
BODIES = "select group_concat(body, ' ') from (select body from note order by id)"


@pytest.mark.parametrize("mode", ["immediate", "deferred", "exclusive"])
async def test_it_commits_at_the_end(adb: AsyncDatabase, mode: Any) -> None:
    async with adb.transaction(mode) as tx:
        assert await tx.execute(INSERT, ["a"]) == 1
        assert await tx.fetch_value(BODIES) == "a"
        assert await adb.fetch_value(BODIES) is None
    assert await adb.fetch_value(BODIES) == "a"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
async def test_it_rolls_back_on_any_exception(
    adb: AsyncDatabase, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        async with adb.transaction() as tx:
            await tx.execute(INSERT, ["a"])
            raise error
    assert await adb.fetch_value(BODIES) is None
    assert await adb.execute(INSERT, ["b"], timeout=1) == 1


async def test_it_has_every_verb(adb: AsyncDatabase) -> None:
    async with adb.transaction() as tx:
        assert await tx.execute_many(INSERT, ([str(n)] for n in range(3))) == 3
        assert await tx.insert("note", {"body": "3"}) == 4
        assert await tx.insert_many("note", [{"body": "4"}, {"body": "5"}]) == 2
        assert await tx.upsert("note", {"id": 1, "body": "zero"}, key="id") == 1
        done = await tx.upsert_many("note", [{"id": 9, "body": "9"}], key="id")
        assert done.inserted == 1
        await tx.execute_script("delete from note where id = 2; delete from note where id = 3")
        assert await tx.fetch_value(f"{INSERT} returning id", ["ten"]) == 10
        assert [body async for (body,) in tx.iterate("select body from note order by id")] == [
            "zero", "3", "4", "5", "9", "ten",
        ]  # fmt: skip
        assert await tx.fetch_one("select count(*) as n from note", into=dict) == {"n": 6}


async def test_a_nested_one_undoes_its_own_part(adb: AsyncDatabase) -> None:
    async with adb.transaction() as tx:
        await tx.execute(INSERT, ["a"])
        with pytest.raises(ValueError):
            async with tx.transaction() as inner:
                await inner.execute(INSERT, ["b"])
                async with inner.transaction() as innermost:
                    await innermost.execute(INSERT, ["c"])
                raise ValueError
        async with tx.transaction() as inner:
            await inner.execute(INSERT, ["d"])
    assert await adb.fetch_value(BODIES) == "a d"


async def test_a_failed_statement_leaves_the_transaction_standing(adb: AsyncDatabase) -> None:
    async with adb.transaction() as tx:
        await tx.execute("insert into note(id, body) values (1, 'a')")
        with pytest.raises(holdfast.IntegrityError):
            await tx.execute("insert into note(id, body) values (1, 'b')")
        await tx.execute(INSERT, ["c"])
    assert await adb.fetch_value(BODIES) == "a c"


async def test_a_snapshot_is_one_moment(adb: AsyncDatabase) -> None:
    await adb.execute(INSERT, ["a"])
    async with adb.snapshot() as snap:
        assert await snap.fetch_value(BODIES) == "a"
        await adb.execute(INSERT, ["b"])
        assert await snap.fetch_all("select body from note") == [("a",)]
        with pytest.raises(Error, match="readonly|only reads|read"):
            await snap.fetch_value(f"{INSERT} returning id", ["c"])
    assert await adb.fetch_value(BODIES) == "a b"


async def test_the_task_that_holds_the_lane_must_write_through_it(adb: AsyncDatabase) -> None:
    async with adb.transaction() as tx:
        for operation in [
            adb.execute(INSERT, ["b"]),
            adb.execute(INSERT, ["b"], timeout=5),
            adb.insert("note", {"body": "b"}),
            adb.execute_script("delete from note"),
            adb.execute_many(INSERT, [["b"]]),
            adb.transaction().__aenter__(),
            adb.fetch_value(f"{INSERT} returning id", ["b"]),
        ]:
            with pytest.raises(ProgrammingError, match="this task holds the writer lane already"):
                await operation
        await tx.execute(INSERT, ["a"])
    assert await adb.fetch_value(BODIES) == "a"


async def test_a_call_that_would_block_the_loop_for_ever_is_an_error(
    adb: AsyncDatabase, opened: Any
) -> None:
    database = opened()
    async with adb.transaction() as tx:
        await tx.execute(INSERT, ["a"])
        with pytest.raises(ProgrammingError, match="event loop holds the writer lane"):
            database.execute(INSERT, ["b"])
        assert database.fetch_value("select count(*) from note") == 0
    assert database.execute(INSERT, ["b"]) == 1


async def test_it_is_used_inside_its_block_alone(adb: AsyncDatabase) -> None:
    tx, snap = adb.transaction(), adb.snapshot()
    for session in (tx, snap):
        with pytest.raises(ClosedError, match="not open"):
            await session.fetch_value("select 1")
        async with session:
            assert await session.fetch_value("select 1") == 1
        with pytest.raises(ClosedError, match="not open"):
            await session.fetch_value("select 1")
    with pytest.raises(ProgrammingError, match="mode"):
        adb.transaction("sometimes")  # pyright: ignore[reportArgumentType]


async def test_a_query_cancelled_in_it_leaves_it_standing(adb: AsyncDatabase) -> None:
    async with adb.transaction() as tx:
        await tx.execute(INSERT, ["a"])
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(tx.fetch_value(LONG), 0.05)
        await tx.execute(INSERT, ["b"])
    assert await adb.fetch_value(BODIES) == "a b"


async def test_a_write_cancelled_in_the_middle_rolls_it_back(adb: AsyncDatabase) -> None:
    with pytest.raises(ClosedError, match="rolled back"):
        async with adb.transaction() as tx:
            await tx.execute(INSERT, ["a"])
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(tx.execute(f"insert into note(body) {LONG}"), 0.05)
            with pytest.raises(ClosedError, match="rolled back"):
                await tx.execute(INSERT, ["b"])
    assert await adb.fetch_value(BODIES) is None
    assert await adb.execute(INSERT, ["c"], timeout=10) == 1


async def test_a_block_is_entered_once_at_a_time(adb: AsyncDatabase) -> None:
    for session in (adb.transaction(), adb.snapshot()):
        async with session:
            with pytest.raises(ProgrammingError, match="has begun already"):
                await session.__aenter__()
            assert await session.fetch_value("select 1") == 1
    assert await adb.execute(INSERT, ["a"], timeout=10) == 1


async def test_another_task_waits_and_learns_who_holds_the_lane(adb: AsyncDatabase) -> None:
    held, done = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with adb.transaction() as tx:
            await tx.execute("delete from note where id = 77")
            held.set()
            await done.wait()

    holder = asyncio.create_task(hold(), name="the importer")
    await held.wait()
    with pytest.raises(
        BusyError, match='task "the importer".*delete from note where id = 77'
    ) as caught:
        await adb.execute(INSERT, ["b"], timeout=0.05)
    assert [h["thread"] for h in caught.value.holders] == ["the importer"]
    waiting = asyncio.create_task(adb.insert("note", {"body": "later"}))
    await asyncio.sleep(0)
    done.set()
    await holder
    assert await waiting == 1
