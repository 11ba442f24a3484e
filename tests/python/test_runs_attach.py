"""A file with the old tables gets the new ones beside them, and loses nothing."""

from pathlib import Path

import pytest

import holdfast
from holdfast.errors import Error
from holdfast.runs import DualWriter, LegacySchemaError, Phase, RunStore, Sweep, state
from holdfast.runs.attach import attach
from old_runs import TABLES, fill, opened
from processes import Child, look

#: A table that refers to the old ones, one with a trigger, and columns that nobody knows.
MORE = [
    "alter table consensus_artifacts add column cost real",
    "alter table consensus_synthesis add column \"who's\" text default 'me'",
    "create table note(artifact integer references consensus_artifacts(id) on delete cascade, t)",
    "insert into note select id, 'x' from consensus_artifacts",
    "create table agent_executions(agent_id text primary key, spec_id text, run_id text)",
    "insert into agent_executions values ('a-1', 'SPEC-1', 'run-1')",
]
ODD = [
    "update consensus_artifacts set created_at = null where id % 7 = 0",
    "update consensus_artifacts set created_at = '2026-11-20T18:30:00+01:00' where id % 7 = 1",
    "update consensus_artifacts set content_json = '{no json' where id % 7 = 2",
    "update consensus_artifacts set content_json = cast(x'ff' as text) where id = 5",
    "update consensus_artifacts set run_id = x'00' where id = 6",
    "insert into consensus_artifacts(spec_id, stage, agent_name, content_json) "
    "select spec_id, stage, agent_name, content_json from consensus_artifacts where id < 9",
    "update consensus_synthesis set artifacts_count = 'many', degraded = 'yes' where id % 5 = 0",
]


def change(path: Path, statements: list[str]) -> None:
    for statement in statements:
        look(path, statement)


def everything(path: Path) -> list[list[object]]:
    """The old tables and all that belongs to them, as another process sees them."""
    tables = ("consensus_artifacts", "consensus_synthesis", "note", "agent_executions")
    names = ", ".join(f"'{table}'" for table in tables)
    found = look(path, f"select sql from sqlite_schema where tbl_name in ({names}) order by 1")
    for table in tables:
        columns = [name for (name,) in look(path, "select name from pragma_table_info(?)", table)]
        quoted = ", ".join(f'typeof("{name}"), hex(cast("{name}" as blob))' for name in columns)
        found += look(path, f"select {quoted} from {table} order by rowid")
    return found


@pytest.fixture
def old(path: Path) -> Path:
    fill(path, 30)
    change(path, [*MORE, *ODD])
    return path


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("version", [0, 2])
def test_the_old_tables_stay_as_they_were(old: Path, mode: str, version: int) -> None:
    change(old, [f"pragma journal_mode = {mode}", f"pragma user_version = {version}"])
    before = everything(old)
    with opened(old) as db:
        attach(db)
        attach(db)
        assert state.phase(db) is Phase.DUAL
        assert db.fetch_value("select count(*) from agent_outputs") == 0
        assert db.schema_version("runs") > 0
        assert db.check().ok
    assert everything(old) == before
    assert look(old, "pragma user_version") == [[version]]


def test_rows_from_before_are_no_mismatches_and_later_ones_are(old: Path) -> None:
    with opened(old) as db:
        attach(db)
        counts = db.fetch_all(
            "select (select count(*) from consensus_artifacts), "
            "(select count(*) from consensus_synthesis)"
        )[0]
        report = Sweep(db).run()
        assert (report.mismatches, report.pending) == (0, sum(counts))
    fill(old, 1, first=1000)
    with opened(old) as db:
        report = Sweep(db).run()
        assert (report.mismatches, report.pending) == (4, sum(counts))


def test_old_rows_and_new_ones_share_a_table(old: Path) -> None:
    with opened(old) as db:
        writer = DualWriter(db)
        latest = db.fetch_value("select max(id) from consensus_artifacts")
        number = writer.store_artifact("SPEC-1", "tasks", "qwen", "{}", run_id="run-4")
        assert number == latest + 1
        assert db.fetch_value("select cost from consensus_artifacts where id = ?", [number]) is None
        synthesis = writer.store_synthesis("SPEC-1", "tasks", "# x", run_id="run-4")
        who = db.fetch_value(
            "select synthesis_json ->> '$.extra.\"who''s\"' from consensus_runs "
            "where legacy_synthesis_id = ?",
            [synthesis],
        )
        assert who == "me"
        assert writer.query_artifacts("SPEC-1", "tasks")[0].agent_name == "qwen"
        assert Sweep(db).run().mismatches == 0


def test_runs_from_before_keep_out_of_the_way_of_artifacts(path: Path) -> None:
    with holdfast.open(path) as db:
        runs = RunStore(db)
        run_id = runs.upsert_consensus_run("S", "plan")
        runs.add_outputs(run_id, [("claude", "a"), ("gemini", "b")])
        writer = DualWriter(db)
        assert writer.store_artifact("S", "plan", "gpt", "{}") == 1
        contents = {output.content for output in runs.get(run_id).outputs}
        assert contents - {"{}"} == {"a", "b"}
        assert runs.add_output(run_id, "qwen", "c") > 2**40
        # What was there before both were written is no mismatch; what comes past the writer is.
        assert Sweep(db).run().mismatches == 1


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (["create table consensus_artifacts(id integer primary key, spec_id)"], "has no column"),
        (["alter table consensus_artifacts drop column run_id"], "has no column run_id: add"),
        (
            [
                "alter table consensus_artifacts rename to other",
                "create table consensus_artifacts(id text primary key, spec_id, stage, agent_name, "
                "content_json, response_text, run_id, created_at)",
            ],
            "has no id that is an integer primary key",
        ),
    ],
)
def test_tables_that_cannot_be_mapped_are_refused(
    path: Path, statements: list[str], says: str
) -> None:
    if not statements[0].startswith("create"):
        fill(path, 1)
    else:
        path.touch()
    change(path, statements)
    with opened(path) as db:
        with pytest.raises(LegacySchemaError, match=f"the table consensus_artifacts {says}"):
            DualWriter(db)
        assert state.phase(db) is None


def test_a_file_that_may_only_be_read_is_left_alone(path: Path) -> None:
    path.touch()
    look(path, TABLES.split(";")[0])
    with opened(path, read_only=True) as db, pytest.raises(Error, match="opened read_only"):
        attach(db)
    assert look(path, "select count(*) from sqlite_schema where name like 'run%'") == [[0]]


_ATTACH = """
import sys, holdfast
from holdfast.runs import DualWriter
print("ready", flush=True)
sys.stdin.readline()
with holdfast.open(sys.argv[1], pragmas={"auto_vacuum": "none"}) as db:
    writer = DualWriter(db)
    print(writer.store_artifact("S", "plan", "claude", "{}", run_id="run"), flush=True)
"""


def test_processes_that_begin_at_once_attach_once(path: Path) -> None:
    fill(path, 20)
    children = [Child(_ATTACH, path) for _ in range(4)]
    try:
        for child in children:
            assert child.line() == "ready"
        for child in children:
            child.send()
        found = sorted(int(line) for child in children for line in child.finish())
    finally:
        for child in children:
            child.kill()
    assert found == [61, 62, 63, 64]
    with opened(path) as db:
        assert Sweep(db).run().mismatches == 0
        assert state.get(db, "mark.consensus_artifacts") == "60"
