"""One row written to both schemas, and compared where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from .. import Transaction
from . import legacy, mapping, mismatches, sides, statements
from .compare import Finding
from .legacy import ARTIFACTS, COLUMNS, SYNTHESES, Layout, LegacyRow
from .state import Phase
from .statements import as_json_text, named, text

#: The spec, the stage and the name of a run.
Name = tuple[str, str, str | None]

_OUTPUT = f"{statements.INSERT_OUTPUT} returning id"
# Both sides as they are now; nothing of them leaves SQLite.
_SAME = """
select a.spec_id is r.spec_id and a.stage is r.stage and a.agent_name is o.agent_name
    and a.content_json is o.content and a.response_text is o.response_text
    and a.run_id is r.legacy_run_id and a.created_at is o.output_timestamp
    and o.model_version is ?2 and o.legacy_json is ?3
from consensus_artifacts a join agent_outputs o on o.id = a.id
    join consensus_runs r on r.id = o.run_id
where a.id = ?1
"""
_NEXT_SYNTHESIS = """
select 1 + max(
    coalesce((select max(id) from consensus_synthesis), 0),
    coalesce((select max(legacy_synthesis_id) from consensus_runs), 0)
)
"""


class Stale(Exception):
    """What was remembered of a run is not so any more."""


class NewArtifact(NamedTuple):
    """An artifact to be stored: the columns of the old schema, and the model, which that has not.

    `content_json` that is text is kept as it is, anything else is written as JSON.
    """

    spec_id: str
    stage: str
    agent_name: str
    content_json: Any
    response_text: str | None = None
    run_id: str | None = None
    model_version: str | None = None


def checked(artifact: NewArtifact | Mapping[str, Any] | tuple[Any, ...]) -> NewArtifact:
    """An artifact whose values can be stored. Raises ValueError or TypeError, which names it."""
    values = cast("Any", artifact)
    try:
        made = NewArtifact(**values) if isinstance(artifact, Mapping) else NewArtifact(*values)
    except TypeError as error:
        raise TypeError(f"an artifact is a NewArtifact, or the values for one: {error}") from None
    for name in ("spec_id", "stage", "agent_name"):
        named(name, getattr(made, name))
    for name in ("response_text", "run_id", "model_version"):
        text(name, getattr(made, name), optional=True)
    if isinstance(made.content_json, str):
        return made
    return made._replace(content_json=as_json_text("content_json", made.content_json))


class Pairs:
    """The rows that one transaction writes to both schemas, or since the cutover to the new one.

    `known` has the ids of runs; those that this transaction finds are in `fresh`.
    """

    __slots__ = ("_dual", "_known", "_layouts", "_tx", "findings", "fresh", "written")

    def __init__(
        self,
        tx: Transaction,
        layouts: Mapping[str, Layout],
        known: Mapping[Name, int],
        phase: Phase | None,
    ) -> None:
        self._tx = tx
        self._layouts = layouts
        self._known = known
        self._dual = phase is Phase.DUAL
        self.fresh: dict[Name, int] = {}
        self.findings: list[Finding] = []
        self.written = 0

    def artifact(self, new: NewArtifact, at: str) -> int:
        """Write an artifact and its output; the id of both. Raises Stale."""
        spec_id, stage, agent_name, content, response, run_id, model = new
        tx = self._tx
        self.written += 1
        name = (spec_id, stage, run_id)
        fresh = self.fresh.get(name)
        known = fresh or self._known.get(name)
        if not self._dual:
            run = known or mapping.find_run(tx, *name, at)
            self._remember(name, run)
            return tx.fetch_value(_OUTPUT, (run, agent_name, model, content, at, response))
        number = _insert(tx, ARTIFACTS, (spec_id, stage, agent_name, content, response, run_id, at))
        if self._layouts[ARTIFACTS].extra:
            # They may have values by default.
            return self._artifact_and_more(number, model)
        run = known or mapping.find_run(tx, *name, at)
        extra = None if model is None else legacy.dumps({"model_version": model})
        tx.execute(mapping.INSERT, (run, number, agent_name, content, at, response, model, extra))
        if not tx.fetch_value(_SAME, (number, model, extra)):
            if known is not None and fresh is None:
                raise Stale
            self._compare(sides.artifacts(tx, number - 1, 1, number))
        self._remember(name, run)
        return number

    def synthesis(self, values: Sequence[Any]) -> int:
        """Write a synthesis to both; its id."""
        self.written += 1
        tx = self._tx
        if not self._dual:
            row = LegacyRow(SYNTHESES, tx.fetch_value(_NEXT_SYNTHESIS), tuple(values), {})
            mapping.map_row(tx, row)
            return row.id
        number = _insert(tx, SYNTHESES, values)
        row = self._layouts[SYNTHESES].one(tx, number)
        assert row is not None
        run = mapping.map_row(tx, row)
        self._compare(sides.runs(tx, run - 1, 1, run))
        self._remember((row["spec_id"], row["stage"], row["run_id"]), run)
        return number

    def _artifact_and_more(self, number: int, model: str | None) -> int:
        row = self._layouts[ARTIFACTS].one(self._tx, number)
        assert row is not None
        mapping.map_row(self._tx, row, model)
        self._compare(sides.artifacts(self._tx, number - 1, 1, number))
        return number

    def _compare(self, part: sides.Part) -> None:
        mismatches.record(self._tx, part.findings, "write")
        self.findings += part.findings

    def _remember(self, name: Name, run: int) -> None:
        if name[2] is not None:
            self.fresh[name] = run


def _insert(tx: Transaction, table: str, values: Sequence[Any]) -> int:
    number = tx.insert(table, dict(zip(COLUMNS[table], values, strict=True)))
    assert number is not None
    return number
