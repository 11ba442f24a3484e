"""Iterating in a task: one snapshot, constant memory, and an end in every order."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

import holdfast
from holdfast import AsyncDatabase
from holdfast.errors import BusyError, ClosedError, ProgrammingError

COUNT = (
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < ?) select n from c"
)
IDS = "select id from note order by id"


class Numbered(NamedTuple):
    id: int


async def numbers(rows: AsyncIterator[tuple[Any, ...]]) -> list[Any]:
    return [row[0] async for row in rows]


async def read(database: AsyncDatabase) -> None:
    """The only reader is to be had."""
    assert await database.fetch_value("select 1", timeout=10) == 1


def narrow(path: Any) -> Any:
    """A database with one reader, so that one not given back is missed."""
    return holdfast.open_async(path, pool_size=1)


@pytest.mark.parametrize("count", [0, 1, 1023, 1024, 1025, 10_000])
async def test_it_gives_every_row_once(adb: AsyncDatabase, count: int) -> None:
    sql = f"select n from ({COUNT}) where n <= {count}"
    assert await numbers(adb.iterate(sql, [10_000])) == list(range(1, count + 1))


async def test_it_is_one_snapshot_while_others_commit(adb: AsyncDatabase) -> None:
    await adb.execute_many("insert into note(id) values (?)", ([n] for n in range(5000)))
    rows = adb.iterate(IDS)
    assert await anext(rows) == (0,)
    await adb.execute("delete from note")
    assert await numbers(rows) == list(range(1, 5000))
    assert await numbers(adb.iterate(IDS)) == []


async def test_it_needs_constant_memory(adb: AsyncDatabase) -> None:
    tracemalloc.start()
    seen = 0
    async for _ in adb.iterate(COUNT, [200_000]):
        seen += 1
    assert seen == 200_000
    assert tracemalloc.get_traced_memory()[1] < 400_000
    tracemalloc.stop()


async def test_it_gives_its_reader_back_at_the_end(path: Any) -> None:
    async with narrow(path) as database:
        for _ in range(3):
            rows = database.iterate(COUNT, [3000])
            assert len(await numbers(rows)) == 3000
            assert await numbers(rows) == []
            await read(database)


async def test_it_gives_its_reader_back_when_closed(path: Any) -> None:
    async with narrow(path) as database:
        rows = database.iterate(COUNT, [3000])
        await anext(rows)
        with pytest.raises(BusyError):
            await database.fetch_value("select 1", timeout=0.05)
        await rows.aclose()
        await rows.aclose()
        assert await numbers(rows) == []
        await read(database)


async def test_it_gives_its_reader_back_when_left_early(path: Any) -> None:
    async with narrow(path) as database:
        async for row in database.iterate(COUNT, [3000]):
            assert row == (1,)
            break
        gc.collect()
        await read(database)
        async with database.iterate(COUNT, [3000]) as rows:
            assert await anext(rows) == (1,)
        await read(database)


async def test_it_gives_its_reader_back_on_an_error(path: Any) -> None:
    async with narrow(path) as database:
        sql = "select abs(n) from (select 1 n union all select -9223372036854775808)"
        with pytest.raises(holdfast.Error, match="overflow"):
            await numbers(database.iterate(sql))
        await read(database)
        with pytest.raises(holdfast.DataError):
            async for _ in database.iterate("select 'x' as id", into=Numbered):
                pass
        await read(database)


async def test_one_that_was_never_begun_holds_nothing(path: Any) -> None:
    async with narrow(path) as database:
        rows = database.iterate(COUNT, [3])
        await read(database)
        await rows.aclose()
        assert await numbers(rows) == []
        assert await anext(database.iterate(COUNT, [3])) == (1,)
        await read(database)


async def test_a_transaction_sees_its_own_rows(adb: AsyncDatabase) -> None:
    async with adb.transaction() as tx:
        await tx.execute_many("insert into note(id) values (?)", ([n] for n in range(3000)))
        first, second = tx.iterate(IDS), tx.iterate(f"{IDS} desc")
        assert await anext(first) == (0,)
        assert await anext(second) == (2999,)
        assert await numbers(first) == list(range(1, 3000))
        assert await anext(second) == (2998,)
    with pytest.raises(ClosedError):
        await numbers(second)


async def test_two_tasks_cannot_advance_it_at_once(adb: AsyncDatabase) -> None:
    rows = adb.iterate(f"select count(*) from ({COUNT})", [500_000])
    first, second = await asyncio.gather(anext(rows), anext(rows), return_exceptions=True)
    assert first == (500_000,)
    assert isinstance(second, ValueError) and "being advanced already" in str(second)
    assert await numbers(rows) == []


async def test_a_write_is_refused(adb: AsyncDatabase) -> None:
    for sql in ["delete from note", "insert into note(body) values (1) returning id"]:
        with pytest.raises(ProgrammingError):
            await numbers(adb.iterate(sql))
    assert await adb.fetch_value("select count(*) from note") == 0


async def test_other_tasks_have_their_turns(adb: AsyncDatabase) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(other())
    assert len(await numbers(adb.iterate(COUNT, [100_000]))) == 100_000
    task.cancel()
    assert turns > 50
