"""Undoing a cutover: what came since is in both schemas."""

from pathlib import Path

import pytest

from holdfast.runs import (
    DualWriter,
    LegacyReader,
    Phase,
    RunStore,
    backfill,
    cutover,
    undo_cutover,
    verify,
)
from old_runs import assert_same, everything, fill, opened
from processes import look

RUNS = 40


@pytest.fixture
def old(path: Path) -> Path:
    """An old file whose rows are in the new tables too."""
    fill(path, RUNS)
    with opened(path) as db:
        backfill(db)
    return path


def test_what_came_since_is_in_both_schemas_after_the_cutover_is_undone(old: Path) -> None:
    with opened(old) as db:
        cutover(db)
        writer, runs = DualWriter(db), RunStore(db)
        writer.store_artifact("NEW", "plan", "claude", "{}", "raw", "run-x", model_version="4")
        writer.store_artifact("NEW", "plan", "gemini", '{"a": 1}')
        writer.store_synthesis("NEW", "plan", "# New", run_id="run-x", degraded=True)
        runs.add_output(runs.upsert_consensus_run("NEW", "code", name="mine"), "gpt", "text")
        writer.delete_spec("SPEC-3")
        before = everything(db)
        assert db.fetch_value("select count(*) from consensus_artifacts") == 3 * RUNS

        tried = undo_cutover(db, dry_run=True)
        assert DualWriter(db).report().phase is Phase.CUTOVER
        done = undo_cutover(db)
        assert tried._replace(seconds=0, dry_run=False) == done._replace(seconds=0)
        assert done[:5] == (True, 3, 1, 16, 0)
        assert_same(db)
        after = everything(db)
        assert after["specs"] == before["specs"]
        # Outputs have got the ids of artifacts.
        plain = [
            [each[1:] for each in artifacts]
            for artifacts, _ in (before["NEW", "plan"], after["NEW", "plan"])
        ]
        assert sorted(plain[0]) == sorted(plain[1])
        assert before["NEW", "plan"][1] == after["NEW", "plan"][1]
        assert verify(db).ok
        assert writer.store_artifact("NEW", "plan", "late", "{}") == 3 * RUNS + 4
        assert_same(db)
        assert not undo_cutover(db).changed


def test_what_the_old_tables_cannot_hold_stays_in_the_new_ones(old: Path) -> None:
    with opened(old) as db:
        cutover(db)
        runs = RunStore(db)
        run_id = runs.upsert_consensus_run("NEW", "plan", synthesis={"mine": 1})
        runs.add_output(run_id, "gpt", "text")
        assert undo_cutover(db)[:5] == (True, 1, 0, 0, 1)
        assert runs.get(run_id).synthesis == {"mine": 1}
        assert [each.content for each in runs.get(run_id).outputs] == ["text"]
        assert verify(db).ok
        assert cutover(db).changed


def test_there_and_back_many_times(old: Path) -> None:
    with opened(old) as db:
        writer = DualWriter(db)
        for number in range(10):
            assert cutover(db).changed
            writer.store_artifact("NEW", "plan", f"new {number}", "{}", run_id="x")
            writer.store_synthesis("NEW", "plan", "#", run_id="x")
            assert undo_cutover(db)[:5] == (True, 1, 1, 0, 0)
            writer.store_artifact("NEW", "plan", f"both {number}", "{}", run_id="x")
            writer.store_synthesis("NEW", "plan", "#", run_id="x")
            assert_same(db)
        assert verify(db).ok
        assert LegacyReader(db).count_artifacts("NEW") == 20


def test_columns_of_its_own_come_back_to_an_old_table(path: Path) -> None:
    fill(path, 3)
    look(path, "alter table consensus_artifacts add column cost real default 0.5")
    look(path, "update consensus_artifacts set cost = id")
    with opened(path) as db:
        backfill(db)
        cutover(db)
        DualWriter(db).store_artifact("NEW", "plan", "claude", "{}")
        undo_cutover(db)
        assert verify(db).ok
        assert db.fetch_value("select sum(cost) from consensus_artifacts") == 45.5
