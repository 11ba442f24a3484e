"""What a sync does and says: new, changed, unchanged, removed and malformed files."""

import os
import time
from pathlib import Path

import pytest

import holdfast
from holdfast.artifacts import ArtifactIndex, SyncResult
from markdown_files import (
    counts,
    everything,
    indexed,
    known,
    known_afresh,
    note,
    settle,
    titles,
    write,
)

THREE = {"a.md": note("A"), "plans/b.md": note("B", status="done"), "plans/x/c.md": "# C\n"}


def test_each_kind_of_change_is_counted(tmp_path: Path) -> None:
    with indexed(tmp_path, THREE) as (index, root, _):
        (root / "a.md").unlink()
        write(root, {"plans/b.md": note("B2"), "new.md": note("N"), "bad.md": "---\na: [\n---\n"})
        result = index.sync()
        assert counts(result) == (1, 1, 1, 1, 1)
        assert str(result) == "1 new, 1 updated, 1 unchanged, 1 removed, 1 errors"
        assert result.scanned == 4 and result.changed and result.mode == "incremental"
        assert titles(index, sort="title") == ["B2", "C", "N"]
        assert [problem.path for problem in result.problems] == ["bad.md"]


def test_the_second_sync_finds_nothing_to_do(tmp_path: Path) -> None:
    with indexed(tmp_path, THREE) as (index, root, db):
        settle(root)
        index.sync()
        before = {name: rows for name, rows in everything(db).items() if name != "sync_log"}
        for mode in ("incremental", "full", "incremental"):
            result = index.sync(mode)
            assert counts(result) == (0, 0, 3, 0, 0) and not result.changed
        assert {k: v for k, v in everything(db).items() if k != "sync_log"} == before


def test_an_empty_folder_is_an_empty_index(tmp_path: Path) -> None:
    with indexed(tmp_path, {}) as (index, _, _):
        assert counts(index.sync()) == (0, 0, 0, 0, 0)
        page = index.query()
        assert (page.items, page.total, page.cursor) == ((), 0, None)
        assert index.stats().total == 0


def test_a_change_that_hides_behind_size_and_mtime_is_found(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# One\n"}) as (index, root, _):
        settle(root)
        index.sync()
        before = (root / "a.md").stat()
        (root / "a.md").write_text("# Two\n")
        os.utime(root / "a.md", ns=(before.st_atime_ns, before.st_mtime_ns))
        after = (root / "a.md").stat()
        assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        assert counts(index.sync()) == (0, 1, 0, 0, 0)
        assert titles(index) == ["Two"]


def test_a_change_right_after_a_sync_is_found(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# 00\n"}) as (index, root, _):
        stop = time.monotonic() + 1
        number = 0
        while time.monotonic() < stop:
            number += 1
            (root / "a.md").write_text(f"# {number % 100:02}\n")
            os.utime(root / "a.md", ns=(1, 1))
            index.sync()
            assert titles(index) == [f"{number % 100:02}"]


def test_a_touched_file_is_unchanged(tmp_path: Path) -> None:
    with indexed(tmp_path, THREE) as (index, root, _):
        os.utime(root / "a.md", (1, 1))
        assert counts(index.sync()) == (0, 0, 3, 0, 0)


def test_ids_stay_and_are_not_given_twice(tmp_path: Path) -> None:
    with indexed(tmp_path, THREE) as (index, root, _):
        ids = {found.path: found.id for found in index.query().items}
        write(root, {"a.md": note("Other")})
        index.sync()
        assert {found.path: found.id for found in index.query().items} == ids
        last = max(ids, key=lambda path: ids[path])
        (root / last).unlink()
        index.sync()
        write(root, {"later.md": "# Later\n"})
        index.sync("full")
        (later,) = index.query(path="later.md").items
        assert later.id not in ids.values()


def test_what_changed_is_as_in_a_new_index(tmp_path: Path) -> None:
    with indexed(tmp_path, THREE) as (index, root, db):
        for number in range(12):
            write(
                root, {f"n{number % 5}.md": note(f"N{number}", "some words " * number, tags="[x]")}
            )
            if number % 3 == 0:
                (root / f"n{number % 5}.md").rename(root / f"m{number}.md")
            index.sync("full" if number == 7 else "incremental")
        assert known(db) == known_afresh(root, tmp_path)


def test_a_malformed_file_keeps_what_was_known_until_it_is_repaired(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": note("A", "body", tags="[t]")}) as (index, root, _):
        for wait in (False, True):
            write(root, {"a.md": "---\ntags: [\n---\n"})
            if wait:
                settle(root)
            for mode in ("incremental", "incremental", "full"):
                assert counts(index.sync(mode)) == (0, 0, 0, 0, 1)
            (found,) = index.query(has_error=True).items
            assert (found.title, found.tags) == ("A", ("t",))
            assert found.error and "line 3" in found.error
            assert index.stats().problems == 1 and len(index.problems()) == 1
            assert index.query(has_error=False).total == 0
            write(root, {"a.md": note("A", "body", tags="[t]")})
            assert counts(index.sync()) == (0, 0, 1, 0, 0)
            assert index.problems() == () and index.query(has_error=True).total == 0


def test_a_malformed_file_that_goes_is_no_problem_any_more(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "---\n[\n---\n"}) as (index, root, _):
        assert index.query().total == 0 and len(index.problems()) == 1
        settle(root)
        index.sync()
        (root / "a.md").unlink()
        assert counts(index.sync()) == (0, 0, 0, 0, 0)
        assert index.problems() == ()


def test_created_is_when_it_was_first_seen_and_stays(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# A\n"}) as (index, root, _):
        first = index.query().items[0]
        write(root, {"a.md": "# B\n"})
        os.utime(root / "a.md", (10**9, 10**9))
        index.sync()
        second = index.query().items[0]
        assert second.created_at == first.created_at
        assert second.updated_at.timestamp() == 10**9
        write(root, {"a.md": note("C", created="2020-01-02", updated="2021-03-04T05:06:07+02:00")})
        index.sync()
        third = index.query().items[0]
        assert f"{third.created_at:%F %T}" == "2020-01-02 00:00:00"
        assert f"{third.updated_at:%F %T}" == "2021-03-04 03:06:07"


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    with holdfast.open(tmp_path / "x.db") as db, pytest.raises(ValueError, match="mode"):
        ArtifactIndex(db, tmp_path).sync("fast")  # type: ignore[arg-type]


def test_an_index_syncs_itself_at_the_first_query(tmp_path: Path) -> None:
    write(tmp_path / "root", THREE)
    with ArtifactIndex(tmp_path / "x.db", tmp_path / "root") as index:
        assert index.query().total == 3
        write(tmp_path / "root", {"d.md": "# D\n"})
        assert index.query().total == 3
        assert len(index.log()) == 1


def test_a_result_says_that_nothing_changed() -> None:
    assert not SyncResult("full", unchanged=3).changed
