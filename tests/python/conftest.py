"""Fixtures that every file shares."""

import asyncio
import inspect
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

import holdfast
from handlers import WAIT
from holdfast.jobs import JobManager

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., holdfast.Database]]:
    """Open the test's file with settings; closed at the end."""
    handles: list[holdfast.Database] = []

    def open_(**settings: Any) -> holdfast.Database:
        handles.append(holdfast.open(path, **settings))
        return handles[-1]

    yield open_
    for handle in handles:
        handle.close()


@pytest.fixture
def db(opened: Callable[..., holdfast.Database]) -> holdfast.Database:
    """A database with an empty table `note`."""
    database = opened()
    database.execute("create table note(id integer primary key, body)")
    return database


@pytest.fixture
def adb(path: Path) -> Iterator[holdfast.AsyncDatabase]:
    """The asynchronous face of a database with an empty table `note`."""

    async def open_() -> holdfast.AsyncDatabase:
        database = await holdfast.open_async(path)
        await database.execute("create table note(id integer primary key, body)")
        return database

    async def close(database: holdfast.AsyncDatabase) -> None:
        await database.close()

    database = asyncio.run(open_())
    yield database
    asyncio.run(close(database))


@pytest.fixture
def make(path: Path) -> Iterator[Callable[..., JobManager]]:
    """Make managers of jobs on the test's file; shut down at the end."""
    managers: list[JobManager] = []
    databases: list[holdfast.Database] = []

    def make_(**settings: Any) -> JobManager:
        databases.append(holdfast.open(path))
        managers.append(JobManager(databases[-1], **settings))
        return managers[-1]

    yield make_
    for manager in managers:
        manager.shutdown(cancel=True, timeout=WAIT)
    for database in databases:
        database.close()


@pytest.fixture
def jobs(make: Callable[..., JobManager]) -> JobManager:
    return make()


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    """An empty directory for copies."""
    directory = tmp_path / "backups"
    directory.mkdir()
    return directory


@pytest.fixture
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The directory of a disk of as many megabytes as its parameter says."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={request.param}m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")
    yield place
    subprocess.run(["umount", place], check=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("loop")
        metafunc.parametrize("loop", LOOPS)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function, on every kind of loop."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    with asyncio.Runner(loop_factory=LOOPS[pyfuncitem.callspec.params["loop"]]) as runner:
        runner.run(pyfuncitem.obj(**arguments))
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not os.environ.get("HOLDFAST_SOAK"):
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(pytest.mark.skip(reason="runs with HOLDFAST_SOAK=1"))
