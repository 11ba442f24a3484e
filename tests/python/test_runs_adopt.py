"""Tables of runs that another tool made are taken over, and processes begin at once."""

from pathlib import Path

import pytest

from holdfast.runs import RunStore, Sweep, attach, state
from old_runs import fill, opened
from processes import Child, look

#: The new tables as another tool makes them.
OTHERS = [
    "create table consensus_runs(id integer primary key autoincrement, spec_id text not null, "
    "stage text not null, run_timestamp integer not null, consensus_ok boolean not null, "
    "degraded boolean default 0, synthesis_json text, unique(spec_id, stage, run_timestamp))",
    "create table agent_outputs(id integer primary key autoincrement, run_id integer not null, "
    "agent_name text not null, model_version text, content text not null, "
    "output_timestamp integer not null, "
    "foreign key(run_id) references consensus_runs(id) on delete cascade)",
    "create index idx_agent_outputs_run on agent_outputs(run_id)",
]


def change(path: Path) -> None:
    for statement in OTHERS:
        look(path, statement)


def test_tables_of_runs_of_another_tool_are_taken_over(path: Path) -> None:
    fill(path, 4)
    change(path)
    known = look(
        path,
        "select spec_id, stage, agent_name, content_json from consensus_artifacts where id = 1",
    )[0]
    insert = "insert into consensus_runs values (?, ?, ?, ?, ?, ?, ?)"
    output = "insert into agent_outputs values (?, ?, ?, ?, ?, ?)"
    look(path, insert, 1, known[0], known[1], 1_795_199_400_123, 1, 0, None)
    look(path, output, 1, 1, known[2], None, known[3], 1_795_199_400_123)
    look(path, insert, 2, "OWN", "plan", 1_795_199_400_123, 0, 1, '{"a":  1}')
    look(path, output, 2, 2, "claude", "4.5", "own", 1_795_199_400_124)
    look(path, insert, 3, "BARE", "plan", 1234, 1, 0, None)
    with opened(path) as db:
        runs = RunStore(db)
        assert runs.query().total == 2
        own = runs.latest("OWN", "plan")
        assert own is not None
        assert (own.consensus_ok, own.degraded, own.synthesis_json) == (False, True, '{"a":  1}')
        assert f"{own.run_timestamp:%FT%T.%f}" == "2026-11-20T18:30:00.123000"
        assert [(each.model_version, each.content) for each in own.outputs] == [("4.5", "own")]
        bare = runs.latest("BARE", "plan")
        assert bare is not None and f"{bare.run_timestamp:%FT%T.%f}" == "1970-01-01T00:00:01.234000"
        RunStore(db)
        assert runs.query().total == 2
        assert db.fetch_value("select count(*) from agent_outputs_before") == 2
        attach(db)
        assert Sweep(db).run().mismatches == 0
        assert db.check().ok


_ATTACH = """
import sys, holdfast
from holdfast.runs import DualWriter
print("ready", flush=True)
sys.stdin.readline()
with holdfast.open(sys.argv[1], pragmas={"auto_vacuum": "none"}) as db:
    writer = DualWriter(db)
    print(writer.store_artifact("S", "plan", "claude", "{}", run_id="run"), flush=True)
"""


@pytest.mark.parametrize("others", [False, True])
def test_processes_that_begin_at_once_attach_once(path: Path, *, others: bool) -> None:
    fill(path, 20)
    if others:
        change(path)
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
