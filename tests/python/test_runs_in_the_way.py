"""What another program has made under the names of the tables of runs is refused, and stays."""

from pathlib import Path

import pytest

from holdfast.errors import MigrationError
from holdfast.runs import DualWriter, RunStore, backfill, status
from old_runs import fill, opened
from processes import look

#: What programs have made; Holdfast's own table of versions is not theirs.
SCHEMA = """
select type, name, sql from sqlite_schema
where name not like 'sqlite\\_%' escape '\\' and tbl_name not like '%holdfast%' order by name
"""
OTHERS = [
    ("create table consensus_runs(id integer primary key, spec_id text)", "table consensus_runs"),
    ("create table Agent_Outputs(k text)", "table Agent_Outputs"),
    ("create table run_state(a)", "table run_state"),
    ("create view run_changes as select 1 as id", "view run_changes"),
    ("create index agent_outputs_run on consensus_artifacts(run_id)", "index agent_outputs_run"),
]


@pytest.mark.parametrize(("statement", "what"), OTHERS)
def test_it_is_named_and_nothing_is_changed(path: Path, statement: str, what: str) -> None:
    fill(path, 4)
    look(path, statement)
    schema = look(path, SCHEMA)
    with opened(path) as db:
        for use in (RunStore, DualWriter, backfill):
            with pytest.raises(MigrationError, match=f"another program: the {what}. Rename"):
                use(db)
        assert status(db).phase is None
        assert db.schema_version("runs") == 0
    assert look(path, SCHEMA) == schema


def test_all_of_it_is_named_and_once_it_is_renamed_the_runs_are_made(path: Path) -> None:
    path.touch()
    look(path, "create table consensus_runs(id integer primary key, spec_id text)")
    look(path, "create index consensus_runs_timestamp on consensus_runs(spec_id)")
    look(path, "insert into consensus_runs values (1, 'mine')")
    with opened(path) as db:
        both = "the table consensus_runs, the index consensus_runs_timestamp"
        with pytest.raises(MigrationError, match=both):
            RunStore(db)
        look(path, "alter table consensus_runs rename to old_runs")
        look(path, "drop index consensus_runs_timestamp")
        assert RunStore(db).upsert_consensus_run("S", "plan") == 1
        assert db.fetch_all("select * from old_runs") == [(1, "mine")]
