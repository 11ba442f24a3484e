"""Thousands of runs of one second, as a bulk import leaves them: each gets a millisecond."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.runs import DualWriter, RunStore, backfill, cutover, verify
from holdfast.runs.compare import Finding
from holdfast.runs.slots import Places, free
from holdfast.runs.times import moment
from old_runs import TABLES, assert_same, opened
from processes import look, run

RUNS = 3000
AT = "2026-01-02 03:04:05.000"
IMPORT = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.executescript(sys.argv[2])
connection.executemany(
    "insert into consensus_artifacts(spec_id, stage, agent_name, content_json, run_id, created_at) "
    "values ('SPEC-1', 'plan', 'claude', '{}', ?, '2026-01-02 03:04:05')",
    ((f"run-{number}",) for number in range(int(sys.argv[3]))),
)
connection.commit()
connection.close()
"""


class Counted:
    """A database that counts the statements that are run on it."""

    def __init__(self, db: holdfast.Database) -> None:
        self._db = db
        self.statements = 0

    def fetch_value(self, sql: str, parameters: Sequence[Any]) -> Any:
        self.statements += 1
        return self._db.fetch_value(sql, parameters)


@pytest.fixture
def imported(path: Path) -> Path:
    path.touch()
    run(IMPORT, path, TABLES, RUNS)
    return path


def test_they_are_copied_compared_and_cut_over(imported: Path) -> None:
    with opened(imported) as db:
        report = backfill(db)
        assert (report.artifacts, report.runs) == (RUNS, RUNS)
        assert_same(db)
        assert db.fetch_all(
            "select min(run_timestamp), max(run_timestamp), count(distinct run_timestamp) "
            "from consensus_runs"
        ) == [(AT, "2026-01-02 03:04:07.999", RUNS)]
        assert verify(db).ok
        assert cutover(db).changed


def test_deleting_some_of_them_moves_no_other(imported: Path) -> None:
    rest = "select id, run_timestamp from consensus_runs where run_timestamp >= ? order by id"
    middle = "2026-01-02 03:04:06.000"
    with opened(imported) as db:
        backfill(db)
        before = db.fetch_all(rest, [middle])
        with db.transaction() as tx:
            tx.execute("delete from agent_outputs where id <= 1000")
            tx.execute("delete from consensus_artifacts where id <= 1000")
            tx.execute("delete from consensus_runs where run_timestamp < ?", [middle])
        assert db.fetch_all(rest, [middle]) == before
        assert verify(db).ok
        # What comes next gets a time that is free again.
        DualWriter(db)
        look(imported, "update consensus_artifacts set run_id = 'new' where id = 2000")
        assert backfill(db, repair=True).repaired == 1
        assert verify(db).ok
        assert (
            db.fetch_value("select run_timestamp from consensus_runs where legacy_run_id = 'new'")
            == AT
        )


def test_a_time_that_was_changed_is_found_and_put_back(imported: Path) -> None:
    with opened(imported) as db:
        backfill(db)
        look(imported, "update consensus_runs set run_timestamp = '2026-01-02 03:04:09.000' "
             "where legacy_run_id = 'run-6'")  # fmt: skip
        found: list[Finding] = []
        assert verify(db, found=found.append).mismatches == 1
        assert found[0].columns == ("run_timestamp",)
        assert backfill(db, repair=True).repaired == 1
        assert RunStore(db).query(name="run-6").items[0].run_timestamp == moment(
            "2026-01-02 03:04:05.006"
        )


def test_a_search_begins_where_the_one_before_ended(db: holdfast.Database) -> None:
    RunStore(db)
    counted, places = Counted(db), Places()
    steps: list[int] = []
    for number in range(200):
        before = counted.statements
        at = free(counted, "SPEC-1", "plan", AT, places=places)  # pyright: ignore[reportArgumentType]
        steps.append(counted.statements - before)
        assert at == f"2026-01-02 03:04:05.{number:03}"
        db.insert("consensus_runs", {"spec_id": "SPEC-1", "stage": "plan", "run_timestamp": at})
    assert max(steps) <= 3
    # One that has not looked before takes a few more than the logarithm.
    before = counted.statements
    free(counted, "SPEC-1", "plan", AT)  # pyright: ignore[reportArgumentType]
    assert counted.statements - before <= 20
