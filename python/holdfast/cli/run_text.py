"""How runs look as text."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from ..errors import DataError
from . import output
from .times import in_utc

if TYPE_CHECKING:
    from ..runs import (
        BackfillReport,
        CutoverReport,
        Finding,
        Run,
        RunsStatus,
        UndoReport,
        VerifyReport,
    )

#: Rows that cannot be copied that are named.
MOST = 20

_PHASES = {
    None: "legacy: the old tables alone are in use",
    "dual": "dual: both schemas are written",
    "cutover": "cutover: the new tables alone are written, the old ones are read-only",
}
#: What a cutover may be forced in spite of.
_IN_THE_WAY = {
    "mismatches": "open mismatches",
    "pending": "rows that were not copied",
    "unmapped": "rows that cannot be copied",
}
_DECIDED = {None: "-", True: "yes", False: "no"}


def status(found: RunsStatus, file: str) -> None:
    """Write how far a file has come, and on standard error what is next."""
    phase = _PHASES[found.phase]
    if found.phase is None and not found.tables:
        phase = "new: there are no tables of the old schema"
    output.fields(
        [
            ("phase", phase),
            ("runs", found.runs),
            ("outputs", found.outputs),
            ("backfilled", "-" if found.backfilled_at is None else in_utc(found.backfilled_at)),
            ("verified", _verified(found)),
            ("cutover", "-" if found.cutover_at is None else in_utc(found.cutover_at)),
            ("mismatches", found.mismatches),
        ]
    )
    if not found.tables:
        return
    output.line()
    output.rows_as_table({"table": name, **each._asdict()} for name, each in found.tables.items())
    if found.next is not None:
        output.note(f"next: {_next(found.next, file)}")


def _verified(found: RunsStatus) -> str:
    last = found.verified
    if last is None or last.finished_at is None:
        return "-"
    return f"{in_utc(last.finished_at)}, {last.mismatches} mismatches in {last.checked} rows"


def _next(step: str, file: str) -> str:
    name, *options = {"mend": ["backfill"], "repair": ["backfill", "--repair"]}.get(step, [step])
    command = shlex.join(["holdfast", "runs", name, *options, file])
    if step == "mend":
        return f"mend or delete the rows that cannot be copied, which it names: {command}"
    return command


def backfill(report: BackfillReport) -> None:
    """Write what was copied, and on standard error what could not be."""
    output.line(
        f"{report.artifacts} artifacts and {report.syntheses} syntheses copied, {report.runs} runs "
        f"made; the old tables have {report.rows} rows"
    )
    if report.repaired:
        output.line(f"mismatches repaired: {report.repaired}")
    for each in report.unmapped[:MOST]:
        output.note(f"not copied: {each.reason}")
    if len(report.unmapped) > MOST:
        output.note(f"and {len(report.unmapped) - MOST} rows more, in the table run_unmapped")


def verify(report: VerifyReport, shown: Sequence[Finding]) -> None:
    """Write what was compared, and what differs."""
    output.fields(
        [
            ("compared", report.checked),
            ("mismatches", report.mismatches),
            ("not copied yet", report.pending),
            ("cannot be copied", report.unmapped),
        ]
    )
    if shown:
        output.line()
        output.rows_as_table(map(_finding, shown))
    if report.mismatches > len(shown):
        output.note(f"and {report.mismatches - len(shown)} mismatches more")


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "old table": found.legacy_table,
        "id": found.legacy_id,
        "new table": found.new_table,
        "new id": found.new_id,
        "columns": ", ".join(found.columns),
    }


def cutover(report: CutoverReport | UndoReport) -> None:
    """Write what a cutover, or undoing one, has changed."""
    from ..runs import UndoReport

    would = "would be" if report.dry_run else "are"
    fields = report._asdict()
    if isinstance(report, UndoReport):
        lines = _undone(report, would)
    elif not report.changed:
        lines = ["the cutover was made before: nothing to change"]
    else:
        lines = [
            f"{report.artifacts} artifacts and {report.syntheses} syntheses {would} read-only",
            *(
                f"forced in spite of {what}: {fields[name]}"
                for name, what in _IN_THE_WAY.items()
                if fields[name]
            ),
        ]
    for line in lines:
        output.line(line)


def _undone(report: UndoReport, would: str) -> list[str]:
    if not report.changed:
        return ["there was no cutover: nothing to undo"]
    return [
        f"both schemas {would} written again",
        f"written back: {report.artifacts} artifacts, {report.syntheses} syntheses",
        f"deleted as in the new tables: {report.deleted}",
        f"in the new tables alone, as the old ones cannot hold them: {report.kept}",
    ]


def plain(run: Run) -> dict[str, Any]:
    """A run of a list: without outputs, which are not read for one."""
    return {name: value for name, value in run._asdict().items() if name != "outputs"}


def row(run: Run) -> dict[str, Any]:
    """A run as a row of a table."""
    return {
        "id": run.id,
        "spec": run.spec_id,
        "stage": run.stage,
        "at": in_utc(run.run_timestamp),
        "name": run.name,
        "consensus": _DECIDED[run.consensus_ok],
        "degraded": "yes" if run.degraded else "no",
        "outputs": run.output_count,
    }


def run(found: Run) -> None:
    """Write the fields of a run, its synthesis and its outputs."""
    output.fields({**row(found), "name": found.name or "-"}.items())
    _synthesis(found)
    for each in found.outputs:
        model = "" if each.model_version is None else f" ({each.model_version})"
        _text(f"{each.agent_name}{model}, {in_utc(each.output_timestamp)}", each.content)
        if each.response_text is not None:
            _text(f"{each.agent_name}, raw", each.response_text)


def _synthesis(found: Run) -> None:
    """Write a synthesis, the text in it as text."""
    if found.synthesis_json is None:
        return
    try:
        value = found.synthesis
    except DataError:
        # Another program wrote it.
        value = None
    if not isinstance(value, dict):
        _text("synthesis", found.synthesis_json)
        return
    fields = cast("dict[str, Any]", value)
    markdown = fields.pop("output_markdown", None)
    shown = {name: each for name, each in fields.items() if each is not None}
    if shown:
        output.line()
        output.fields((name, json.dumps(each, ensure_ascii=False)) for name, each in shown.items())
    if markdown is not None:
        _text("synthesis", str(markdown))


def _text(title: str, text: str) -> None:
    output.line()
    output.line(f"--- {title}")
    for each in _lines(text):
        output.line(each)


def _lines(text: str) -> Iterable[str]:
    return (each.removesuffix("\r").expandtabs() for each in text.split("\n"))
