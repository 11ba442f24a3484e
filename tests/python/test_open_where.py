"""Where a database may be opened, and by how many at once."""

import gc
import stat
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import (
    CorruptionError,
    DatabaseError,
    PathError,
)
from processes import Child


def test_without_create_a_missing_file_is_refused(path: Path) -> None:
    with pytest.raises(PathError, match="no such file"):
        holdfast.open(path, create=False)
    assert not path.exists()


def test_a_path_lies_below_the_data_directory(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with holdfast.open("sub/app.db", data_dir=data) as db:
        db.execute("create table t(x)")
        assert Path(db.path) == data / "sub" / "app.db"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "sub" / "app.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("bad", ["../app.db", "/tmp/app.db", "", "a\0b", "file:app.db", "sub/"])
def test_paths_that_escape_or_make_no_sense_are_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(PathError):
        holdfast.open(bad, data_dir=tmp_path)


def test_a_link_is_refused_in_a_data_directory(tmp_path: Path) -> None:
    (tmp_path / "real.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    with pytest.raises(PathError, match="symbolic link"):
        holdfast.open("link.db", data_dir=tmp_path)


def test_a_memory_database_is_a_private_file_gone_after_close() -> None:
    one, two = holdfast.open(":memory:"), holdfast.open(":memory:")
    one.execute("create table t(x)")
    assert two.fetch_all("select name from sqlite_schema") == []
    file = Path(one.path)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    one.close()
    two.close()
    assert not file.parent.exists()


def test_a_forgotten_memory_database_is_removed_too() -> None:
    file = Path(holdfast.open(":memory:").path)
    gc.collect()
    assert not file.parent.exists()


def test_a_missing_extension_is_named(path: Path) -> None:
    with pytest.raises(DatabaseError, match="nowhere"):
        holdfast.open(path, extensions=["/nowhere/extension.so"])


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(CorruptionError, match="holdfast check"):
        holdfast.open(path)


_FIRST_OPEN = """
import sys, holdfast
print("ready", flush=True)
sys.stdin.readline()
with holdfast.open(sys.argv[1]) as db:
    db.execute("create table if not exists t(x)")
    db.execute("insert into t values (?)", [sys.argv[2]])
"""


@pytest.mark.parametrize("count", [2, 16])
def test_processes_that_open_a_new_file_at_once(path: Path, count: int) -> None:
    children = [Child(_FIRST_OPEN, path, number) for number in range(count)]
    try:
        for child in children:
            assert child.line() == "ready"
        for child in children:
            child.send()
        for child in children:
            child.finish()
    finally:
        for child in children:
            child.kill()
    with holdfast.open(path) as db:
        assert db.fetch_value("select count(distinct x) from t") == count
        assert db.fetch_value("pragma integrity_check") == "ok"
