"""await db.run: a function in a transaction, all of it again on a retryable error."""

from typing import Any

import pytest

import holdfast
from holdfast import AsyncDatabase, RetryPolicy
from holdfast.errors import Error, TimeoutError

INSERT = "insert into note(body) values (?)"
BODIES = "select group_concat(body, ' ') from (select body from note order by id)"
LONG = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"


class Again(Error):
    retryable = True


async def test_it_gives_the_result_and_commits(adb: AsyncDatabase) -> None:
    async def add(tx: holdfast.AsyncTransaction, *bodies: str, upper: bool) -> int:
        for body in bodies:
            await tx.execute(INSERT, [body.upper() if upper else body])
        return len(bodies)

    assert await adb.run(add, "a", "b", upper=True) == 2
    assert await adb.fetch_value(BODIES) == "A B"


async def test_it_runs_the_whole_function_again(path: Any) -> None:
    calls: list[int] = []
    policy = RetryPolicy(attempts=3, min_delay=0.001, max_delay=0.002)
    async with holdfast.open_async(path, retry=policy) as adb:
        await adb.execute("create table note(id integer primary key, body)")

        async def work(tx: holdfast.AsyncTransaction, needed: int) -> str:
            await tx.execute(INSERT, ["x"])
            calls.append(await tx.fetch_value("select count(*) from note"))
            if len(calls) < needed:
                raise Again(str(len(calls)))
            return "done"

        assert await adb.run(work, 3) == "done"
        assert calls == [1, 1, 1]
        with pytest.raises(Again, match="6"):
            await adb.run(work, 100)
        assert await adb.fetch_value(BODIES) == "x"


async def test_it_does_not_repeat_what_is_final(adb: AsyncDatabase) -> None:
    calls: list[int] = []

    async def work(tx: holdfast.AsyncTransaction) -> None:
        calls.append(await tx.execute(INSERT, ["x"]))
        raise ValueError

    with pytest.raises(ValueError):
        await adb.run(work)
    assert calls == [1]
    assert await adb.fetch_value(BODIES) is None


async def test_it_ends_with_its_timeout(adb: AsyncDatabase) -> None:
    async def work(tx: holdfast.AsyncTransaction, sql: str) -> None:
        await tx.execute(INSERT, ["x"])
        await tx.fetch_value(sql)

    with pytest.raises(TimeoutError, match=r"0\.1 s, its timeout; nothing of it was kept"):
        await adb.run(work, LONG, timeout=0.1)
    assert await adb.fetch_value(BODIES) is None
    assert await adb.run(work, "select 1", timeout=30) is None


async def test_a_plain_function_is_no_coroutine_function(adb: AsyncDatabase) -> None:
    def add(tx: holdfast.AsyncTransaction) -> str:
        return repr(tx)

    with pytest.raises(TypeError, match="async def"):
        await adb.run(add)  # pyright: ignore[reportArgumentType, reportCallIssue]
