"""From a row of the old schema to the new one, and back. Nothing of a row is lost on the way.

An artifact is an output of an agent, with the same id. It belongs to the newest run of its spec,
stage and `run_id`; one without a `run_id` to that of its own time. A synthesis is that of the
newest such run which has none yet. A run that is not there is made, with the time of the row that
it is made for, or the next millisecond that no other run of that spec and stage has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import Transaction
from .errors import UnmappableError
from .legacy import ARTIFACTS, COLUMNS, SYNTHESES, LegacyRow, dumps, loads
from .reading import Garbled
from .slots import Places, free
from .times import read_any

#: The first id of outputs that are no artifacts, in a file that has the old tables.
NATIVE = 2**40

#: Statuses of a synthesis, in lower case, that are consensus; every other one is none.
OK = ("approved", "completed", "degraded", "ok", "passed", "success")
#: Characters of a value that a reason has.
SHOWN = 60
#: What is no text, in words.
_KINDS: dict[Any, str] = {type(None): "NULL", bytes: "a blob", Garbled: "text that is not UTF-8"}
#: What a synthesis has beside the columns of its run, in the order in which it is written.
_SYNTHESIS = (
    "output_markdown", "output_path", "status", "artifacts_count", "agreements", "conflicts",
    "degraded", "created_at",
)  # fmt: skip


class MappedOutput(NamedTuple):
    """What a row of `consensus_artifacts` is in `agent_outputs`, but for the run."""

    id: int
    agent_name: str
    content: str
    output_timestamp: str
    response_text: str | None
    model_version: str | None
    legacy_json: str | None


class MappedSynthesis(NamedTuple):
    """What a row of `consensus_synthesis` is in `consensus_runs`."""

    consensus_ok: bool
    degraded: bool
    synthesis_json: str
    legacy_synthesis_id: int


INSERT = """
insert into agent_outputs(
    run_id, id, agent_name, content, output_timestamp, response_text, model_version, legacy_json
) values (?, ?, ?, ?, ?, ?, ?, ?)
"""
SYNTHESIZE = """
update consensus_runs set consensus_ok = ?, degraded = ?, synthesis_json = ?,
    legacy_synthesis_id = ? where id = ?
