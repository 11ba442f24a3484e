"""Writing both schemas at once, with the verbs of the old one."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..database import Database
from ..errors import IntegrityError
from . import deleting, mismatches, retention, state
from .errors import RunPhaseError
from .legacy import ARTIFACTS, SYNTHESES
from .mismatches import MismatchPage
from .pairs import Name, NewArtifact, Pairs, Stale, checked
from .reader import LegacyReader
from .state import Phase
from .statements import as_json_text, flag, named, number, text
from .sweep import SweepReport, last
from .times import now

if TYPE_CHECKING:
    from .. import Transaction

T = TypeVar("T")

_logger = logging.getLogger("holdfast.runs")

#: Runs whose ids are remembered.
REMEMBERED = 1000


class DualReport(NamedTuple):
    """How the two schemas are doing.

    `written` counts the rows that this writer has written to both, and `mismatched` those of them
    that were not the same afterwards. `mismatches` are all that were found and not resolved.
    """

    phase: Phase
    written: int
    mismatched: int
    artifacts: int
    outputs: int
    syntheses: int
    runs: int
    mismatches: int
    unmapped: int
    last_sweep: SweepReport | None


_COUNTED = ("artifacts", "outputs", "syntheses", "runs", "mismatches", "unmapped")


class DualWriter(LegacyReader):
    """Writes both schemas in one transaction with one timestamp, and reads as callers of the old.

    After each write both sides are compared where they are; what does not agree is kept with both,
    counted and logged, and the write stands. After the cutover the new schema alone is written. The
    verbs that write take a transaction as `tx`, to be part of it.

    >>> writer = DualWriter(db)
    >>> writer.store_artifact("SPEC-1", "plan", "claude", '{"plan": 1}', run_id="run_7")
    1
    >>> writer.store_synthesis("SPEC-1", "plan", "# The plan", status="ok", run_id="run_7")
    1
    >>> from holdfast.runs import RunStore
    >>> run = RunStore(db).latest("SPEC-1", "plan")
    >>> run.name, run.consensus_ok, run.outputs[0].content
    ('run_7', True, '{"plan": 1}')
    """

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._has_more = False
        self._phase = state.phase(db)
        self._runs: dict[Name, int] = {}
        self._written = self._mismatched = 0
        self._counting = threading.Lock()

    # Writing

    def store_artifact(
        self,
        spec_id: str,
        stage: str,
        agent_name: str,
        content_json: Any,
        response_text: str | None = None,
        run_id: str | None = None,
        *,
        model_version: str | None = None,
        tx: Transaction | None = None,
    ) -> int:
        """Store what an agent has put out; return the id of the artifact, which the output has too.

        Artifacts with one `run_id` belong to one run; one without to that of its own millisecond.
        """
        new = checked(
            (spec_id, stage, agent_name, content_json, response_text, run_id, model_version)
        )
        return self._store(lambda pairs: pairs.artifact(new, now()), tx)

    def store_artifacts(
        self,
        artifacts: Iterable[NewArtifact | Mapping[str, Any] | tuple[Any, ...]],
        *,
        tx: Transaction | None = None,
    ) -> list[int]:
        """Store artifacts, all or none, with one timestamp; return their ids.

        >>> DualWriter(db).store_artifacts([("S", "plan", "a", "{}"), ("S", "plan", "b", "{}")])
        [1, 2]
        """
        made = [checked(each) for each in artifacts]
        at = now()
        return self._store(lambda pairs: [pairs.artifact(each, at) for each in made], tx)

    def store_synthesis(
        self,
        spec_id: str,
        stage: str,
        output_markdown: str,
        output_path: str | os.PathLike[str] | None = None,
        status: str = "ok",
        artifacts_count: int | None = None,
        agreements: Any = None,
        conflicts: Any = None,
        degraded: bool = False,
        run_id: str | None = None,
        *,
        tx: Transaction | None = None,
    ) -> int:
        """Store what was made of the artifacts; return the id of the synthesis.

        It belongs to the newest run of that `run_id` that has none, or to a new one. The run is
        consensus for a `status` such as "ok"; `mapping.OK` has them all. `agreements` and
        `conflicts` that are text are kept as they are, anything else is written as JSON.
        """
        values = (
            named("spec_id", spec_id),
            named("stage", stage),
            text("output_markdown", output_markdown),
            None if output_path is None else text("output_path", os.fspath(output_path)),
            named("status", status),
            None if artifacts_count is None else number("artifacts_count", artifacts_count),
            None if agreements is None else as_json_text("agreements", agreements),
            None if conflicts is None else as_json_text("conflicts", conflicts),
            int(bool(flag("degraded", degraded))),
            text("run_id", run_id, optional=True),
        )
        return self._store(lambda pairs: pairs.synthesis((*values, now())), tx)

    def delete_spec_artifacts(self, spec_id: str, *, tx: Transaction | None = None) -> int:
        """Delete the artifacts of a spec with their outputs; return how many. Syntheses stay."""
        return self._run(deleting.artifacts, named("spec_id", spec_id), None, tx=tx)

    def delete_stage_artifacts(
        self, spec_id: str, stage: str, *, tx: Transaction | None = None
    ) -> int:
        """Delete the artifacts of a spec at a stage; return how many. Syntheses stay."""
        return self._run(
            deleting.artifacts, named("spec_id", spec_id), named("stage", stage), tx=tx
        )

    def delete_spec(self, spec_id: str, *, tx: Transaction | None = None) -> int:
        """Delete all of a spec from both schemas; return how many runs there were."""
        return self._run(deleting.spec, named("spec_id", spec_id), tx=tx)

    def delete_old(self, older_than: timedelta) -> int:
        """Delete the runs that are older from both schemas, a few in a transaction; count them.

        Rows of the old schema that belong to no run stay.
        """
        before = retention.boundary(older_than)
        deleted = 0
        while before is not None and (gone := self._run(deleting.some_old, before)):
            deleted += gone
        return deleted

    # Looking

    def mismatches(
        self, *, resolved: bool = False, limit: int = 50, cursor: int | None = None
    ) -> MismatchPage:
        """Read what was found not to agree, the newest first; also what is resolved, if asked."""
        return mismatches.read(self._db, resolved=resolved, limit=limit, cursor=cursor)

    def report(self) -> DualReport:
        """Count both sides and what does not agree."""
        with self._db.snapshot() as snap:
            numbers = snap.fetch_all(
                f"select (select count(*) from {ARTIFACTS}), (select count(*) from agent_outputs), "
                f"(select count(*) from {SYNTHESES}), (select count(*) from consensus_runs), "
                "(select count(*) from run_mismatches where resolved_at is null), "
                "(select count(*) from run_unmapped)"
            )[0]
            phase = state.phase(snap)
            if phase is None:
                raise RunPhaseError("run_state has lost its phase: open the runs again")
            counts = dict(zip(_COUNTED, numbers, strict=True))
            mine = {"written": self._written, "mismatched": self._mismatched}
            return DualReport(phase, **mine, **counts, last_sweep=last(snap))

    # One transaction

    def _store(self, work: Callable[[Pairs], T], tx: Transaction | None) -> T:
        if tx is not None:
            # It may be rolled back: nothing is remembered of it.
            pairs = Pairs(tx, {}, state.phase(tx), has_more=self._has_more)
            result = work(pairs)
            self._count(pairs)
            return result
        try:
            return self._attempt(work)
        except (IntegrityError, Stale):
            # A run was deleted, or the old tables are read-only since the cutover.
            self._runs = {}
            self._phase = state.phase(self._db)
            return self._attempt(work)

    def _attempt(self, work: Callable[[Pairs], T]) -> T:
        with self._db.transaction() as tx:
            # Frozen old tables refuse a write that takes them for writable. The other way round
            # nothing would, so the phase is read.
            phase = self._phase if self._phase is Phase.DUAL else state.phase(tx)
            pairs = Pairs(tx, self._runs, phase, has_more=self._has_more)
            result = work(pairs)
        if len(self._runs) >= REMEMBERED:
            self._runs = {}
        self._runs.update(pairs.fresh)
        self._count(pairs)
        return result

    def _count(self, pairs: Pairs) -> None:
        self._has_more |= pairs.has_more
        with self._counting:
            self._written += pairs.written
            self._mismatched += len(pairs.findings)
        for found in pairs.findings:
            what = ", ".join(found.columns) or found.kind
            where = (found.legacy_id, found.legacy_table, what)
            _logger.warning("row %s of %s is another one in the new schema: %s", *where)

    def _run(self, work: Callable[..., int], *values: Any, tx: Transaction | None = None) -> int:
        return self._db.run(work, *values) if tx is None else work(tx, *values)
