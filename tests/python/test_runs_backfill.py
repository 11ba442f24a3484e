"""Copying the rows of an old file into the new tables."""

from collections.abc import Callable
from pathlib import Path

import pytest

import holdfast
from command_line import digest
from holdfast.runs import DualWriter, LegacySchemaError, RunPhaseError, RunStore
from holdfast.runs.backfill import backfill
from holdfast.runs.cutover import cutover
from old_runs import assert_same, fill, opened
from processes import look

RUNS = 60


@pytest.fixture
def old(path: Path) -> Path:
    return fill(path, RUNS)


def test_every_row_is_copied_with_its_id_its_run_and_its_time(old: Path) -> None:
    with opened(old) as db:
        report = backfill(db)
        assert (report.rows, report.artifacts, report.syntheses) == (4 * RUNS, 3 * RUNS, RUNS)
        assert (report.unmapped, report.dry_run) == ((), False)
        assert_same(db)
        stats = RunStore(db).stats()
        assert (stats.runs, stats.outputs, stats.with_synthesis) == (report.runs, 3 * RUNS, RUNS)
        run = RunStore(db).latest("SPEC-1", "tasks")
        assert run is not None
        assert (run.name, run.consensus_ok, run.degraded) == ("run-7", False, True)
        assert f"{run.run_timestamp:%F %T}" == "2026-01-02 00:00:07"
        assert [each.agent_name for each in run.outputs] == ["gemini", "claude", "gpt"]


def test_a_second_backfill_writes_nothing(old: Path) -> None:
    with opened(old) as db:
        backfill(db)
    before = digest(old)
    with opened(old) as db:
        again = backfill(db)
        assert (again.rows, again.artifacts, again.syntheses, again.runs) == (4 * RUNS, 0, 0, 0)
    assert digest(old) == before


def test_a_dry_run_says_what_a_backfill_does_and_writes_nothing(old: Path) -> None:
    look(old, "update consensus_artifacts set created_at = 'soon' where id = 3")
    before = digest(old)
    with opened(old, read_only=True) as db:
        tried = backfill(db, dry_run=True)
    assert digest(old) == before
    with opened(old) as db:
        done = backfill(db)
    assert tried.dry_run
    assert tried._replace(seconds=done.seconds, dry_run=False) == done
    assert len(done.unmapped) == 1


def test_a_row_that_cannot_be_copied_stays_with_its_reason_and_the_rest_goes_on(
    old: Path,
) -> None:
    wrong = {
        "content_json = x'00ff'": "content_json is a blob",
        "created_at = 'soon'": "created_at is no time: 'soon'",
        "response_text = cast(x'ff61' as text)": "response_text is text that is not UTF-8",
        "stage = x''": "stage is a blob",
        "id = -5": "its id is not between 0",
        "id = 9223372036854775807": "its id is not between 0",
        "created_at = 1e300": "created_at is no time",
    }
    for number, change in enumerate(wrong, 10):
        look(old, f"update consensus_artifacts set {change} where id = {number}")
    look(old, "update consensus_synthesis set status = x'00' where id = 5")
    with opened(old) as db:
        report = backfill(db)
        assert report.artifacts == 3 * RUNS - len(wrong)
        assert report.syntheses == RUNS - 1
        rows = db.fetch_all("select legacy_table, legacy_id, reason from run_unmapped")
        assert sorted(rows) == sorted(tuple(each) for each in report.unmapped)
        said = sorted(reason for table, _, reason in rows if table == "consensus_artifacts")
        for reason in wrong.values():
            assert any(reason in each for each in said), reason
    before = digest(old)
    with opened(old) as db:
        assert sorted(backfill(db).unmapped) == sorted(report.unmapped)
    assert digest(old) == before


def test_a_row_that_was_mended_is_copied_and_one_that_is_gone_is_forgotten(old: Path) -> None:
    look(old, "update consensus_artifacts set created_at = 'soon' where id in (3, 4)")
    with opened(old) as db:
        backfill(db)
        db.execute("update consensus_artifacts set created_at = '2026-01-02' where id = 3")
        db.execute("delete from consensus_artifacts where id = 4")
        report = backfill(db)
        assert (report.artifacts, report.unmapped) == (1, ())
        assert db.fetch_all("select * from run_unmapped") == []
        assert_same(db)


def test_what_was_written_to_both_is_not_copied_again(old: Path) -> None:
    with opened(old) as db:
        writer = DualWriter(db)
        writer.store_artifact("SPEC-1", "plan", "claude", "{}", run_id="run-new")
        writer.store_synthesis("SPEC-1", "plan", "# New", run_id="run-new")
        report = backfill(db)
        assert (report.artifacts, report.syntheses) == (3 * RUNS, RUNS)
        writer.store_artifact("SPEC-1", "plan", "claude", "{}", run_id="run-1")
        assert backfill(db).artifacts == 0
        assert_same(db)


def test_progress_goes_up_to_all_rows(old: Path) -> None:
    seen: list[tuple[int, int]] = []
    with opened(old) as db:
        backfill(db, progress=lambda *at: seen.append(at))
    assert len(seen) > 4
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {4 * RUNS}
    assert seen[-1][0] == 4 * RUNS


def test_what_progress_raises_ends_the_backfill_and_the_next_one_goes_on(old: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done > 100:
            raise KeyboardInterrupt

    with opened(old) as db:
        with pytest.raises(KeyboardInterrupt):
            backfill(db, progress=stop)
        copied = db.fetch_value("select count(*) from agent_outputs")
        assert 100 < copied < 3 * RUNS
        position = "select value from run_state where name = 'backfill.consensus_artifacts'"
        assert int(db.fetch_value(position)) == copied
        assert backfill(db).artifacts == 3 * RUNS - copied
        assert_same(db)


def test_a_transaction_copies_few_rows_and_few_bytes(path: Path) -> None:
    fill(path, 4, size=400_000)
    with opened(path) as db:
        before = db.stats()["lane"]["holds"]["count"]
        backfill(db)
        assert db.stats()["lane"]["holds"]["count"] - before >= 12
        assert_same(db)


def test_a_file_without_old_tables_is_left_as_it_is(
    opened: Callable[..., holdfast.Database],
) -> None:
    db = opened()
    with pytest.raises(LegacySchemaError, match="nothing to copy from"):
        backfill(db)
    assert db.fetch_all("select name from sqlite_schema") == []


def test_a_table_that_is_another_one_is_refused(path: Path) -> None:
    look(path, "create table consensus_artifacts(id integer primary key, name text)")
    with opened(path) as db:
        with pytest.raises(LegacySchemaError, match="has no column spec_id"):
            backfill(db)
        assert db.fetch_all("select name from sqlite_schema") == [("consensus_artifacts",)]


def test_nothing_is_copied_after_a_cutover(old: Path) -> None:
    with opened(old) as db:
        backfill(db)
        cutover(db)
        RunStore(db).delete_spec("SPEC-1")
        with pytest.raises(RunPhaseError, match="undo the cutover"):
            backfill(db)
        assert db.fetch_value("select count(*) from consensus_runs where spec_id = 'SPEC-1'") == 0
