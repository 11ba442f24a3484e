"""Opening: what is set and verified, what is shared, what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.errors import (
    BusyError,
    ClosedError,
    PragmaError,
    ProgrammingError,
)
from processes import look, run

Opened = Callable[..., holdfast.Database]

BALANCED = {
    "journal_mode": "wal",
    "synchronous": "normal",
    "foreign_keys": 1,
    "cache_size": -32000,
    "temp_store": "memory",
    "auto_vacuum": "incremental",
    "mmap_size": 1 << 30,
    "busy_timeout": 5000,
}


def test_the_balanced_profile_is_verified(opened: Opened) -> None:
    assert opened().pragmas() == BALANCED


def test_the_durable_profile_syncs_and_maps_nothing(opened: Opened) -> None:
    wanted = BALANCED | {"synchronous": "full", "mmap_size": 0}
    assert opened(profile="durable").pragmas() == wanted


def test_the_pragmas_hold_on_readers_and_on_the_writer(opened: Opened) -> None:
    db = opened()
    for name, value in [("foreign_keys", 1), ("synchronous", 1), ("cache_size", -32000)]:
        assert db.fetch_value(f"pragma {name}") == value
        with db.transaction() as tx:
            assert tx.fetch_value(f"pragma {name}") == value


def test_any_pragma_can_be_overridden(opened: Opened) -> None:
    pragmas = {"cache_size": -500, "foreign_keys": False, "recursive_triggers": "on"}
    found = opened(pragmas=pragmas).pragmas()
    assert (found["cache_size"], found["foreign_keys"]) == (-500, 0)
    assert found["recursive_triggers"] == 1


def test_a_rollback_journal_works(opened: Opened, path: Path) -> None:
    db = opened(pragmas={"journal_mode": "delete"})
    db.execute("create table t(x)")
    db.execute("insert into t values (1)")
    assert db.fetch_value("select x from t") == 1
    assert not path.with_name("app.db-wal").exists()


def test_a_pragma_error_lists_every_mismatch_with_why(path: Path) -> None:
    run(
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        "c.execute('create table t(x)'); c.close()",
        path,
    )
    with pytest.raises(PragmaError) as caught:
        holdfast.open(path, pragmas={"no_such_thing": 7, "mmap_size": 1 << 46})
    text = str(caught.value)
    assert "auto_vacuum: wanted incremental, found none" in text
    assert "db.vacuum(full=True)" in text
    assert "no_such_thing: wanted 7, found nothing" in text
    assert "mmap_size" in text


@pytest.mark.parametrize("size", [1, 3])
def test_the_pool_has_the_size_asked_for(opened: Opened, size: int) -> None:
    db = opened(pool_size=size)
    held = [db.snapshot(timeout=5).__enter__() for _ in range(size)]
    with pytest.raises(BusyError), db.snapshot(timeout=0.05):
        pass
    for snapshot in held:
        snapshot.__exit__(None, None, None)


def test_read_only_reads_and_never_writes(opened: Opened, path: Path) -> None:
    opened().execute("create table t(x)")
    db = opened(read_only=True)
    assert db.fetch_all("select * from t") == []
    with pytest.raises(ProgrammingError, match="read_only"):
        db.execute("insert into t values (1)")
    with pytest.raises(ProgrammingError, match="read_only"):
        db.fetch_all("insert into t values (1) returning x")
    assert look(path, "select count(*) from t") == [[0]]


def test_a_second_open_shares_the_engine(opened: Opened) -> None:
    one, two = opened(), opened()
    one.execute("create table t(x)")
    with one.transaction() as tx:
        tx.execute("insert into t values (1)")
        with pytest.raises(ProgrammingError, match="through the transaction"):
            two.execute("insert into t values (2)")
    one.close()
    assert two.fetch_value("select count(*) from t") == 1


def test_a_second_open_refuses_other_pragmas(opened: Opened) -> None:
    one = opened()
    with pytest.raises(PragmaError, match=r"synchronous.*open in this process already"):
        opened(profile="durable")
    one.close()
    # The refused open left no handle behind that would keep the engine alive.
    assert opened(profile="durable").pragmas()["synchronous"] == "full"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"profile": "fast"}, "balanced"),
        ({"pool_size": 0}, "pool_size"),
        ({"pragmas": {"cache_size": "1; drop table t"}}, "plain words"),
        ({"pragmas": {"x y": 1}}, "plain words"),
        ({"vacuum_every": -1.0}, "no time in seconds"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    path: Path, settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ProgrammingError, match=problem):
        holdfast.open(path, **settings)
    assert not path.exists()


def test_an_unknown_setting_is_refused(path: Path) -> None:
    with pytest.raises(ProgrammingError, match=r"no setting 'speed'|no setting \"speed\""):
        holdfast.Database(path, speed=11)
    with pytest.raises(TypeError, match="speed"):
        holdfast.open(path, speed=11)  # type: ignore[call-arg]


def test_sqlite_is_built_as_the_engine_wants_it(db: holdfast.Database) -> None:
    options = {row[0] for row in db.fetch_all("pragma compile_options")}
    assert {"THREADSAFE=1", "DEFAULT_MEMSTATUS=0", "DQS=0"} <= options or {
        "THREADSAFE=2",
        "DEFAULT_MEMSTATUS=0",
        "DQS=0",
    } <= options
    assert {"LIKE_DOESNT_MATCH_BLOBS", "DISABLE_PAGECACHE_OVERFLOW_STATS"} <= options
    assert not options & {"ENABLE_MEMORY_MANAGEMENT", "ENABLE_API_ARMOR", "OMIT_SHARED_CACHE"}
    version = db.fetch_value("select sqlite_version()")
    assert tuple(map(int, version.split("."))) >= (3, 51, 3)


def test_a_closed_database_says_so(path: Path) -> None:
    db = holdfast.open(path)
    assert not repr(db).endswith(", closed>")
    db.close()
    assert db.closed
    assert repr(db).endswith(", closed>")
    with pytest.raises(ClosedError):
        db.pragmas()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"retry": 5}, "RetryPolicy, not int"),
        ({"migrations": ["create table a(x)"]}, r"Migration\(version, name, sql\), not str"),
    ],
)
def test_a_setting_of_a_wrong_type_says_what_it_takes(
    path: Path, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(TypeError, match=says):
        holdfast.open(path, **settings)
