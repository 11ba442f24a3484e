"""Opening, migrating and looking after a database from an event loop."""

import asyncio
from pathlib import Path

import pytest

import holdfast
from holdfast import AsyncDatabase, Migration
from holdfast.errors import ClosedError, MigrationError, PathError, ProgrammingError

STEPS = [
    Migration(1, "note", "create table note(id integer primary key, body)"),
    Migration(2, "tag", "create table tag(name text)"),
]
INSERT = "insert into note(body) values (?)"


async def test_opening_is_awaited_or_entered(path: Path) -> None:
    database = await holdfast.open_async(path, pool_size=2)
    assert (await database.stats())["pool"]["open"] <= 2
    assert database.path == path.resolve()
    async with database as same:
        assert same is database
    assert database.closed
    async with holdfast.open_async(path) as database:
        assert not database.closed
    assert database.closed
    assert "closed" in repr(database)


async def test_what_is_asked_of_open_is_checked(path: Path) -> None:
    with pytest.raises(PathError):
        await holdfast.open_async(path.parent / "missing" / "app.db")
    with pytest.raises(ProgrammingError, match="unknown profile"):
        await holdfast.open_async(path, profile="fast")  # pyright: ignore[reportArgumentType]
    assert not path.exists()


async def test_a_handle_that_is_dropped_is_closed(path: Path) -> None:
    database = await holdfast.open_async(path)
    await database.execute("create table t(x)")
    del database
    async with holdfast.open_async(path) as database:
        assert await database.fetch_value("select count(*) from t") == 0


async def test_migrations_run_at_open_and_later(path: Path) -> None:
    async with holdfast.open_async(path, migrations=STEPS[:1]) as database:
        assert await database.schema_version() == 1
        assert (await database.migrate()).applied == ()
        dry = await database.migrate(STEPS, dry_run=True)
        assert [step.name for step in dry.applied] == ["tag"]
        assert await database.schema_version() == 1
        assert (await database.migrate(STEPS)).to_version == 2
        assert await database.schema_version("other", timeout=5) == 0
    with pytest.raises(MigrationError):
        await holdfast.open_async(path, migrations=STEPS[:1])
    async with holdfast.open_async(path) as database:
        with pytest.raises(MigrationError, match="no migrations were given"):
            await database.migrate()


async def test_a_backup_tells_how_far_it_is(adb: AsyncDatabase, tmp_path: Path) -> None:
    await adb.execute_many(INSERT, ([b"x" * 4000] for _ in range(2000)))
    told: list[tuple[int, int]] = []
    loop = asyncio.get_running_loop()

    def progress(done: int, total: int) -> None:
        assert asyncio.get_running_loop() is loop
        told.append((done, total))

    report = await adb.backup(tmp_path / "copy.db", progress=progress)
    assert report.check.ok
    assert told == sorted(told)
    assert told[-1] == (report.pages, report.pages)
    with pytest.raises(PathError, match="exists"):
        await adb.backup(tmp_path / "copy.db")
    again = await adb.backup(tmp_path / "copy.db", overwrite=True, timeout=30)
    assert again.pages == report.pages


async def test_a_progress_that_raises_ends_the_backup(adb: AsyncDatabase, tmp_path: Path) -> None:
    await adb.execute_many(INSERT, ([b"x" * 4000] for _ in range(20_000)))

    def progress(done: int, _total: int) -> None:
        raise LookupError(done)

    with pytest.raises(LookupError):
        await adb.backup(tmp_path / "copy.db", progress=progress)
    await adb.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["app.db"]


async def test_a_cancelled_backup_leaves_nothing(adb: AsyncDatabase, tmp_path: Path) -> None:
    await adb.execute_many(INSERT, ([b"x" * 4000] for _ in range(20_000)))
    begun = asyncio.Event()
    backup = asyncio.create_task(adb.backup(tmp_path / "copy.db", progress=lambda *_: begun.set()))
    await begun.wait()
    backup.cancel()
    with pytest.raises(asyncio.CancelledError):
        await backup
    await adb.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["app.db"]


async def test_reports_are_those_of_the_synchronous_face(adb: AsyncDatabase) -> None:
    await adb.execute(INSERT, ["a"])
    done = await adb.checkpoint("truncate")
    assert (done.mode, done.complete) == ("truncate", True)
    with pytest.raises(ProgrammingError, match="unknown mode"):
        await adb.checkpoint("sometimes")  # pyright: ignore[reportArgumentType]
    assert (await adb.check()).ok
    assert (await adb.check(quick=True, timeout=5)).ok
    assert (await adb.vacuum()).reclaimed == 0
    assert (await adb.vacuum(full=True)).reclaimed >= 0
    assert (await adb.pragmas())["journal_mode"] == "wal"
    stats = await adb.stats()
    assert stats["lane"]["holder"] is None
    assert stats["last_vacuum"] is not None


async def test_close_ends_what_waits_and_what_runs(adb: AsyncDatabase) -> None:
    tx = await adb.transaction().__aenter__()
    waiting = asyncio.create_task(adb.execute(INSERT, ["a"]))
    while (await adb.stats())["lane"]["waiting"] < 1:
        await asyncio.sleep(0)
    closing = asyncio.create_task(adb.close())
    with pytest.raises(ClosedError):
        await waiting
    await tx.__aexit__(None, None, None)
    await closing
    with pytest.raises(ClosedError):
        await adb.fetch_value("select 1")
