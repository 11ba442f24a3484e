"""Whether both schemas say the same, and what is in the way of the cutover."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..database import Database
from . import mismatches, state
from .compare import Finding
from .errors import RunPhaseError
from .pending import TABLES
from .reading import Source
from .sides import OUTPUTS, RANGES, RUNS, Part
from .state import Phase
from .statements import COMPONENT
from .sweep import BEGIN, ROWS, Sweep


class VerifyReport(NamedTuple):
    """What was compared, and what does not agree or is not there yet.

    `mismatches` are all that are open. `pending` rows of the old tables were not copied yet,
    `unmapped` ones cannot be.
    """

    checked: int
    mismatches: int
    pending: int
    unmapped: int
    seconds: float
    dry_run: bool

    @property
    def ok(self) -> bool:
        """Whether nothing is in the way of the cutover."""
        return not (self.mismatches or self.pending or self.unmapped)


def verify(
    db: Database,
    *,
    dry_run: bool = False,
    progress: Callable[[int, int], object] = lambda _done, _total: None,
    found: Callable[[Finding], object] = lambda _finding: None,
) -> VerifyReport:
    """Compare all rows of both schemas by content hash, both ways, while others write; report.

    What does not agree is kept in `run_mismatches` with both sides until a later comparison finds
    it to agree; `found` is called with each. `dry_run` writes nothing. `progress` is called with
    the rows that are compared, and about how many there are.

    Raises RunPhaseError before the first backfill and after the cutover.

    >>> from holdfast.runs import DualWriter
    >>> _ = DualWriter(db).store_artifact("SPEC-1", "plan", "claude", "{}")
    >>> verify(db).ok
    True
    >>> db.execute("update agent_outputs set content = '[]'")
    1
    >>> verify(db, dry_run=True, found=lambda each: print(each.kind, each.columns)).mismatches
    differs ('content',)
    1
    """
    began = time.monotonic()
    check_dual(db)
    tables = (*TABLES, OUTPUTS, RUNS)
    total = sum(db.fetch_value(f"select count(*) from {table}") for table in tables)
    if dry_run:
        checked = pending = unmapped = count = 0
        for part in _parts(db):
            checked += part.checked
            pending += part.pending
            unmapped += part.unmapped
            count += len(part.findings)
            for each in part.findings:
                found(each)
            progress(min(checked, total), total)
    else:
        report = Sweep(db).run(lambda at: progress(min(at.checked, total), total))
        checked, pending, unmapped = report.checked, report.pending, report.unmapped
        count = 0
        for each in _open(db):
            found(each)
            count += 1
    progress(total, total)
    return VerifyReport(checked, count, pending, unmapped, time.monotonic() - began, dry_run)


def phase_of(db: Database) -> Phase | None:
    """Read the phase; None too where the new tables are not there."""
    return state.phase(db) if db.schema_version(COMPONENT) else None


def check_dual(db: Database) -> None:
    """Raise RunPhaseError where not both schemas are in use."""
    phase = phase_of(db)
    if phase is None:
        raise RunPhaseError("there is nothing in the new tables to compare with: backfill first")
    if phase is Phase.CUTOVER:
        raise RunPhaseError(
            "since the cutover the new tables alone are written: there is nothing to compare"
        )


def _parts(db: Database) -> Iterator[Part]:
    for compare in RANGES.values():
        after, is_last = BEGIN, False
        while not is_last:
            with db.snapshot() as snap:
                part = compare(snap, after, ROWS)
            yield part
            after, is_last = part.upto, part.is_last


def _open(source: Source) -> Iterator[Finding]:
    after = BEGIN
    while some := mismatches.opened(source, after, ROWS):
        yield from (finding for _, finding in some)
        after = some[-1][0]
