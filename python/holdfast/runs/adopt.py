"""Taking over tables of runs and outputs that another program made before.

They stay in the file with their rows, under names of their own. What they alone have is copied;
what the old schema has too comes from there.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import Transaction
from ..database import Database
from ..errors import MigrationError
from . import state
from .legacy import ARTIFACTS, SYNTHESES
from .reading import Source, fetch
from .slots import free
from .times import read_any, stamp

RUNS, OUTPUTS = "consensus_runs", "agent_outputs"
#: What is put behind the name of a table that is taken over.
BEFORE = "_before"
#: Whether there are such tables.
IN_THE_WAY = (
    f"select 1 from sqlite_schema where type = 'table' and name in ('{RUNS}', '{OUTPUTS}') "
    "and not exists (select 1 from sqlite_schema where name = 'run_state')"
)
#: Rows that are read at once.
BATCH = 200

_RUN = ("spec_id", "stage", "run_timestamp", "consensus_ok", "degraded", "synthesis_json")
_OUTPUT = ("agent_name", "model_version", "content", "output_timestamp")


def put_aside(db: Database) -> None:
    """Give tables that are in the way of the first migration another name."""
    if db.fetch_one(IN_THE_WAY):
        db.run(_put_aside)


def _put_aside(tx: Transaction) -> None:
    if not tx.fetch_one(IN_THE_WAY):
        # Another process was faster.
        return
    for table in (RUNS, OUTPUTS):
        if _has(tx, table):
            if _has(tx, table + BEFORE):
                raise MigrationError(
                    f"the table {table} is of another program, and there is a {table}{BEFORE} "
                    "already: rename one of them"
                )
            tx.execute(f"alter table {table} rename to {table}{BEFORE}")


def copy(db: Database) -> None:
    """Copy what the tables that were put aside have alone; once."""
    if _has(db, RUNS + BEFORE) and state.get(db, "adopted") is None:
        db.run(_copy)


def _copy(tx: Transaction) -> None:
    if state.get(tx, "adopted") is not None:
        return
    last = -(2**63)
    copied = 0
    while rows := fetch(
        tx,
        ["id", *_RUN],
        f"from {RUNS}{BEFORE} where id > ? order by id limit {BATCH}",
        [last],
    ):
        for row in rows:
            copied += _copy_run(tx, *row)
        last = rows[-1][0]
    state.put(tx, "adopted", copied)


def _copy_run(
    tx: Transaction, number: int, spec_id: Any, stage: Any, at: Any, ok: Any, degraded: Any,
    synthesis: Any,
) -> int:  # fmt: skip
    outputs = _outputs(tx, number, spec_id, stage)
    is_bare = synthesis is None and not tx.fetch_one(
        f"select 1 from {OUTPUTS}{BEFORE} where run_id = ?", [number]
    )
    if not outputs and not is_bare and _has_synthesis(tx, spec_id, stage, synthesis):
        return 0
    at = free(tx, spec_id, stage, _time(at))
    run = tx.fetch_value(
        f"insert into {RUNS}({', '.join(_RUN)}) values (?, ?, ?, ?, ?, ?) returning id",
        [spec_id, stage, at, ok, bool(degraded), synthesis],
    )
    tx.execute_many(
        f"insert into {OUTPUTS}(run_id, {', '.join(_OUTPUT)}) values (?, ?, ?, ?, ?)",
        ([run, *row[:3], _time(row[3])] for row in outputs),
    )
    return 1


def _outputs(tx: Transaction, run: int, spec_id: Any, stage: Any) -> list[tuple[Any, ...]]:
    """The outputs of a run that are no artifacts of the old schema."""
    known = (
        f"and not exists (select 1 from {ARTIFACTS} a where a.spec_id = ? and a.stage = ? "
        "and a.agent_name = o.agent_name and a.content_json = o.content) "
    )
    has = _has(tx, ARTIFACTS)
    return fetch(
        tx,
        [f"o.{name}" for name in _OUTPUT],
        f"from {OUTPUTS}{BEFORE} o where o.run_id = ? {known if has else ''}order by o.id",
        [run, spec_id, stage] if has else [run],
    )


def _has_synthesis(tx: Transaction, spec_id: Any, stage: Any, synthesis: Any) -> bool:
    """Whether the old schema has what a run says; also where it says nothing."""
    if synthesis is None:
        return True
    try:
        markdown = json.loads(synthesis)["output_markdown"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
    return _has(tx, SYNTHESES) and bool(
        tx.fetch_one(
            f"select 1 from {SYNTHESES} where spec_id = ? and stage = ? and output_markdown = ?",
            [spec_id, stage, markdown],
        )
    )


def _time(value: Any) -> str:
    """A time of such a table: milliseconds since 1970, or what else can be read as one."""
    found = read_any(value)
    if found is None:
        milliseconds = value if isinstance(value, int) else 0
        found = stamp(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds))
    return found


def _has(source: Source, table: str) -> bool:
    sql = "select 1 from sqlite_schema where type = 'table' and name = ?"
    return source.fetch_one(sql, [table]) is not None
