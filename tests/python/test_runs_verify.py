"""Comparing both schemas as a whole, and what is in the way of a cutover."""

from pathlib import Path

import pytest

from command_line import digest
from holdfast.runs import DualWriter, RunPhaseError, backfill, cutover, verify
from holdfast.runs.compare import Finding
from old_runs import fill, opened
from processes import look

RUNS = 250


@pytest.fixture
def old(path: Path) -> Path:
    """An old file whose rows are in the new tables too."""
    fill(path, RUNS)
    with opened(path) as db:
        backfill(db)
    return path


def test_all_rows_of_both_are_compared(old: Path) -> None:
    seen: list[tuple[int, int]] = []
    with opened(old) as db:
        report = verify(db, progress=lambda *at: seen.append(at))
        runs = db.fetch_value("select count(*) from consensus_runs")
    assert report.ok
    assert report[1:4] == (0, 0, 0)
    # Artifacts with their outputs, runs with their syntheses, and syntheses that may have none.
    assert report.checked == 3 * RUNS + runs + RUNS
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] >= report.checked


@pytest.mark.parametrize("dry_run", [False, True])
def test_each_mismatch_is_told_whichever_side_it_is_on(old: Path, dry_run: bool) -> None:
    for sql in (
        "update consensus_artifacts set response_text = 'x' where id = 7",
        "delete from consensus_artifacts where id = 8",
        "update consensus_synthesis set conflicts = 'x' where id = 9",
        "delete from consensus_synthesis where id = 10",
        "update agent_outputs set agent_name = 'x' where id = 11",
        "delete from agent_outputs where id = 12",
        "update consensus_runs set consensus_ok = 5 where legacy_synthesis_id = 13",
        "insert into agent_outputs(run_id, agent_name, content, output_timestamp) "
        "select run_id, 'x', 'x', '2026-01-02 00:00:00.000' from agent_outputs where id = 20",
    ):
        look(old, sql)
    found: list[Finding] = []
    with opened(old) as db:
        report = verify(db, dry_run=dry_run, found=found.append)
        kept = DualWriter(db).mismatches(limit=1000).items
        assert report.mismatches == len(found) == 8
        assert len(kept) == (0 if dry_run else 8)
    told = {
        (each.kind, each.legacy_table, each.legacy_id, each.columns)
        for each in found
        if each.legacy_id is not None
    }
    assert told == {
        ("differs", "consensus_artifacts", 7, ("response_text",)),
        ("missing in legacy", "consensus_artifacts", 8, ()),
        ("differs", "consensus_synthesis", 9, ("synthesis_json",)),
        ("missing in legacy", "consensus_synthesis", 10, ()),
        ("differs", "consensus_artifacts", 11, ("agent_name",)),
        ("missing in new", "consensus_artifacts", 12, ()),
        ("differs", "consensus_synthesis", 13, ("consensus_ok",)),
    }
    (native,) = (each for each in found if each.legacy_id is None)
    assert (native.kind, native.new_table) == ("missing in legacy", "agent_outputs")


def test_very_many_mismatches_are_all_told_and_resolved(old: Path) -> None:
    look(old, "update agent_outputs set content = content || ' '")
    found: list[Finding] = []
    with opened(old) as db:
        assert verify(db, found=found.append).mismatches == len(found) == 3 * RUNS
        assert {each.legacy_id for each in found} == set(range(1, 3 * RUNS + 1))
        db.execute("update agent_outputs set content = rtrim(content)")
        assert verify(db).ok
        assert db.fetch_value("select count(resolved_at) from run_mismatches") == 3 * RUNS


def test_a_dry_run_writes_nothing(old: Path) -> None:
    look(old, "delete from agent_outputs where id = 7")
    before = digest(old)
    with opened(old) as db:
        tried = verify(db, dry_run=True)
    assert digest(old) == before
    with opened(old) as db:
        done = verify(db)
        assert tried._replace(seconds=0, dry_run=False) == done._replace(seconds=0)


def test_what_is_not_copied_is_counted_and_is_no_mismatch(path: Path) -> None:
    fill(path, 50)
    look(path, "update consensus_artifacts set created_at = 'soon' where id < 4")
    with opened(path) as db:
        with pytest.raises(RunPhaseError, match="backfill first"):
            verify(db)
        DualWriter(db)
        for dry_run in (True, False):
            report = verify(db, dry_run=dry_run)
            assert (report.ok, report.mismatches, report.pending) == (False, 0, 200)
        backfill(db)
        report = verify(db)
        assert (report.ok, report.mismatches) == (False, 0)
        assert (report.pending, report.unmapped) == (0, 3)


def test_after_a_cutover_there_is_nothing_to_compare(old: Path) -> None:
    with opened(old) as db:
        cutover(db)
        for dry_run in (True, False):
            with pytest.raises(RunPhaseError, match="nothing to compare"):
                verify(db, dry_run=dry_run)
