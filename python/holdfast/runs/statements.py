"""The statements of runs, and what is checked before they are run; both stores use them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from ..errors import MigrationError
from .models import OUTPUT_COLUMNS, RUN_COLUMNS, Output, RunStats
from .times import given, moment

SCHEMA = Path(__file__).parent / "schema"
COMPONENT = "runs"
#: The number of the last step in `SCHEMA`.
VERSION = len(list(SCHEMA.glob("*.sql")))

#: A statement and its parameters.
Statement = tuple[str, list[Any]]

# What is not given stays as it is.
UPSERT_RUN = """
insert into consensus_runs(
    spec_id, stage, run_timestamp, consensus_ok, degraded, synthesis_json, legacy_run_id
) values (?1, ?2, ?3, ?4, coalesce(?5, 0), ?6, ?7)
on conflict(spec_id, stage, run_timestamp) do update set
    consensus_ok = coalesce(?4, consensus_ok), degraded = coalesce(?5, degraded),
    synthesis_json = coalesce(?6, synthesis_json), legacy_run_id = coalesce(?7, legacy_run_id)
returning id
"""
INSERT_OUTPUT = """
insert into agent_outputs(
    run_id, agent_name, model_version, content, output_timestamp, response_text
) values (?, ?, ?, ?, ?, ?)
"""
STORE_SYNTHESIS = """
update consensus_runs set synthesis_json = ?2, consensus_ok = coalesce(?3, consensus_ok),
    degraded = coalesce(?4, degraded)
where id = ?1
"""
GET = f"select {RUN_COLUMNS} from consensus_runs r where r.id = ?"
LATEST = (
    f"select {RUN_COLUMNS} from consensus_runs r where r.spec_id = ? and r.stage = ? "
    "order by r.run_timestamp desc limit 1"
)
OUTPUTS = f"select {OUTPUT_COLUMNS} from agent_outputs where run_id = ? order by id"
DELETE_SPEC = "delete from consensus_runs where spec_id = ?"

_COUNTED = (
    "runs", "outputs", "specs", "ok", "failed", "undecided", "degraded", "with_synthesis",
    "first", "last", "mismatches", "unmapped",
)  # fmt: skip
_COUNTS = """
select count(*), (select count(*) from agent_outputs), count(distinct spec_id),
    count(*) filter (where consensus_ok), count(*) filter (where not consensus_ok),
    count(*) filter (where consensus_ok is null), count(*) filter (where degraded),
    count(synthesis_json), min(run_timestamp), max(run_timestamp),
    (select count(*) from run_mismatches where resolved_at is null),
    (select count(*) from run_unmapped)
from consensus_runs
"""
STATS = (
    _COUNTS,
    "select stage, count(*) from consensus_runs group by stage order by stage",
    "select agent_name, count(*) from agent_outputs group by agent_name order by agent_name",
)


def others() -> Statement:
    """What other programs have made under the names that the first step gives."""
    first = (SCHEMA / "0001_runs.sql").read_text()
    names = re.findall(r"^create (?:table|(?:unique )?index) (\w+)", first, re.MULTILINE)
    return (
        "select type, name from sqlite_schema where lower(name) in "
        "(select value from json_each(?)) order by type = 'index', name",
        [json.dumps(names)],
    )


def in_the_way(found: Iterable[Any]) -> MigrationError:
    """What is raised for what `others` found."""
    what = ", ".join(f"the {kind} {name}" for kind, name in found)
    return MigrationError(
        f"the file has names that runs need, from another program: {what}. Rename or drop them, as "
        "by `alter table consensus_runs rename to old_runs`, or keep runs in a file of their own"
    )


def stats_of(counts: tuple[Any, ...], stages: Iterable[Any], agents: Iterable[Any]) -> RunStats:
    """Make the statistics of the rows of `STATS`."""
    values: dict[str, Any] = dict(zip(_COUNTED, counts, strict=True))
    for name in ("first", "last"):
        values[name] = values[name] and moment(values[name])
    return RunStats(**values, stages=dict(stages), agents=dict(agents))


def run_row(
    spec_id: str,
    stage: str,
    run_timestamp: datetime | None,
    consensus_ok: bool | None,
    degraded: bool | None,
    synthesis: Any,
    name: str | None,
) -> list[Any]:
    """The parameters of `UPSERT_RUN`."""
    return [
        named("spec_id", spec_id),
        named("stage", stage),
        given("run_timestamp", run_timestamp),
        flag("consensus_ok", consensus_ok),
        flag("degraded", degraded),
        synthesis_text(synthesis),
        None if name is None else named("name", name),
    ]


def output_row(run_id: int, output: Output | Mapping[str, Any] | tuple[Any, ...]) -> list[Any]:
    """The parameters of `INSERT_OUTPUT`."""
    values = cast("Any", output)
    try:
        made = Output(**values) if isinstance(output, Mapping) else Output(*values)
    except TypeError as error:
        raise TypeError(f"an output is an Output, or the values for one: {error}") from None
    return [
        number("run_id", run_id),
        named("agent_name", made.agent_name),
        text("model_version", made.model_version, optional=True),
        text("content", made.content),
        given("output_timestamp", made.output_timestamp),
        text("response_text", made.response_text, optional=True),
    ]


def synthesis_row(
    run_id: int, synthesis: Any, consensus_ok: bool | None, degraded: bool | None
) -> list[Any]:
    """The parameters of `STORE_SYNTHESIS`."""
    return [
        number("run_id", run_id),
        synthesis_text(synthesis),
        flag("consensus_ok", consensus_ok),
        flag("degraded", degraded),
    ]


def synthesis_text(synthesis: Any) -> str | None:
    """A synthesis as JSON; text is JSON already and is kept as it is."""
    if synthesis is None:
        return None
    try:
        if isinstance(synthesis, str):
            json.loads(synthesis, parse_constant=_no_constant)
            return synthesis
        return json.dumps(synthesis, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        kind = "text that is no JSON" if isinstance(synthesis, str) else "no value for JSON"
        raise ValueError(f"the synthesis is {kind}: {error}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")


def as_json_text(name: str, value: Any) -> str:
    """A value as JSON; text is kept as it is, whatever it says."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{name} is no value for JSON: {error}") from None


def named(name: str, value: object) -> str:
    """A text that names something, and so is not blank."""
    found = text(name, value)
    if not found.strip():
        raise ValueError(f"{name} is blank")
    return found


def text(name: str, value: Any, *, optional: bool = False) -> Any:
    """A text, or None where it is optional."""
    if isinstance(value, str) or (optional and value is None):
        return value
    also = " or None" if optional else ""
    raise TypeError(f"{name} is a text{also}, not {type(value).__name__}")


def flag(name: str, value: object) -> bool | None:
    """True, False, or None for what is not known or stays."""
    if value is None or isinstance(value, bool):
        return value
    raise TypeError(f"{name} is True, False or None, not {value!r}")


def number(name: str, value: object) -> int:
    """A number of a row, as the id of a run."""
    if type(value) is not int:
        raise TypeError(f"{name} is an int, not {type(value).__name__}")
    return value
