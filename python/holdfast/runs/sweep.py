"""Comparing all rows of both schemas, a few at a time, while others write.

A step reads both sides of some rows in one snapshot. What does not agree there is compared once
more in the transaction that records it, so that nothing is recorded that was deleted meanwhile.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from .. import Transaction
from ..database import Database
from ..errors import ClosedError, Error
from . import bounds, mismatches, state
from .attach import attach
from .bounds import END
from .errors import RunPhaseError
from .reading import Source
from .sides import RANGES, Part, again
from .times import moment, now

_logger = logging.getLogger("holdfast.runs")

#: Rows that a step compares.
ROWS = 500
#: Known mismatches that a step compares once more, in the transaction that resolves them.
KNOWN = 50
#: Seconds between two steps in the background.
PAUSE = 0.02
#: Every id is greater.
BEGIN = -(2**63)
#: The last range is that of the mismatches that are known.
_NAMES = (*RANGES, "known")


class SweepReport(NamedTuple):
    """What a sweep has compared so far; `finished_at` is None until it has come to its end.

    `mismatches` are those that it has found. `pending` rows of the old schema wait for the
    backfill, `unmapped` ones cannot be mapped.
    """

    started_at: datetime
    finished_at: datetime | None
    checked: int
    mismatches: int
    pending: int
    unmapped: int

    @property
    def done(self) -> bool:
        """Whether the sweep has come to its end."""
        return self.finished_at is not None


class Sweep:
    """A comparison of both schemas, step by step, to its end, or in a thread of its own.

    >>> from holdfast.runs import DualWriter
    >>> writer = DualWriter(db)
    >>> _ = writer.store_artifact("SPEC-1", "plan", "claude", '{"plan": 1}')
    >>> report = Sweep(db).run()
    >>> report.checked, report.mismatches
    (2, 0)
    """

    def __init__(self, db: Database) -> None:
        attach(db)
        self._db = db
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def step(self, rows: int = ROWS) -> SweepReport:
        """Compare up to so many rows, and record what does not agree.

        Where the next step goes on is in the database: it may be that of another process. After the
        end a new sweep begins. Raises RunPhaseError after the cutover.
        """
        if type(rows) is not int or rows < 1:
            raise ValueError(f"rows is a number from 1, not {rows!r}")
        before = state.get(self._db, "sweep")
        return _report(self._step(_place(before), rows, before))

    def run(self, progress: Callable[[SweepReport], object] | None = None) -> SweepReport:
        """Compare everything from the beginning, and report; what `progress` raises ends it.

        Raises RunPhaseError after the cutover.
        """
        place = _begin()
        while place["finished_at"] is None:
            place = self._step(place, ROWS, None, keep=False)
            if progress is not None:
                progress(_report(place))
        return _report(place)

    def last(self) -> SweepReport | None:
        """The report of the last sweep that has come to its end; None before the first."""
        return last(self._db)

    def start(self, every: float = 300.0) -> None:
        """Sweep in the background, again so many seconds after each end, until `stop`."""
        if not 0 < every <= threading.TIMEOUT_MAX:
            raise ValueError(f"every is a number of seconds that can be waited, not {every!r}")
        if self._thread is None or not self._thread.is_alive():
            self._stopped.clear()
            self._thread = threading.Thread(
                target=self._sweep, args=(every,), name="holdfast-runs-sweep", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End the sweep in the background; the next one goes on where it was."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Sweep:
        return self

    def __exit__(self, *details: object) -> None:
        self.stop()

    def _sweep(self, every: float) -> None:
        wait = 0.0
        while not self._stopped.wait(wait):
            wait = PAUSE
            try:
                report = self.step()
            except (ClosedError, RunPhaseError):
                return
            except Error as error:
                _logger.warning("the sweep of runs waits: %s", error)
                wait = every
            else:
                if report.done:
                    wait = every
                    if report.mismatches:
                        _logger.warning("a sweep of runs found %d mismatches", report.mismatches)

    def _step(
        self, place: dict[str, Any], rows: int, before: str | None, *, keep: bool = True
    ) -> dict[str, Any]:
        name = place["range"]
        if name == "known":
            return self._db.run(_resolve, place, before, keep)
        with self._db.snapshot() as snap:
            if state.phase(snap) is not state.Phase.DUAL:
                raise RunPhaseError("since the cutover the new tables alone are written")
            most = bounds.most(snap, name, place["after"], rows)
            part = RANGES[name](snap, place["after"], rows, most)
        if not part.findings and not keep:
            return _after(place, part, 0)
        return self._db.run(_record, place, part, before, keep)


def last(source: Source) -> SweepReport | None:
    """The report of the last sweep that has come to its end; None before the first."""
    found = state.get(source, "sweep.last")
    return None if found is None else _report(json.loads(found))


def _place(text: str | None) -> dict[str, Any]:
    """Where a sweep is; at the beginning where nothing says so that can be read."""
    begin = _begin()
    try:
        place = {name: json.loads(text or "")[name] for name in begin}
    except (ValueError, TypeError, KeyError):
        return begin
    return place if place["range"] in _NAMES else begin


def _begin() -> dict[str, Any]:
    counts = dict.fromkeys(("checked", "mismatches", "pending", "unmapped"), 0)
    return {"range": _NAMES[0], "after": BEGIN, "started_at": now(), "finished_at": None, **counts}


def _after(place: dict[str, Any], part: Part, found: int) -> dict[str, Any]:
    """Where a sweep is after a part of a range."""
    counts = {
        "checked": place["checked"] + part.checked,
        "mismatches": place["mismatches"] + found,
        "pending": place["pending"] + part.pending,
        "unmapped": place["unmapped"] + part.unmapped,
    }
    after = {**place, **counts, "after": part.upto}
    if part.is_last:
        number = _NAMES.index(place["range"]) + 1
        if number == len(_NAMES):
            return {**after, "finished_at": now()}
        after |= {"range": _NAMES[number], "after": BEGIN}
    return after


def _record(
    tx: Transaction, place: dict[str, Any], part: Part, before: str | None, keep: bool
) -> dict[str, Any]:
    findings = [found for each in part.findings if (found := again(tx, each)) is not None]
    mismatches.record(tx, findings, "sweep")
    return _keep(tx, _after(place, part, len(findings)), before, keep)


def _resolve(
    tx: Transaction, place: dict[str, Any], before: str | None, keep: bool
) -> dict[str, Any]:
    known = mismatches.opened(tx, place["after"], KNOWN)
    gone: list[int] = []
    for number, finding in known:
        found = again(tx, finding)
        if found is None or found.fingerprint != finding.fingerprint:
            gone.append(number)
    mismatches.resolve(tx, gone)
    part = Part(known[-1][0] if len(known) == KNOWN else END, 0, ())
    return _keep(tx, _after(place, part, 0), before, keep)


def _keep(tx: Transaction, place: dict[str, Any], before: str | None, keep: bool) -> dict[str, Any]:
    """Write where the sweep is now, unless another one has gone on meanwhile."""
    is_done = place["finished_at"] is not None
    if is_done:
        state.put(tx, "sweep.last", json.dumps(place))
    if keep and state.get(tx, "sweep") == before:
        if is_done:
            state.forget(tx, "sweep")
        else:
            state.put(tx, "sweep", json.dumps(place))
    return place


def _report(place: dict[str, Any]) -> SweepReport:
    finished = place["finished_at"]
    return SweepReport(
        moment(place["started_at"]),
        None if finished is None else moment(finished),
        **{name: place[name] for name in ("checked", "mismatches", "pending", "unmapped")},
    )
