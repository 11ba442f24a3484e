"""A file says what is to be done next on its way, up to the end."""

from pathlib import Path

from holdfast.runs import RunStore, backfill, cutover, status, undo_cutover, verify
from old_runs import fill, opened
from processes import look

RUNS = 5


def test_each_step_is_said_until_the_cutover(path: Path) -> None:
    fill(path, RUNS)
    look(path, "update consensus_artifacts set created_at = 'soon' where id in (2, 3)")
    with opened(path) as db:
        assert status(db).next == "backfill"
        RunStore(db)
        assert status(db).next == "backfill"
        backfill(db)
        found = status(db)
        assert found.next == "mend"
        assert found.tables["consensus_artifacts"] == (3 * RUNS, 3 * RUNS - 2, 2, 0)
        verify(db)
        # It is no use to compare again: the rows stay as they are.
        assert status(db).next == "mend"
        look(path, "update consensus_artifacts set created_at = '2026-01-02' where id = 2")
        assert status(db).next == "mend"
        look(path, "delete from consensus_artifacts where id = 3")
        backfill(db)
        look(path, "update agent_outputs set content = 'x' where id = 1")
        verify(db)
        assert status(db).next == "repair"
        backfill(db, repair=True)
        assert status(db).next == "cutover"
        cutover(db)
        assert status(db).next is None
        undo_cutover(db)
        assert status(db).next == "cutover"


def test_what_was_never_compared_is_compared_first(path: Path) -> None:
    fill(path, RUNS)
    with opened(path) as db:
        backfill(db)
        assert status(db).next == "verify"
        verify(db, dry_run=True)
        assert status(db).next == "verify"
        verify(db)
        assert status(db).next == "cutover"
        # What an old tool writes now is not in the new tables.
        fill(path, 1, first=RUNS)
        assert status(db).next == "backfill"
        assert status(db).tables["consensus_artifacts"].missing == 3


def test_a_file_without_old_tables_has_nothing_to_do(path: Path) -> None:
    path.touch()
    with opened(path) as db:
        RunStore(db)
        assert (status(db).next, status(db).tables) == (None, {})
