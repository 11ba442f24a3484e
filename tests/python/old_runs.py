"""Files as an old tool makes and writes them: by plain sqlite3, in a process of its own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import holdfast
from holdfast.runs import LegacyReader, NewArtifact
from processes import Child, look, run

TABLES = """
create table if not exists consensus_artifacts (
    id integer primary key autoincrement,
    spec_id text not null,
    stage text not null,
    agent_name text not null,
    content_json text not null,
    response_text text,
    run_id text,
    created_at timestamp default current_timestamp
);
create index if not exists idx_spec_stage on consensus_artifacts(spec_id, stage);
create table if not exists consensus_synthesis (
    id integer primary key autoincrement,
    spec_id text not null,
    stage text not null,
    output_markdown text not null,
    output_path text,
    status text not null,
    artifacts_count integer,
    agreements text,
    conflicts text,
    degraded boolean default 0,
    run_id text,
    created_at timestamp default current_timestamp
);
"""

#: Writes runs of three artifacts and a synthesis, all in one transaction or each in its own.
_WRITE = """
import json, sqlite3, sys, time
path, tables, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
connection = sqlite3.connect(path, timeout=20, isolation_level=None)
connection.executescript(tables)

def write(number):
    spec, stage = f"SPEC-{number // 4}", ("plan", "tasks", "code")[number % 3]
    name = f"run-{number}" if number % 5 else None
    text = "\\u00e4 " + "x" * settings["size"]
    for agent in ("gemini", "claude", "gpt"):
        connection.execute(
            "insert into consensus_artifacts(spec_id, stage, agent_name, content_json, "
            "response_text, run_id, created_at) values (?, ?, ?, ?, ?, ?, ?)",
            (spec, stage, agent, json.dumps({"number": number, "text": text}),
             None if number % 2 else f"raw {number}", name,
             f"2026-01-02 {number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}"),
        )
    connection.execute(
        "insert into consensus_synthesis(spec_id, stage, output_markdown, status, "
        "artifacts_count, degraded, run_id) values (?, ?, ?, ?, 3, ?, ?)",
        (spec, stage, f"# Run {number}", "failed" if number % 7 == 0 else "ok",
         number % 2, name),
    )
"""
_FILL = (
    _WRITE
    + """
connection.execute("begin")
for number in range(settings["first"], settings["first"] + settings["runs"]):
    write(number)
connection.execute("commit")
if settings["keep"] > 1:
    for table in ("consensus_artifacts", "consensus_synthesis"):
        connection.execute(f"delete from {table} where id % ?", (settings["keep"],))
connection.close()
"""
)
_WRITER = (
    _WRITE
    + """
number = settings["first"]
print("ready", flush=True)
sys.stdin.readline()
try:
    while number < settings["first"] + settings["runs"]:
        connection.execute("begin immediate")
        write(number)
        connection.execute("commit")
        number += 1
        print(number, flush=True)
        time.sleep(settings["pause"])
except sqlite3.IntegrityError as error:
    connection.execute("rollback")
    print(error, flush=True)
connection.close()
"""
)


def fill(path: Path, runs: int, *, first: int = 0, size: int = 50, keep: int = 1) -> Path:
    """Make a file of so many runs, or add them; of `keep` rows only one is not deleted."""
    settings = {"runs": runs, "first": first, "size": size, "keep": keep}
    path.touch()
    run(_FILL, path, TABLES, json.dumps(settings), timeout=600)
    return path


def old_tool(path: Path, runs: int, *, first: int, pause: float = 0.0) -> Child:
    """A process that writes runs, from when it is sent a line; it prints one for each, or why not.

    `pause` is the seconds between two.
    """
    settings = {"runs": runs, "first": first, "size": 50, "pause": pause}
    child = Child(_WRITER, path, TABLES, json.dumps(settings))
    assert child.line() == "ready"
    return child


def opened(path: Path, **settings: Any) -> holdfast.Database:
    """Open a file that was made without auto_vacuum; in the mode in which it is, to read only."""
    pragmas = {"auto_vacuum": "none"}
    if settings.get("read_only"):
        pragmas["journal_mode"] = "delete"
    return holdfast.open(path, pragmas=pragmas, vacuum_every=None, **settings)


def artifacts() -> Iterator[NewArtifact]:
    """Artifacts as agents give them: three to a run, of many specs and stages."""
    number = 0
    while True:
        spec, stage = f"SPEC-{number // 30 % 40}", ("plan", "tasks", "code")[number // 9 % 3]
        agent = ("gemini", "claude", "gpt")[number % 3]
        content = json.dumps({"artifact": number, "text": "ä" * (number % 50)}, ensure_ascii=False)
        response = None if number % 4 else f"raw {number}"
        name = None if number // 3 % 10 == 9 else f"run-{number // 3}"
        model = "4.5" if number % 5 == 0 else None
        yield NewArtifact(spec, stage, agent, content, response, name, model)
        number += 1


#: Rows of the old tables whose counterparts are not there, or not the same.
_OFF = """
select count(*) from (
    select a.id from consensus_artifacts a
    left join agent_outputs o on o.id = a.id left join consensus_runs r on r.id = o.run_id
    where a.spec_id is not r.spec_id or a.stage is not r.stage or a.agent_name is not o.agent_name
        or a.content_json is not o.content or a.response_text is not o.response_text
        or a.run_id is not r.legacy_run_id
        or strftime('%s', a.created_at) is not strftime('%s', o.output_timestamp)
    union all
    select s.id from consensus_synthesis s
    left join consensus_runs r on r.legacy_synthesis_id = s.id
    where s.spec_id is not r.spec_id or s.stage is not r.stage or s.run_id is not r.legacy_run_id
        or (s.status = 'ok') is not r.consensus_ok or s.degraded is not r.degraded
        or s.output_markdown is not r.synthesis_json ->> 'output_markdown'
        or s.artifacts_count is not r.synthesis_json ->> 'artifacts_count'
)
"""
_COUNTS = """
select (select count(*) from consensus_artifacts), (select count(*) from agent_outputs),
    (select count(*) from consensus_synthesis),
    (select count(*) from consensus_runs where legacy_synthesis_id is not null)
"""


def assert_same(db: holdfast.Database) -> None:
    """Each row of the old tables is in the new ones, once, and no other is."""
    artifacts, outputs, syntheses, runs = db.fetch_all(_COUNTS)[0]
    assert (artifacts, syntheses) == (outputs, runs)
    assert db.fetch_value(_OFF) == 0
    assert db.check().ok


def look_one(path: Path, sql: str, *parameters: Any) -> Any:
    """The one value of a statement, run by plain sqlite3 in another process."""
    return look(path, sql, *parameters)[0][0]


def everything(db: holdfast.Database) -> dict[str, Any]:
    """What callers of the old schema read."""
    reader = LegacyReader(db)
    found: dict[str, Any] = {"specs": reader.list_specs(), "stats": reader.get_stats()[:2]}
    for spec in found["specs"]:
        for stage in ("plan", "tasks", "code"):
            found[spec, stage] = (
                sorted(reader.query_artifacts(spec, stage)),
                sorted(reader.query_syntheses(spec, stage)),
            )
    return found
