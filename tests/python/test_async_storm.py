"""Storms of cancels: what was acknowledged is there, the rest whole or not at all, nothing held."""

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
from conftest import LOOPS
from holdfast import AsyncDatabase, errors

INSERT = "insert into note(owner, part) values (?, ?)"
SOME = (
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 300000) "
    "select count(*) from c"
)
COUNT = (
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 5000) select n from c"
)
READERS = 4
EXPECTED = (asyncio.TimeoutError, errors.TimeoutError, ExceptionGroup)


class Storm:
    """Tasks of every kind; each writes as many rows of its own as `wanted` says."""

    def __init__(self, database: AsyncDatabase, chance: random.Random) -> None:
        self.db = database
        self.chance = chance
        self.wanted: dict[int, int] = {}
        self.acknowledged: set[int] = set()
        self.failures: list[Any] = []
        self.tasks: list[asyncio.Task[None]] = []
        once = [self.one, self.returning, self.by_column, self.within]
        twice = [self.script, self.again, self.timed]
        self.writes = [(1, write) for write in once] + [(2, write) for write in twice]
        self.writes += [(50, self.many), (4, self.nested), (3, self.together)]
        self.reads = [self.all_rows, self.rows, self.moment]

    def sql(self) -> str:
        return SOME if self.chance.random() < 0.1 else "select 1"

    async def one(self, me: int) -> None:
        await self.db.execute(INSERT, [me, 0])

    async def returning(self, me: int) -> None:
        await self.db.fetch_value(f"{INSERT} returning id", [me, 0], timeout=20)

    async def by_column(self, me: int) -> None:
        await self.db.upsert("note", {"owner": me, "part": 0}, key=["owner", "part"])

    async def within(self, me: int) -> None:
        async with asyncio.timeout(self.chance.random() / 50):
            await self.db.insert("note", {"owner": me, "part": 0})

    async def many(self, me: int) -> None:
        await self.db.execute_many(INSERT, ([me, part] for part in range(50)))

    async def script(self, me: int) -> None:
        row = "insert into note(owner, part) values"
        await self.db.execute_script(f"{row} ({me}, 0); {row} ({me}, 1)")

    async def nested(self, me: int) -> None:
        async with self.db.transaction() as tx:
            await tx.execute(INSERT, [me, 0])
            await tx.fetch_value(self.sql())
            with pytest.raises(LookupError):
                async with tx.transaction() as inner:
                    await inner.execute(INSERT, [me, 9])
                    await inner.fetch_value(self.sql())
                    raise LookupError
            async with tx.transaction() as inner:
                await inner.execute_many(INSERT, ([me, part] for part in (1, 2)))
            await tx.execute(INSERT, [me, 3])

    async def again(self, me: int) -> None:
        async def work(tx: Any) -> None:
            await tx.execute(INSERT, [me, 0])
            await tx.fetch_value(self.sql())
            await tx.insert("note", {"owner": me, "part": 1})

        await self.db.run(work)

    async def together(self, me: int) -> None:
        async with self.db.transaction() as tx, asyncio.TaskGroup() as group:
            for part in range(3):
                group.create_task(tx.execute(INSERT, [me, part]))
            if me % 4 == 0:
                group.create_task(tx.fetch_value("this fails"))

    async def timed(self, me: int) -> None:
        async with self.db.transaction(timeout=20) as tx:
            await tx.execute(INSERT, [me, 0], timeout=20)
            with pytest.raises(errors.TimeoutError):
                await tx.fetch_value(f"{SOME} where n > 0", timeout=0.0005)
            await tx.execute(INSERT, [me, 1])

    async def all_rows(self) -> None:
        await self.db.fetch_all(self.chance.choice([COUNT, SOME]))

    async def rows(self) -> None:
        async for _ in self.db.iterate(COUNT):
            if self.chance.random() < 0.001:
                break

    async def moment(self) -> None:
        async with self.db.snapshot() as snap:
            before = await snap.fetch_value("select count(*) from note")
            await snap.fetch_value(self.sql())
            assert len([row async for row in snap.iterate("select * from note")]) == before

    async def acknowledging(self, me: int, write: Callable[[int], Awaitable[None]]) -> None:
        await write(me)
        self.acknowledged.add(me)

    def begin(self) -> None:
        if self.chance.random() < 0.25:
            task = asyncio.create_task(self.chance.choice(self.reads)())
        else:
            me = len(self.wanted) + 1
            self.wanted[me], write = self.chance.choice(self.writes)
            task = asyncio.create_task(self.acknowledging(me, write))
        self.tasks.append(task)

    async def blow(self, cancels: int) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: self.failures.append(told))
        while cancels > 0:
            while len(self.tasks) < 60:
                self.begin()
            for _ in range(self.chance.randrange(6)):
                await asyncio.sleep(0)
            if self.chance.random() < 0.2:
                await asyncio.sleep(self.chance.random() / 300)
            victim = self.chance.choice(self.tasks)
            for _ in range(self.chance.choice([1, 1, 2])):
                cancels -= victim.cancel()
                await asyncio.sleep(0)
            self.look()
        async with asyncio.timeout(60):
            await asyncio.wait(self.tasks)
        self.look()

    def look(self) -> None:
        over = [task for task in self.tasks if task.done()]
        self.tasks = [task for task in self.tasks if not task.done()]
        raised = [task.exception() for task in over if not task.cancelled()]
        self.failures += [error for error in raised if error and not isinstance(error, EXPECTED)]

    async def check(self) -> None:
        assert self.failures == []
        found: dict[int, list[int]] = {}
        for owner, part in await self.db.fetch_all("select owner, part from note order by part"):
            found.setdefault(owner, []).append(part)
        assert self.acknowledged <= found.keys()
        assert found == {owner: list(range(self.wanted[owner])) for owner in found}
        assert await self.db.execute(INSERT, [0, 0], timeout=10) == 1
        snapshots = [self.db.snapshot(timeout=10) for _ in range(READERS)]
        for snapshot in snapshots:
            await snapshot.__aenter__()
        for snapshot in snapshots:
            await snapshot.__aexit__(None, None, None)
        stats = await self.db.stats()
        assert (stats["lane"]["holder"], stats["lane"]["waiting"]) == (None, 0)
        assert stats["pool"]["holders"] == []


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


