"""Both sides of what is to be compared, a range of ids at a time, and where they do not agree.

Each range is that of one table: artifacts with their outputs, outputs that are no artifacts, runs
with their syntheses, and syntheses that have no run.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from . import legacy, state
from .bounds import END
from .compare import Finding, output_differs, shown, synthesis_differs
from .legacy import ARTIFACTS, SYNTHESES, LegacyRow
from .mapping import NATIVE
from .reading import Source, fetch

OUTPUTS, RUNS = "agent_outputs", "consensus_runs"

OUTPUT: tuple[str, ...] = (
    "id", "run_id", "agent_name", "model_version", "content", "output_timestamp", "response_text",
    "legacy_json",
)  # fmt: skip
RUN: tuple[str, ...] = (
    "id", "spec_id", "stage", "run_timestamp", "consensus_ok", "degraded", "synthesis_json",
    "legacy_run_id", "legacy_synthesis_id", "mapped_timestamp",
)  # fmt: skip
_MAPPED = f"exists (select 1 from agent_outputs o where o.run_id = r.id and o.id < {NATIVE})"
_UNDECIDED = {"consensus_ok": None, "degraded": 0, "synthesis_json": None}


class Part(NamedTuple):
    """What was found in a range: up to which id, how many rows, and what is not as it should be.

    `pending` rows of the old schema wait for the backfill, `unmapped` ones cannot be mapped.
    """

    upto: int
    checked: int
    findings: tuple[Finding, ...]
    pending: int = 0
    unmapped: int = 0

    @property
    def is_last(self) -> bool:
        """Whether the range is at its end."""
        return self.upto == END


def artifacts(source: Source, after: int, limit: int, most: int = END) -> Part:
    """Compare artifacts with their outputs."""
    layout = legacy.layout(source, ARTIFACTS)
    if layout is None:
        return Part(END, 0, ())
    split = len(layout.columns)
    both = [*layout.columns, *(f"o.{name}" for name in OUTPUT), *(f"r.{name}" for name in RUN)]
    pairs = fetch(
        source,
        both,
        f"from {ARTIFACTS} left join agent_outputs o on o.id = {ARTIFACTS}.id "
        f"and o.id < {NATIVE} left join consensus_runs r on r.id = o.run_id "
        f"where {ARTIFACTS}.id > ? and {ARTIFACTS}.id <= ? order by {ARTIFACTS}.id limit ?",
        [after, most, limit],
    )
    upto = pairs[-1][0] if len(pairs) == limit else most
    alone = fetch(
        source,
        both[split:],
        "from agent_outputs o left join consensus_runs r on r.id = o.run_id "
        f"where o.id > ? and o.id <= ? and o.id < {NATIVE} "
        f"and not exists (select 1 from {ARTIFACTS} a where a.id = o.id) order by o.id limit ?",
        [after, upto, limit],
    )
    if len(alone) == limit:
        upto = alone[-1][0]
    findings = [_without_artifact(_output(row), _run(row[len(OUTPUT) :])) for row in alone]
    missing: list[LegacyRow] = []
    for pair in pairs:
        if pair[0] > upto:
            break
        row, new = layout.row_of(pair[:split]), pair[split:]
        if new[0] is None:
            missing.append(row)
            continue
        output, run = _output(new), _run(new[len(OUTPUT) :])
        if columns := output_differs(row, output, run):
            where = (ARTIFACTS, row.id, OUTPUTS, row.id, columns)
            findings.append(Finding("differs", *where, shown(row), shown(_both(output, run))))
    count = sum(pair[0] <= upto for pair in pairs) + len(alone)
    return _with_missing(source, Part(upto, count, tuple(findings)), missing, OUTPUTS)


def natives(source: Source, after: int, limit: int, most: int = END) -> Part:
    """Find outputs that are no artifacts, from after both schemas began to be written."""
    first = max(after, state.number(source, "mark.outputs"))
    rows = fetch(
        source,
        [*(f"o.{name}" for name in OUTPUT), *(f"r.{name}" for name in RUN)],
        "from agent_outputs o left join consensus_runs r on r.id = o.run_id "
        "where o.id > ? and o.id <= ? order by o.id limit ?",
        [first, most, limit],
    )
    findings = tuple(
        _without_artifact(_output(row), _run(row[len(OUTPUT) :]), is_native=True) for row in rows
    )
    return Part(rows[-1][0] if len(rows) == limit else most, len(rows), findings)


def runs(source: Source, after: int, limit: int, most: int = END) -> Part:
    """Compare runs with their syntheses."""
    layout = legacy.layout(source, SYNTHESES)
    if layout is None:
        return Part(END, 0, ())
    rows = fetch(
        source,
        [*(f"r.{name}" for name in RUN), _MAPPED],
        "from consensus_runs r where r.id > ? and r.id <= ? order by r.id limit ?",
        [after, most, limit],
    )
    wanted = [row[8] for row in rows if isinstance(row[8], int)]
    syntheses = {
        row[0]: layout.row_of(row)
        for row in fetch(
            source,
            layout.columns,
            f"from {SYNTHESES} where id in (select value from json_each(?))",
            [json.dumps(wanted)],
        )
    }
    mark = state.number(source, "mark.runs")
    findings: list[Finding] = []
    for row in rows:
        run = dict(zip(RUN, row, strict=False))
        number = run["legacy_synthesis_id"]
        synthesis = syntheses.get(number)
        if number is None and run["id"] <= mark:
            continue
        kind, columns = "differs", ()
        if synthesis is not None:
            columns = synthesis_differs(synthesis, run)
        elif number is not None or not row[-1]:
            kind = "missing in legacy"
        else:
            columns = tuple(name for name, value in _UNDECIDED.items() if run[name] != value)
        is_moved = run["run_timestamp"] != run["mapped_timestamp"]
        if kind == "differs" and run["id"] > mark and is_moved:
            columns = (*columns, "run_timestamp")
        if columns or kind != "differs":
            where = (SYNTHESES, number, RUNS, run["id"], columns)
            findings.append(Finding(kind, *where, shown(synthesis), shown(run)))
    return Part(rows[-1][0] if len(rows) == limit else most, len(rows), tuple(findings))


def syntheses(source: Source, after: int, limit: int, most: int = END) -> Part:
    """Find syntheses that have no run."""
    layout = legacy.layout(source, SYNTHESES)
    if layout is None:
        return Part(END, 0, ())
    ids = source.fetch_all(
        f"select id from {SYNTHESES} where id > ? and id <= ? order by id limit ?",
        [after, most, limit],
    )
    upto = ids[-1][0] if len(ids) == limit else most
    alone = fetch(
        source,
        layout.columns,
        f"from {SYNTHESES} where id > ? and id <= ? and not exists "
        f"(select 1 from consensus_runs r where r.legacy_synthesis_id = {SYNTHESES}.id)",
        [after, upto],
    )
    return _with_missing(
        source, Part(upto, len(ids), ()), [layout.row_of(row) for row in alone], RUNS
    )


#: The ranges, in the order in which they are swept.
RANGES = {"artifacts": artifacts, "natives": natives, "runs": runs, "syntheses": syntheses}


def again(source: Source, finding: Finding) -> Finding | None:
    """Compare once more what was found; None where there is nothing any more."""
    if finding.legacy_table == ARTIFACTS and finding.legacy_id is not None:
        check, number = artifacts, finding.legacy_id
    elif finding.new_table == OUTPUTS:
        check, number = natives, finding.new_id
    elif finding.kind == "missing in new":
        check, number = syntheses, finding.legacy_id
    else:
        check, number = runs, finding.new_id
    assert number is not None
    return next(iter(check(source, number - 1, 1, number).findings), None)


def _with_missing(source: Source, part: Part, rows: list[LegacyRow], table: str) -> Part:
    """Sort out what rows of the old schema without a counterpart are."""
    if not rows:
        return part
    old = rows[0].table
    mark = state.number(source, f"mark.{old}")
    done = state.number(source, f"backfill.{old}")
    ids = json.dumps([row.id for row in rows])
    known = {
        number
        for (number,) in source.fetch_all(
            "select legacy_id from run_unmapped where legacy_table = ? "
            "and legacy_id in (select value from json_each(?))",
            [old, ids],
        )
    }
    waiting = [row for row in rows if row.id not in known and done < row.id <= mark]
    found = [row for row in rows if row.id not in known and not done < row.id <= mark]
    findings = (
        Finding("missing in new", old, row.id, table, None, (), shown(row), None) for row in found
    )
    return part._replace(
        findings=(*part.findings, *findings), pending=len(waiting), unmapped=len(known)
    )


def _without_artifact(
    output: dict[str, Any], run: dict[str, Any] | None, *, is_native: bool = False
) -> Finding:
    number = None if is_native else output["id"]
    new = shown(_both(output, run))
    return Finding("missing in legacy", ARTIFACTS, number, OUTPUTS, output["id"], (), None, new)


def _both(output: dict[str, Any], run: dict[str, Any] | None) -> dict[str, Any]:
    of_run = {name: run and run[name] for name in ("spec_id", "stage", "legacy_run_id")}
    return {**output, **of_run}


def _output(row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(OUTPUT, row, strict=False))


def _run(row: tuple[Any, ...]) -> dict[str, Any] | None:
    return None if row[0] is None else dict(zip(RUN, row, strict=False))
