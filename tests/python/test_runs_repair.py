"""Making the new tables follow what an old tool did to rows that were copied already."""

from pathlib import Path

import pytest

from holdfast.runs import DualWriter, RunStore, backfill, cutover, verify
from old_runs import assert_same, fill, opened
from processes import look

RUNS = 30
#: What an old tool, or somebody with a shell, does to either side.
CHANGES = [
    "update consensus_artifacts set content_json = '[]', response_text = 'new' where id in (7, 8)",
    "update consensus_artifacts set agent_name = 'other', created_at = '2026-03-04' where id = 7",
    "update consensus_artifacts set run_id = 'another', spec_id = 'SPEC-X' where id = 7",
    "update consensus_artifacts set run_id = null where id % 2",
    "delete from consensus_artifacts where id = 7",
    "delete from consensus_artifacts where id between 7 and 9",
    "delete from consensus_artifacts",
    "update consensus_synthesis set status = 'failed', output_markdown = 'x' where id in (3, 4)",
    "update consensus_synthesis set run_id = 'another', stage = 'x' where id = 3",
    "update consensus_synthesis set id = 900 where id = 3",
    "delete from consensus_synthesis where id = 3",
    "delete from consensus_synthesis",
    "update consensus_artifacts set id = id + 500 where id > 60",
    "update agent_outputs set content = 'x', model_version = 'y' where id = 7",
    "update agent_outputs set output_timestamp = '2020-01-01 00:00:00.000' where id = 7",
    "delete from agent_outputs where id in (7, 8)",
    "update consensus_runs set consensus_ok = 1 - consensus_ok, degraded = 1 - degraded "
    "where legacy_synthesis_id is not null",
    "update consensus_runs set stage = 'x' where legacy_synthesis_id = 3",
    "update consensus_runs set run_timestamp = '2020-01-01 00:00:00.000' "
    "where legacy_synthesis_id in (3, 4)",
    "update consensus_runs set synthesis_json = '{}' where legacy_synthesis_id = 3",
    "delete from consensus_runs where legacy_synthesis_id in (3, 4)",
]


@pytest.fixture
def old(path: Path) -> Path:
    """An old file whose rows are in the new tables too."""
    fill(path, RUNS)
    with opened(path) as db:
        backfill(db)
    return path


@pytest.mark.parametrize("change", CHANGES)
def test_the_new_tables_follow_the_old_ones(old: Path, change: str) -> None:
    look(old, change)
    rows = _rows(old)
    with opened(old) as db:
        found = verify(db)
        assert not found.ok
        report = backfill(db, repair=True)
        assert verify(db).ok, DualWriter(db).mismatches()
        assert_same(db)
        assert report.repaired + report.artifacts + report.syntheses >= found.mismatches
        assert backfill(db, repair=True).repaired == 0
        # Both sides of what was changed can be looked up.
        kept = DualWriter(db).mismatches(resolved=True, limit=1000).items
        assert len(kept) >= found.mismatches
        assert all(each.resolved_at is not None for each in kept)
        assert cutover(db).changed
    assert _rows(old) == rows


def test_an_output_that_only_the_new_tables_have_becomes_an_artifact(old: Path) -> None:
    with opened(old) as db:
        runs = RunStore(db)
        run_id = runs.upsert_consensus_run("NEW", "plan", name="mine")
        runs.add_output(run_id, "claude", "text", model_version="4", response_text="raw")
        assert verify(db).mismatches > 0
        backfill(db, repair=True)
        assert verify(db).ok
        (found,) = DualWriter(db).query_artifacts("NEW", "plan")
        assert found[:7] == (3 * RUNS + 1, "NEW", "plan", "claude", "text", "raw", "mine")
        assert runs.get(run_id).outputs[0].model_version == "4"
        assert_same(db)


def test_what_the_old_tables_cannot_hold_stays_and_is_still_told(old: Path) -> None:
    with opened(old) as db:
        runs = RunStore(db)
        run_id = runs.upsert_consensus_run("NEW", "plan", synthesis={"mine": 1})
        runs.store_synthesis(run := runs.query(spec_id="SPEC-1").items[0].id, {"mine": 2})
        backfill(db, repair=True)
        assert runs.get(run_id).synthesis == {"mine": 1}
        # That one has a synthesis in the old table, which counts.
        assert runs.get(run).synthesis["output_markdown"].startswith("# Run")
        assert verify(db).mismatches == 1


def test_a_row_that_can_no_longer_be_mapped_stays_as_it_was(old: Path) -> None:
    look(old, "update consensus_artifacts set created_at = 'soon' where id = 7")
    with opened(old) as db:
        before = db.fetch_one("select * from agent_outputs where id = 7")
        assert backfill(db, repair=True).repaired == 0
        assert db.fetch_one("select * from agent_outputs where id = 7") == before
        assert verify(db).mismatches == 1


def test_a_dry_run_repairs_a_copy(old: Path) -> None:
    look(old, "delete from consensus_artifacts where id = 7")
    with opened(old) as db:
        tried = backfill(db, repair=True, dry_run=True)
        assert db.fetch_value("select count(*) from run_mismatches") == 0
        done = backfill(db, repair=True)
        assert tried._replace(seconds=0, dry_run=False) == done._replace(seconds=0)
        assert done.repaired == 1


def _rows(path: Path) -> list[list[list[object]]]:
    """All that the old tables have."""
    return [
        look(path, f"select * from {table} order by id")
        for table in ("consensus_artifacts", "consensus_synthesis")
    ]
