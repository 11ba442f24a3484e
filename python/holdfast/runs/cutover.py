"""From both schemas to the new one alone, and back: each in one transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import NamedTuple

from .. import Transaction
from ..database import Database
from . import freeze, mismatches, state, watch
from .back import WrittenBack, write_back
from .errors import CutoverRefusedError, RunPhaseError
from .pending import TABLES, alone
from .reading import Source
from .sides import OUTPUTS, RUNS, Part
from .state import Phase
from .times import now
from .trial import copy_of
from .verify import VerifyReport, check_dual, phase_of, verify
from .watch import FEW, Watch, watching

#: How often what was written meanwhile is compared without the lane, until few of it are left.
ROUNDS = 20


class CutoverReport(NamedTuple):
    """What a cutover did, or would do (`dry_run`).

    `artifacts` and `syntheses` are the rows of the old tables, which are read-only now; `changed`
    is False where they were already. What was in the way of a forced one is counted: `mismatches`
    that are open, `pending` rows that were not copied and `unmapped` ones that cannot be.
    """

    changed: bool
    artifacts: int
    syntheses: int
    mismatches: int
    pending: int
    unmapped: int
    seconds: float
    dry_run: bool


class UndoReport(NamedTuple):
    """What undoing a cutover did, or would do (`dry_run`).

    `artifacts` and `syntheses` are the rows that were written back to the old tables, `deleted`
    those that were deleted there as they were in the new ones. `kept` outputs and syntheses are
    such as the old tables cannot hold. `changed` is False where there was no cutover.
    """

    changed: bool
    artifacts: int
    syntheses: int
    deleted: int
    kept: int
    seconds: float
    dry_run: bool


def cutover(
    db: Database,
    *,
    force: bool = False,
    dry_run: bool = False,
    progress: Callable[[int, int], object] = lambda _done, _total: None,
) -> CutoverReport:
    """Move reads to the new tables, and make the old ones read-only for every program.

    First all is compared as by `verify`, while others write, and `progress` is called. Then one
    transaction compares what was written meanwhile, and makes the change. `force` makes it
    whatever was found; `dry_run` compares and writes nothing. Where it was made already, nothing
    is changed.

    Raises CutoverRefusedError while rows are not copied or mismatches are open, RunPhaseError
    before the first backfill.

    >>> from holdfast.runs import DualWriter
    >>> writer = DualWriter(db)
    >>> _ = writer.store_artifact("SPEC-1", "plan", "claude", "{}")
    >>> cutover(db).artifacts
    1
    >>> db.execute("delete from consensus_artifacts")
    Traceback (most recent call last):
    holdfast.errors.IntegrityError: consensus_artifacts is read-only since the cutover: ...
    >>> undo_cutover(db).changed
    True
    """
    began = time.monotonic()
    report = None
    while report is None:
        try:
            report = _cut_over(db, progress, force=force, dry_run=dry_run)
        except RunPhaseError:
            # Another process was faster.
            if phase_of(db) is not Phase.CUTOVER:
                raise
    return report._replace(seconds=time.monotonic() - began, dry_run=dry_run)


def undo_cutover(db: Database, *, dry_run: bool = False) -> UndoReport:
    """Let both schemas be written again, after what came since the cutover is in both.

    One transaction writes back to the old tables what the new ones were given since, and deletes
    there what was deleted. An output gets the id of its artifact. `dry_run` does so on a temporary
    copy of the file.

    Raises RunPhaseError before the first backfill.
    """
    began = time.monotonic()
    if phase_of(db) is not Phase.CUTOVER:
        check_dual(db)
    if dry_run:
        with copy_of(db) as copy:
            changed, done = copy.run(_undo)
    else:
        changed, done = db.run(_undo)
    return UndoReport(changed, *done, seconds=time.monotonic() - began, dry_run=dry_run)


class _Way(NamedTuple):
    """What is in the way of a cutover."""

    mismatches: int
    pending: int
    unmapped: int

    def check(self, *, force: bool) -> _Way:
        """Itself; CutoverRefusedError unless there is nothing or it is forced."""
        if any(self) and not force:
            error = CutoverRefusedError(f"the cutover is refused: {self}")
            error.mismatches, error.pending, error.unmapped = self
            raise error
        return self

    def __str__(self) -> str:
        found = {
            "open mismatches, which verify shows": self.mismatches,
            "rows that backfill has not copied": self.pending,
            "rows that cannot be copied, which run_unmapped has": self.unmapped,
        }
        return ", ".join(f"{what}: {count}" for what, count in found.items() if count)


def _way(found: VerifyReport) -> _Way:
    return _Way(found.mismatches, found.pending, found.unmapped)


def _cut_over(
    db: Database, progress: Callable[[int, int], object], *, force: bool, dry_run: bool
) -> CutoverReport | None:
    """Cut over; None where another process has ended the watch."""
    if phase_of(db) is Phase.CUTOVER:
        return _report(db, _Way(0, 0, 0), changed=False)
    check_dual(db)
    if dry_run:
        found = _way(verify(db, dry_run=True, progress=progress))
        return _report(db, found.check(force=force), changed=True)
    with watching(db) as seen:
        before = _way(verify(db, progress=progress)).check(force=force)
        for _ in range(ROUNDS):
            if seen.left(db) <= FEW:
                break
            with db.snapshot() as snap:
                seen, parts = seen.compare(snap)
            _found(parts).check(force=force)
        return db.run(_flip, seen, before, force)


def _flip(tx: Transaction, seen: Watch, before: _Way, force: bool) -> CutoverReport | None:
    if not seen.is_on(tx):
        return None
    _, parts = seen.compare(tx)
    found = _found(parts)
    way = _Way(
        mismatches.count(tx) + found.mismatches,
        before.pending + found.pending,
        before.unmapped + found.unmapped,
    )
    if not any(way):
        way = way._replace(mismatches=alone(tx))
    way.check(force=force)
    watch.end(tx)
    freeze.freeze(tx)
    state.put(tx, "phase", Phase.CUTOVER)
    state.put(tx, "cutover", json.dumps({"at": now(), "complete": not any(way)}))
    return _report(tx, way, changed=True)


def _found(parts: list[Part]) -> _Way:
    return _Way(
        sum(len(part.findings) for part in parts),
        sum(part.pending for part in parts),
        sum(part.unmapped for part in parts),
    )


def _report(source: Source, way: _Way, *, changed: bool) -> CutoverReport:
    artifacts, syntheses = (source.fetch_value(f"select count(*) from {each}") for each in TABLES)
    return CutoverReport(changed, artifacts, syntheses, *way, seconds=0.0, dry_run=False)


def _undo(tx: Transaction) -> tuple[bool, WrittenBack]:
    if state.phase(tx) is not Phase.CUTOVER:
        return False, WrittenBack(0, 0, 0, 0)
    # What was not copied before a forced cutover has no counterpart either, and stays.
    complete = json.loads(state.get(tx, "cutover") or "{}").get("complete", False)
    freeze.thaw(tx)
    done = write_back(tx, delete=complete)
    # What the old tables cannot hold is not looked for there.
    for name, table in (("mark.outputs", OUTPUTS), ("mark.runs", RUNS)):
        greatest = tx.fetch_value(f"select max(id) from {table}") or 0
        state.put(tx, name, max(greatest, state.number(tx, name)))
    state.put(tx, "phase", Phase.DUAL)
    state.forget(tx, "cutover")
    return True, done
