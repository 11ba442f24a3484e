"""Reading with the verbs of the old schema, from whichever schema is the one to be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import Snapshot
from ..database import Database
from . import legacy, state
from .attach import attach
from .legacy import ARTIFACTS, SYNTHESES, Artifact, LegacyRow, Synthesis
from .mapping import artifact_from, synthesis_from
from .reading import fetch
from .sides import OUTPUT, RUN
from .statements import named


class LegacyStats(NamedTuple):
    """How many artifacts and syntheses there are, and the bytes of the file."""

    artifacts: int
    syntheses: int
    size: int


class LegacyReader:
    """What callers of the old schema read. After the cutover the new tables give the same rows.

    >>> from holdfast.runs import DualWriter
    >>> writer = DualWriter(db)
    >>> _ = writer.store_artifact("SPEC-1", "plan", "claude", '{"plan": 1}', run_id="run_7")
    >>> found = LegacyReader(db).query_artifacts("SPEC-1", "plan")
    >>> [(each.agent_name, each.content_json, each.run_id) for each in found]
    [('claude', '{"plan": 1}', 'run_7')]
    """

    def __init__(self, db: Database) -> None:
        attach(db)
        self._db = db

    def query_artifacts(self, spec_id: str, stage: str) -> list[Artifact]:
        """Read the artifacts of a spec at a stage, the newest first."""
        wanted = [named("spec_id", spec_id), named("stage", stage)]
        with self._db.snapshot() as snap:
            rows = _outputs(snap, wanted) if _is_new(snap) else _rows(snap, ARTIFACTS, wanted)
        return [Artifact(row.id, *row.values) for row in rows]

    def query_syntheses(self, spec_id: str, stage: str) -> list[Synthesis]:
        """Read the syntheses of a spec at a stage, the newest first."""
        wanted = [named("spec_id", spec_id), named("stage", stage)]
        with self._db.snapshot() as snap:
            rows = _runs(snap, wanted) if _is_new(snap) else _rows(snap, SYNTHESES, wanted)
        return [_synthesis(row) for row in rows]

    def query_latest_synthesis(self, spec_id: str, stage: str) -> str | None:
        """Read the `output_markdown` of the newest synthesis; None before the first."""
        wanted = [named("spec_id", spec_id), named("stage", stage)]
        with self._db.snapshot() as snap:
            rows = _runs(snap, wanted) if _is_new(snap) else _rows(snap, SYNTHESES, wanted, 1)
        return rows[0]["output_markdown"] if rows else None

    def count_artifacts(self, spec_id: str) -> int:
        """Count the artifacts of a spec."""
        new = (
            "select count(*) from agent_outputs where run_id in "
            "(select id from consensus_runs where spec_id = ?)"
        )
        with self._db.snapshot() as snap:
            old = f"select count(*) from {ARTIFACTS} where spec_id = ?"
            return snap.fetch_value(new if _is_new(snap) else old, [named("spec_id", spec_id)])

    def list_specs(self) -> list[str]:
        """Read the specs that have artifacts, in their order."""
        new = (
            "select distinct spec_id from consensus_runs r where exists "
            "(select 1 from agent_outputs o where o.run_id = r.id) order by spec_id"
        )
        with self._db.snapshot() as snap:
            old = f"select distinct spec_id from {ARTIFACTS} order by spec_id"
            return [spec for (spec,) in snap.fetch_all(new if _is_new(snap) else old)]

    def get_stats(self) -> LegacyStats:
        """Count artifacts and syntheses."""
        new = (
            "select (select count(*) from agent_outputs), "
            "(select count(*) from consensus_runs where legacy_synthesis_id is not null)"
        )
        with self._db.snapshot() as snap:
            old = f"select (select count(*) from {ARTIFACTS}), (select count(*) from {SYNTHESES})"
            counts = snap.fetch_all(new if _is_new(snap) else old)[0]
        return LegacyStats(counts[0], counts[1], self._db.stats()["size"])


def _is_new(snap: Snapshot) -> bool:
    return state.phase(snap) is not state.Phase.DUAL


def _rows(snap: Snapshot, table: str, wanted: list[str], limit: int = -1) -> list[LegacyRow]:
    layout = legacy.required(snap, table)
    rest = f"from {table} where spec_id = ? and stage = ? order by created_at desc, id desc limit ?"
    return [layout.row_of(row) for row in fetch(snap, layout.columns, rest, [*wanted, limit])]


def _outputs(snap: Snapshot, wanted: list[str]) -> list[LegacyRow]:
    columns = [*(f"o.{name}" for name in OUTPUT), *(f"r.{name}" for name in RUN)]
    rows = fetch(
        snap,
        columns,
        "from consensus_runs r join agent_outputs o on o.run_id = r.id "
        "where r.spec_id = ? and r.stage = ? order by o.output_timestamp desc, o.id desc",
        wanted,
    )
    return [artifact_from(_named(OUTPUT, row), _named(RUN, row[len(OUTPUT) :])) for row in rows]


def _runs(snap: Snapshot, wanted: list[str]) -> list[LegacyRow]:
    rows = fetch(
        snap,
        [f"r.{name}" for name in RUN],
        "from consensus_runs r where r.spec_id = ? and r.stage = ? "
        "and r.legacy_synthesis_id is not null",
        wanted,
    )
    found = [synthesis_from(_named(RUN, row)) for row in rows]
    return sorted(found, key=lambda row: (str(row["created_at"]), row.id), reverse=True)


def _synthesis(row: LegacyRow) -> Synthesis:
    found = Synthesis(row.id, *row.values)
    return found._replace(degraded=bool(found.degraded))


def _named(names: tuple[str, ...], row: tuple[Any, ...]) -> Mapping[str, Any]:
    return dict(zip(names, row, strict=False))
