"""The commands of `holdfast artifacts` where there is no index, or none that can be used."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import COMMAND, Done, digest, failure, holdfast, make
from markdown_folder import database_of, fill
from processes import Child

ALL = [["query"], ["query", "map"], ["show", 1], ["stats"], ["log"], ["problems"]]
#: Commands that cannot do without the database.
NEEDING = ALL[2:]
LOCK = """
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("pragma journal_mode = delete")
c.execute("pragma locking_mode = exclusive")
c.execute("begin exclusive")
print("locked", flush=True)
input()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "docs")


@pytest.fixture
def synced(folder: Path) -> Path:
    assert holdfast("artifacts", "sync", folder).code == 0
    return folder


def ids(words: list[object]) -> str:
    return " ".join(map(str, words))


def listed(folder: Path, *words: object) -> str:
    """The warning with which the files were listed."""
    done = holdfast("artifacts", "query", "--root", folder, *words)
    assert done.code == 0
    assert done.out.splitlines()[0].split()[0] == "type"
    assert len(done.out.splitlines()) == 5
    assert done.err.startswith("warning: the index cannot be used: ")
    assert done.err.count("\n") == 1
    return done.err


@pytest.mark.parametrize("words", ALL, ids=ids)
def test_without_an_index_it_says_what_to_do(folder: Path, words: list[object]) -> None:
    done = holdfast("artifacts", *words, "--root", folder)
    assert f"run holdfast artifacts sync {folder}" in failure(done)
    assert not (folder / ".holdfast").exists()
    other = make(folder / "app.db", "create table note(x)", journal_mode="delete")
    before = digest(other)
    done = holdfast("artifacts", *words, "--root", folder, "--db", other)
    assert "has no index in it: run " in failure(done)
    assert digest(other) == before


@pytest.mark.parametrize("words", [["sync"], *([*words, "--root"] for words in ALL)], ids=ids)
def test_a_folder_that_does_not_exist_is_one_line(tmp_path: Path, words: list[object]) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("no", "file", "loop"):
        assert "does not exist" in failure(holdfast("artifacts", *words, tmp_path / name))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


def test_a_damaged_database_is_an_error_but_for_a_query(synced: Path) -> None:
    database_of(synced).write_text("something else\n" * 100)
    assert "not a database" in listed(synced)
    for words in NEEDING:
        done = holdfast("artifacts", *words, "--root", synced)
        assert "not a database" in failure(done)
    for option in ([], ["--dry-run"], ["--check"]):
        assert "not a database" in failure(holdfast("artifacts", "sync", synced, *option))


def test_files_that_are_listed_have_pages_in_json_too(synced: Path) -> None:
    words = ("--sort", "title", "--limit", 2, "--json")
    want = holdfast("artifacts", "query", "--root", synced, *words).json
    database_of(synced).write_text("something else")
    first = holdfast("artifacts", "query", "--root", synced, *words).json
    assert (first["source"], "not a database" in first["warning"]) == ("files", True)
    assert [item["path"] for item in first["items"]] == [item["path"] for item in want["items"]]
    more = ("--cursor", first["cursor"])
    second = holdfast("artifacts", "query", "--root", synced, *words, *more).json
    assert [item["title"] for item in second["items"]] == ["Road map"]
    assert second["cursor"] is None


def test_a_database_that_another_process_keeps_is_one_line(synced: Path) -> None:
    with Child(LOCK, database_of(synced)) as holder:
        assert holder.line() == "locked"
        assert "locked" in listed(synced)
        assert "locked" in failure(holdfast("artifacts", "stats", "--root", synced))
        assert "locked" in failure(holdfast("artifacts", "sync", synced))
        holder.send()
        holder.finish()


def test_an_index_of_a_newer_version_is_neither_used_nor_changed(synced: Path) -> None:
    later = (
        "insert into holdfast_migrations select component, 99, 'later', checksum, applied_at "
        "from holdfast_migrations where component = 'artifacts' limit 1"
    )
    make(database_of(synced), later, "pragma wal_checkpoint(truncate)")
    before = digest(database_of(synced))
    assert "at version 99" in listed(synced)
    for words in ([*words, "--root"] for words in NEEDING):
        assert "at version 99" in failure(holdfast("artifacts", *words, synced))
    for option in ([], ["--check"]):
        assert "at version 99" in failure(holdfast("artifacts", "sync", synced, *option))
    assert digest(database_of(synced)) == before


def test_a_row_that_cannot_be_read_is_one_line(synced: Path) -> None:
    make(database_of(synced), "update artifacts set metadata_json = '{'")
    for words in (["query"], ["show", 1]):
        done = holdfast("artifacts", *words, "--root", synced)
        assert "cannot be read" in failure(done)


def test_the_directory_of_the_index_is_not_followed_out_of_the_folder(folder: Path) -> None:
    elsewhere = folder.with_name("elsewhere")
    elsewhere.mkdir()
    (folder / ".holdfast").symlink_to(elsewhere)
    assert "symbolic link" in failure(holdfast("artifacts", "sync", folder))
    assert list(elsewhere.iterdir()) == []


def test_another_sync_is_waited_for_within_the_timeout(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        done = holdfast("artifacts", "sync", folder, "--timeout", 0.1)
        assert "another sync" in failure(done)
    finally:
        os.close(handle)


@pytest.mark.parametrize(
    "words",
    [
        ["query", "--cursor", "zz"],
        ["query", "--cursor", "WyItdXBkYXRlZCIsICJ4IiwgMTExMTExMTExMTExMTExMTExMTExMTExMTExMV0="],
        ["query", "--cursor", "é", "--offset", "1"],
        ["query", "--sort", "odd"],
        ["query", "--sort", "relevance"],
        ["query", "--limit", "0"],
        ["query", "--offset", "9" * 30],
        ["query", "--created-after", "2026-13-01"],
        ["query", "--updated-before", "soon"],
        ["show", "x"],
        ["show", "1", "--raw", "--json"],
        ["log", "--limit", "1001"],
    ],
    ids=" ".join,
)
def test_a_mistake_is_told_before_the_index_is_looked_for(folder: Path, words: list[str]) -> None:
    done = holdfast("artifacts", *words, "--root", folder)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err


def test_without_the_extra_there_is_a_hint() -> None:
    code = "import sys; sys.modules['yaml'] = None; from holdfast.cli import main; main()"
    words = [sys.executable, "-c", code, "artifacts", "sync"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert failure(Done(done.returncode, done.stdout, done.stderr), 2).endswith(
        'pip install "holdfast[artifacts]"\n'
    )


@pytest.mark.parametrize("words", [["sync"], *([*words, "--root"] for words in ALL)], ids=ids)
def test_a_closed_standard_output_is_no_failure(synced: Path, words: list[object]) -> None:
    shell = ["sh", "-c", '"$@" >&-', "sh", *COMMAND, "artifacts", *words, synced]
    done = subprocess.run(list(map(str, shell)), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.replace("no rows\n", "")) == (0, "")
