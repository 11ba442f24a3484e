"""How syncs end: progress, an error of the caller, a folder that goes, what the log says."""

import logging
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import holdfast
from holdfast.artifacts import ArtifactIndex, SyncRunningError
from holdfast.errors import PathError, ProgrammingError
from markdown_files import counts, everything, indexed, known, known_afresh, note, paths, write

MANY = {f"d{n % 7}/{n}.md": note(f"T{n}", "words " * 300, tags=f"[t{n % 5}]") for n in range(3000)}


class EnoughError(Exception):
    pass


def test_progress_goes_up_and_ends_at_the_total(tmp_path: Path) -> None:
    with indexed(tmp_path, {}) as (index, root, _):
        write(root, MANY | {"bad.md": "---\n[\n---\n"})
        for change in (None, "remove", "move", None):
            if change == "remove":
                shutil.rmtree(root / "d0")
            elif change == "move":
                (root / "d1").rename(root / "d0")
            seen: list[tuple[int, int]] = []
            result = index.sync(progress=lambda *both, seen=seen: seen.append(both))
            assert seen and [done for done, _ in seen] == sorted(done for done, _ in seen)
            assert all(0 <= done <= total for done, total in seen)
            assert seen[-1] == (result.scanned, result.scanned)


@pytest.mark.parametrize(
    ("error", "after"), [(EnoughError, 1), (KeyboardInterrupt, 2), (SystemExit, 3)]
)
def test_an_error_of_the_callers_progress_ends_a_sync(
    tmp_path: Path, error: type[BaseException], after: int
) -> None:
    with indexed(tmp_path, {"old.md": "# Old\n"}) as (index, root, db):
        write(root, MANY)
        (root / "old.md").unlink()
        calls = 0

        def progress(done: int, total: int) -> None:
            nonlocal calls
            calls += 1
            if calls == after:
                raise error("enough")

        with pytest.raises(error, match="enough"):
            index.sync(progress=progress)
        run = index.log(1)[0]
        assert (run.status, run.detail) == ("cancelled", error.__name__)
        assert run.completed_at is not None
        written = len(everything(db)["artifacts"]) - (1 - run.removed)
        assert run.added == written > 0
        assert index.stats().last_sync == index.log()[1]
        index.sync()
        assert index.log(1)[0].status == "completed"
        assert known(db) == known_afresh(root, tmp_path)


def test_an_error_in_a_dry_run_leaves_nothing(tmp_path: Path) -> None:
    with indexed(tmp_path, {}) as (index, root, db):
        write(root, MANY)
        before = everything(db)

        def progress(done: int, total: int) -> None:
            raise EnoughError

        with pytest.raises(EnoughError):
            index.sync(dry_run=True, progress=progress)
        assert everything(db) == before


def test_progress_may_query_the_index(tmp_path: Path) -> None:
    with indexed(tmp_path, {}) as (index, root, _):
        write(root, MANY)
        totals: list[int] = []
        index.sync(progress=lambda done, total: totals.append(index.query(limit=1).total))
        assert totals == sorted(totals) and totals[-1] == len(MANY)


def test_progress_may_not_begin_another_sync(tmp_path: Path) -> None:
    with indexed(tmp_path, {}) as (index, root, _):
        write(root, {"a.md": ""})
        with pytest.raises(SyncRunningError):
            index.sync(progress=lambda done, total: index.sync(timeout=0))
        assert counts(index.sync()) == (0, 0, 1, 0, 0)


def test_a_root_that_vanishes_is_an_error_and_removes_nothing(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# A\n"}) as (index, root, _):
        root.rename(tmp_path / "elsewhere")
        for dry_run in (False, True):
            with pytest.raises(PathError) as caught:
                index.sync(dry_run=dry_run)
            assert str(tmp_path) not in str(caught.value)
        assert paths(index) == {"a.md"} and len(index.log()) == 1
        (tmp_path / "elsewhere").rename(root)
        assert counts(index.sync()) == (0, 0, 1, 0, 0)


def test_a_root_must_be_a_folder(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": ""})
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "link").symlink_to(".")
    with holdfast.open(tmp_path / "x.db") as db:
        for name in ("a.md", "nowhere", "circle"):
            with pytest.raises(PathError):
                ArtifactIndex(db, tmp_path / name)
        assert ArtifactIndex(db, tmp_path / "link").root == tmp_path.resolve()
        for wrong in (-1, 2**63):
            with pytest.raises(ValueError, match="max_size"):
                ArtifactIndex(db, tmp_path, max_size=wrong)
        with pytest.raises(ProgrammingError, match="glob"):
            ArtifactIndex(db, tmp_path, patterns=["[z-a]"]).sync()


def test_the_log_has_what_the_result_has(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# A\n", "b.md": "# B\n", "c.md": ""}) as (index, root, db):
        write(root, {"a.md": "# A2\n", "d.md": "# D\n", "bad.md": b"\xff"})
        (root / "b.md").unlink()
        result = index.sync("full")
        run = index.log(1)[0]
        assert (run.added, run.updated, run.unchanged, run.removed, run.errors) == counts(result)
        assert (run.scanned, run.mode, run.status, run.detail) == (4, "full", "completed", None)
        assert run.completed_at and run.started_at <= run.completed_at
        assert abs(datetime.now(UTC) - run.started_at) < timedelta(minutes=1)
        assert index.stats().last_sync == run
        columns = {
            name for (name,) in db.fetch_all("select name from pragma_table_info('sync_log')")
        }
        assert columns >= {"sync_type", "scanned", "added", "updated", "removed", "unchanged"}
        assert columns >= {"errors", "started_at", "completed_at", "status"}


def test_a_sync_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with indexed(tmp_path, {"a.md": ""}) as (index, _, _), caplog.at_level(logging.INFO):
        index.sync()
    assert "0 new, 0 updated, 1 unchanged" in caplog.text


def test_an_index_that_is_closed_says_so(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    index = ArtifactIndex(tmp_path / "x.db", tmp_path / "root")
    index.sync()
    index.close()
    index.close()
    for call in (
        index.sync,
        index.query,
        index.stats,
        index.log,
        index.problems,
        lambda: index.get(1),
    ):
        with pytest.raises(ProgrammingError, match="closed"):
            call()
    with holdfast.open(tmp_path / "x.db") as db:
        ArtifactIndex(db, tmp_path / "root").close()
        assert db.fetch_value("select 1") == 1


def test_who_only_asks_does_not_end_a_sync_that_does_not_wait(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": ""}) as (index, _, db):
        db.execute("update sync_log set status = 'running'")
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                index.log()

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(30):
                index.sync(timeout=0)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        done, (left, *_) = index.log(31)[:30], index.log(100)[30:]
        assert [run.status for run in done] == ["completed"] * 30
        assert left.status == "interrupted"