async def storm(path: Path, profile: Any, seed: int, cancels: int) -> None:
    # Workers of the tests before stay for ten seconds, and serve this one too.
    before = threads()
    async with holdfast.open_async(path, profile=profile, pool_size=READERS) as database:
        await database.execute("create table note(id integer primary key, owner, part)")
        await database.execute("create unique index one on note(owner, part)")
        whirl = Storm(database, random.Random(seed))
        await whirl.blow(cancels)
        await whirl.check()
    # One for each reader and for the lane, twice for the two priorities, and those of the engine.
    assert threads() < max(40, before + 8)


@pytest.mark.parametrize("profile", ["balanced", "durable"])
async def test_a_thousand_cancels(path: Path, profile: str) -> None:
    await storm(path, profile, 1, 1000)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
async def test_a_thousand_cancels_of_tasks_that_begin_at_once(path: Path) -> None:
    running = asyncio.get_running_loop()
    if "uvloop" in type(running).__module__:
        pytest.skip("uvloop passes its task factory an argument that not every Python's takes")
    running.set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009
    await storm(path, "balanced", 2, 1000)


@pytest.mark.soak
@pytest.mark.parametrize("kind", LOOPS)
@pytest.mark.parametrize("profile", ["balanced", "durable"])
def test_storms_by_the_dozen(tmp_path: Path, profile: str, kind: str) -> None:
    for seed in range(20):
        with asyncio.Runner(loop_factory=LOOPS[kind], debug=seed % 2 == 1) as runner:
            runner.run(storm(tmp_path / f"{seed}.db", profile, seed, 1000))
