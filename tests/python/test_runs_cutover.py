"""From both schemas to the new one alone, and back."""

from pathlib import Path

import pytest

from command_line import digest
from holdfast.runs import (
    CutoverRefusedError,
    DualWriter,
    LegacyReader,
    Phase,
    RunPhaseError,
    backfill,
    cutover,
    undo_cutover,
    verify,
)
from old_runs import assert_same, everything, fill, opened
from processes import look, run

RUNS = 40


@pytest.fixture
def old(path: Path) -> Path:
    """An old file whose rows are in the new tables too."""
    fill(path, RUNS)
    with opened(path) as db:
        backfill(db)
    return path


def told(path: Path, sql: str) -> str:
    """What an old tool is told about a statement that it may not run."""
    code = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], timeout=20)\n"
        "try: c.execute(sys.argv[2])\n"
        "except sqlite3.IntegrityError as error: print(error)\n"
        "c.close()"
    )
    return run(code, path, sql)[0]


def test_reads_move_to_the_new_tables_and_say_the_same(old: Path) -> None:
    with opened(old) as db:
        before = everything(db)
        report = cutover(db)
        assert report[:6] == (True, 3 * RUNS, RUNS, 0, 0, 0)
        assert DualWriter(db).report().phase is Phase.CUTOVER
        assert everything(db) == before
        db.execute("delete from agent_outputs")
        assert LegacyReader(db).query_artifacts("SPEC-1", "plan") == []


@pytest.mark.parametrize("table", ["consensus_artifacts", "consensus_synthesis"])
@pytest.mark.parametrize(
    "sql",
    [
        "insert into {0} select * from {0} limit 1",
        "replace into {0} select * from {0} limit 1",
        "update {0} set stage = 'x' where id = 1",
        "update or ignore {0} set stage = stage",
        "delete from {0}",
        "delete from {0} where id = 1",
    ],
)
def test_an_old_tool_is_told_that_the_old_tables_are_read_only(
    old: Path, table: str, sql: str
) -> None:
    with opened(old) as db:
        cutover(db)
        assert told(old, sql.format(table)).startswith(f"{table} is read-only since the cutover")
        assert_same(db)


def test_a_cutover_is_refused_while_rows_are_not_copied(path: Path) -> None:
    fill(path, RUNS)
    with opened(path) as db:
        with pytest.raises(RunPhaseError, match="backfill first"):
            cutover(db)
        writer = DualWriter(db)
        for dry_run in (True, False):
            with pytest.raises(CutoverRefusedError, match=f"not copied: {4 * RUNS}") as caught:
                cutover(db, dry_run=dry_run)
            assert (caught.value.pending, caught.value.mismatches) == (4 * RUNS, 0)
        assert writer.report().phase is Phase.DUAL
        look(path, "delete from consensus_artifacts where id = 1")
        assert db.fetch_all("select name from sqlite_schema where type = 'trigger'") == []


@pytest.mark.parametrize(
    "sql",
    [
        "update consensus_artifacts set content_json = '[]' where id = 7",
        "delete from consensus_synthesis where id = 7",
        "update agent_outputs set agent_name = 'x' where id = 7",
        "delete from agent_outputs where id = 7",
        "insert into consensus_artifacts(spec_id, stage, agent_name, content_json) "
        "values ('S', 'plan', 'x', '{}')",
    ],
)
def test_a_cutover_is_refused_while_mismatches_are_open(old: Path, sql: str) -> None:
    look(old, sql)
    with opened(old) as db:
        for dry_run in (True, False):
            with pytest.raises(CutoverRefusedError, match="open mismatches") as caught:
                cutover(db, dry_run=dry_run)
            assert (caught.value.mismatches, caught.value.pending) == (1, 0)
        assert DualWriter(db).report().phase is Phase.DUAL
        assert len(DualWriter(db).mismatches().items) == 1


def test_a_cutover_is_refused_while_rows_cannot_be_copied(path: Path) -> None:
    fill(path, RUNS)
    look(path, "update consensus_artifacts set created_at = 'soon' where id = 7")
    with opened(path) as db:
        backfill(db)
        with pytest.raises(CutoverRefusedError, match="cannot be copied.*: 1") as caught:
            cutover(db)
        assert (caught.value.unmapped, caught.value.mismatches) == (1, 0)
        report = cutover(db, force=True)
        assert (report.changed, report.unmapped) == (True, 1)
        assert undo_cutover(db).deleted == 0
        assert db.fetch_value("select created_at from consensus_artifacts where id = 7") == "soon"


def test_a_dry_run_says_what_a_cutover_does_and_writes_nothing(old: Path) -> None:
    before = digest(old)
    with opened(old) as db:
        tried = cutover(db, dry_run=True)
    assert digest(old) == before
    with opened(old) as db:
        assert tried._replace(seconds=0, dry_run=False) == cutover(db)._replace(seconds=0)
        assert not cutover(db).changed


@pytest.mark.parametrize(
    "sql",
    [
        "update consensus_artifacts set content_json = '[]' where id = 1",
        "update consensus_synthesis set conflicts = 'x' where id = 1",
        "delete from consensus_artifacts where id = 2",
        "insert into consensus_synthesis(spec_id, stage, output_markdown, status) "
        "values ('S', 'plan', 'x', 'ok')",
    ],
)
def test_what_an_old_tool_writes_while_all_is_compared_is_not_lost(old: Path, sql: str) -> None:
    def write(done: int, total: int) -> None:
        # By now the row was compared.
        if done == total:
            look(old, sql)

    with opened(old) as db:
        with pytest.raises(CutoverRefusedError, match="open mismatches"):
            cutover(db, progress=write)
        assert DualWriter(db).report().phase is Phase.DUAL
        assert db.fetch_all("select name from sqlite_schema where type = 'trigger'") == []
        backfill(db, repair=True)
        assert cutover(db).changed
        assert_same(db)


def test_a_row_that_replace_removes_while_all_is_compared_is_noticed(old: Path) -> None:
    # SQLite calls no trigger for such a row.
    look(old, "create unique index one on consensus_artifacts(spec_id, stage, agent_name, run_id)")
    key = "(spec_id, stage, agent_name, run_id)"
    other = f"(select {key[1:-1]} from consensus_artifacts where id = 4)"
    mine = look(old, f"select {key[1:-1]} from consensus_artifacts where id = 7")[0]

    def write(done: int, total: int) -> None:
        if done == total:
            look(old, f"update or replace consensus_artifacts set {key} = {other} where id = 7")
            back = f"update consensus_artifacts set {key} = (?, ?, ?, ?) where id = 7"
            look(old, back, *mine)

    with opened(old) as db:
        with pytest.raises(CutoverRefusedError, match="open mismatches, which verify shows: 1"):
            cutover(db, progress=write)
        assert (verify(db).mismatches, DualWriter(db).mismatches().items[0].legacy_id) == (1, 4)
        backfill(db, repair=True)
        assert cutover(db).changed
        assert_same(db)


def test_a_writer_of_both_goes_on_while_all_is_compared(old: Path) -> None:
    with opened(old) as db:
        writer = DualWriter(db)
        ids: list[int] = []

        def write(done: int, total: int) -> None:
            for number in range(60):
                ids.append(writer.store_artifact("NEW", "plan", str(number), "{}", run_id="x"))
                writer.store_synthesis("NEW", "plan", str(number), run_id="x")

        assert cutover(db, progress=write).artifacts == 3 * RUNS + len(ids)
        assert LegacyReader(db).count_artifacts("NEW") == len(ids) > 100
        assert_same(db)