"""
NEWEST = """
select id from consensus_runs where spec_id = ? and stage = ? and legacy_run_id = ?
"""
NAMELESS = """
select id from consensus_runs where spec_id = ? and stage = ? and run_timestamp >= ?
and run_timestamp < ? and legacy_run_id is null
"""
MAKE = """
insert into consensus_runs(spec_id, stage, run_timestamp, mapped_timestamp, legacy_run_id)
values (?1, ?2, ?3, ?3, ?4)
on conflict do nothing returning id
"""


def output_of(row: LegacyRow, model_version: str | None = None) -> MappedOutput:
    """What an artifact is in the new schema. Raises UnmappableError, which says why it is none."""
    _check_id(row)
    _check_texts(row, ("spec_id", "stage", "agent_name", "content_json"))
    _check_texts(row, ("response_text", "run_id"), optional=True)
    at = _time_of(row)
    rest: dict[str, Any] = {}
    if row["created_at"] != at:
        rest["created_at"] = row["created_at"]
    if model_version is not None:
        # The old schema has no column for it: it is kept twice, so that a change is noticed.
        rest["model_version"] = model_version
    return MappedOutput(
        row.id,
        row["agent_name"],
        row["content_json"],
        at,
        row["response_text"],
        model_version,
        _dumps(row, rest) if rest or row.extra else None,
    )


def synthesis_of(row: LegacyRow) -> MappedSynthesis:
    """What a synthesis is in the new schema. Raises UnmappableError, which says why it is none."""
    _check_id(row)
    _check_texts(row, ("spec_id", "stage", "output_markdown", "status"))
    _check_texts(row, ("output_path", "agreements", "conflicts", "run_id"), optional=True)
    _time_of(row)
    values = {name: row[name] for name in _SYNTHESIS}
    ok, degraded = decided(row["status"], row["degraded"])
    return MappedSynthesis(ok, degraded, _dumps(row, values), row.id)


def decided(status: str, degraded: Any) -> tuple[bool, bool]:
    """Whether a synthesis is consensus, and a degraded one."""
    return status.strip().lower() in OK, _is_true(degraded)


def artifact_from(output: Mapping[str, Any], run: Mapping[str, Any]) -> LegacyRow:
    """The artifact that an output and its run are, by the names of their columns.

    Raises ValueError for a `legacy_json` that is none.
    """
    rest = loads(output["legacy_json"])
    values = (
        run["spec_id"], run["stage"], output["agent_name"], output["content"],
        output["response_text"], run["legacy_run_id"],
        rest.get("created_at", output["output_timestamp"]),
    )  # fmt: skip
    return LegacyRow(ARTIFACTS, output["id"], values, rest.get("extra", {}))


def synthesis_from(run: Mapping[str, Any]) -> LegacyRow:
    """The synthesis that a run has, by the names of its columns.

    Raises ValueError for a `synthesis_json` that was not made of one.
    """
    rest = loads(run["synthesis_json"])
    try:
        known = {name: rest[name] for name in _SYNTHESIS}
    except KeyError as error:
        raise ValueError(f"the synthesis has no {error}") from None
    known |= {name: run[name] for name in ("spec_id", "stage")} | {"run_id": run["legacy_run_id"]}
    values = tuple(known[name] for name in COLUMNS[SYNTHESES])
    return LegacyRow(SYNTHESES, run["legacy_synthesis_id"], values, rest.get("extra", {}))


def run_for(tx: Transaction, row: LegacyRow, places: Places | None = None) -> int:
    """Find the run that a row belongs to, or make it; its id."""
    name = (row["spec_id"], row["stage"], row["run_id"])
    return find_run(tx, *name, _time_of(row), single=row.table == SYNTHESES, places=places)


def find_run(
    tx: Transaction,
    spec_id: str,
    stage: str,
    name: str | None,
    at: str,
    *,
    single: bool = False,
    places: Places | None = None,
) -> int:
    """Find a run by its name, or make it; `single` is for one without a synthesis."""
    none_yet = " and synthesis_json is null" if single else ""
    if name is not None:
        newest = f"{NEWEST}{none_yet} order by id desc limit 1"
        found = tx.fetch_value(newest, [spec_id, stage, name])
        if found is not None:
            return found
    made = tx.fetch_value(MAKE, [spec_id, stage, at, name])
    if made is not None:
        return made
    first = free(tx, spec_id, stage, at, places=places)
    if name is None:
        # One of those that are in the way may be it.
        found = tx.fetch_value(f"{NAMELESS}{none_yet} limit 1", [spec_id, stage, at, first])
        if found is not None:
            return found
    return tx.fetch_value(MAKE, [spec_id, stage, first, name])


def map_row(
    tx: Transaction,
    row: LegacyRow,
    model_version: str | None = None,
    places: Places | None = None,
) -> int:
    """Write what a row of the old schema is in the new one; the id of its output or run.

    Raises UnmappableError before anything is written, and IntegrityError for a row that is mapped
    already.
    """
    if row.table == ARTIFACTS:
        output = output_of(row, model_version)
        tx.execute(INSERT, [run_for(tx, row, places), *output])
        return output.id
    synthesis = synthesis_of(row)
    run_id = run_for(tx, row, places)
    tx.execute(SYNTHESIZE, [*synthesis, run_id])
    return run_id


def _check_id(row: LegacyRow) -> None:
    if not 0 < row.id < NATIVE:
        raise _unmappable(row, f"its id is not between 0 and {NATIVE}")


def _check_texts(row: LegacyRow, names: tuple[str, ...], *, optional: bool = False) -> None:
    for name in names:
        value = row[name]
        if not isinstance(value, str) and not (optional and value is None):
            kind = _KINDS.get(value.__class__, "a number")
            raise _unmappable(row, f"{name} is {kind}")


def _time_of(row: LegacyRow) -> str:
    at = read_any(row["created_at"])
    if at is None:
        value = row["created_at"]
        if isinstance(value, str | bytes):
            value = value[:SHOWN]
        raise _unmappable(row, f"created_at is no time: {value!r}")
    return at


def _dumps(row: LegacyRow, values: dict[str, Any]) -> str:
    if row.extra:
        values = values | {"extra": row.extra}
    try:
        return dumps(values)
    except ValueError:
        raise _unmappable(row, "a number is infinite, which JSON cannot say") from None


def _is_true(value: Any) -> bool:
    """What another program means by a value for true: 1, or a text that says so."""
    if isinstance(value, str):
        return value.strip().lower() in ("1", "true", "t", "yes", "y")
    return bool(value)


def _unmappable(row: LegacyRow, why: str) -> UnmappableError:
    error = UnmappableError(f"row {row.id} of {row.table}: {why}")
    error.legacy_id = row.id
    return error
