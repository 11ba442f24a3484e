"""The database is locked, full, read-only, damaged or gone: the files are listed, or it is said."""

from collections.abc import Callable
from pathlib import Path

import pytest

import holdfast
from holdfast.artifacts import ArtifactIndex
from holdfast.errors import BusyError, Error
from markdown_files import counts, indexed, known, known_afresh, note, write
from processes import lock_held, run

FILES = {
    "plans/a.md": note("Alpha", "one word", status="done", tags="[x, y]", updated="2024-01-02"),
    "plans/b.md": note("beta", "two words", category="c", updated="2024-01-03"),
    "c.md": note("Gamma", "a word, too", tags="[x]", updated="2024-01-01"),
    "bad.md": "---\n[\n---\n",
}


def damaged(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def broken_inside(path: Path) -> None:
    with holdfast.open(path) as db:
        ArtifactIndex(db, path.parent / "root").sync()
    data = bytearray(path.read_bytes())
    data[4096 : len(data)] = bytes(len(data) - 4096)
    path.write_bytes(data)


def a_folder(path: Path) -> None:
    path.mkdir()


def in_no_folder(path: Path) -> None:
    (path.parent / "root").rename(path.parent / "root2")
    path.symlink_to(path.parent / "nowhere" / "x.db")
    (path.parent / "root2").rename(path.parent / "root")


def newer(path: Path) -> None:
    with holdfast.open(path) as db:
        ArtifactIndex(db, path.parent / "root").sync()
        db.execute("insert into holdfast_migrations values ('artifacts', 9, 'x', 'x', 'x')")


def with_another_table(path: Path) -> None:
    with holdfast.open(path) as db:
        db.execute("create table sync_log(theirs)")


@pytest.mark.parametrize(
    "fault", [damaged, broken_inside, a_folder, in_no_folder, newer, with_another_table]
)
def test_files_are_listed_when_the_database_cannot_be_used(
    tmp_path: Path, fault: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    root = write(tmp_path / "root", FILES)
    fault(tmp_path / "index.db")
    with ArtifactIndex(tmp_path / "index.db", root) as index:
        page = index.query()
        assert page.source == "files" and page.warning and page.warning in caplog.text
        assert [found.title for found in page.items] == ["beta", "Alpha", "Gamma"]
        assert page.facets.tag == (("x", 2), ("y", 1))
        found = index.query(text='"one word"', status="done").items
        assert [each.title for each in found] == ["Alpha"] and found[0].snippet
        assert index.query(has_error=True).total == 0
        for call in (index.sync, index.stats, index.log, index.problems):
            with pytest.raises(Error):
                call()
        with pytest.raises(ValueError, match="limit"):
            index.query(limit=0)


def test_a_database_that_is_repaired_is_used_again(tmp_path: Path) -> None:
    root = write(tmp_path / "root", FILES)
    damaged(tmp_path / "index.db")
    with ArtifactIndex(tmp_path / "index.db", root) as index:
        assert index.query().source == "files"
        (tmp_path / "index.db").unlink()
        assert index.query().source == "index"


def test_a_database_that_was_given_open_is_not_replaced_by_the_files(tmp_path: Path) -> None:
    root = write(tmp_path / "root", FILES)
    with holdfast.open(tmp_path / "index.db") as db:
        index = ArtifactIndex(db, root)
        assert index.query().total == 3
        db.execute("drop table artifact_tags")
        with pytest.raises(Error):
            index.query(tags="x")
    with pytest.raises(Error, match="closed"):
        index.query()


def test_a_lock_of_another_process_is_waited_for_and_told(tmp_path: Path) -> None:
    root = write(tmp_path / "root", FILES)
    path = tmp_path / "index.db"
    with holdfast.open(path, pragmas={"busy_timeout": 200}) as db:
        index = ArtifactIndex(db, root)
        index.sync()
        write(root, {"new.md": "# New\n"})
        with lock_held(path) as holder:
            with pytest.raises(BusyError):
                index.sync()
            # Reading needs no lock.
            assert index.query().total == 3 and index.query(text="word").total == 2
            assert counts(index.sync(dry_run=True)) == (1, 0, 3, 0, 1)
            holder.send()
        assert counts(index.sync()) == (1, 0, 3, 0, 1)
        assert [each.status for each in index.log()] == ["completed"] * 2


@pytest.mark.parametrize("small_disk", [24], indirect=True)
def test_a_full_disk_ends_a_sync_and_the_next_one_goes_on(tmp_path: Path, small_disk: Path) -> None:
    words = " ".join(f"word{number}" for number in range(3000))
    root = write(tmp_path / "root", {f"{n}.md": note(f"T{n}", f"{words} {n}") for n in range(400)})
    with holdfast.open(small_disk / "index.db") as db:
        index = ArtifactIndex(db, root)
        index.log()
        (small_disk / "filler").write_bytes(bytes(21_000_000))
        with pytest.raises(Error) as caught:
            index.sync()
        assert caught.value.sqlite_errorname == "SQLITE_FULL"
        assert db.check().ok
        (small_disk / "filler").unlink()
        status = index.log(1)[0].status
        assert status in ("failed", "interrupted")
        for path in sorted(root.iterdir())[60:]:
            path.unlink()
        index.sync()
        assert index.log(1)[0].status == "completed" and index.query().total == 60
        assert db.check().ok
        assert known(db) == known_afresh(root, tmp_path)


_READ_ONLY = """
import sys, holdfast
from holdfast.artifacts import ArtifactIndex
with ArtifactIndex(lambda: holdfast.open(sys.argv[1], read_only=True), sys.argv[2]) as index:
    page = index.query(text="word")
    print(page.source, page.total, index.stats().total, len(index.log()), flush=True)
    try:
        index.sync()
    except holdfast.Error as error:
        print("refused", flush=True)
    print(index.sync(dry_run=True), flush=True)
"""


def test_a_database_that_may_only_be_read_can_be_queried(tmp_path: Path) -> None:
    with indexed(tmp_path, FILES) as (_, root, _db):
        write(root, {"new.md": "# New\n"})
    lines = run(_READ_ONLY, tmp_path / "index.db", tmp_path / "root")
    assert lines[:2] == ["index 2 3 1", "refused"]
    assert lines[2] == "1 new, 0 updated, 3 unchanged, 0 removed, 1 errors"
