"""One row written to both schemas, and compared where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from .. import Transaction
from . import mapping, mismatches, sides, statements
from .compare import Finding
from .legacy import ARTIFACTS, COLUMNS, SYNTHESES, Layout, LegacyRow
from .state import Phase
from .statements import as_json_text, named, text

#: The spec, the stage and the name of a run.
Name = tuple[str, str, str]

_INSERT = {
    table: f"insert into {table}({', '.join(names)}) values ({', '.join('?' * len(names))}) "
    "returning id"
    for table, names in COLUMNS.items()
}
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
    return NewArtifact(
        named("spec_id", made.spec_id),
        named("stage", made.stage),
        named("agent_name", made.agent_name),
        as_json_text("content_json", made.content_json),
        text("response_text", made.response_text, optional=True),
        text("run_id", made.run_id, optional=True),
        text("model_version", made.model_version, optional=True),
    )


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
        *columns, model = new
        values = (*columns, at)
        self.written += 1
        if not self._dual:
            return self._output(LegacyRow(ARTIFACTS, 0, values, {}), model)
        tx = self._tx
        number: int = tx.fetch_value(_INSERT[ARTIFACTS], values)
        if self._layouts[ARTIFACTS].extra:
            # They may have values by default.
            return self._artifact_and_more(number, model)
        row = LegacyRow(ARTIFACTS, number, values, {})
        remembered = self._remembered(row)
        run = mapping.run_for(tx, row) if remembered is None else remembered
        output = mapping.output_of(row, model)
        tx.execute(mapping.INSERT, [run, *output])
        if not tx.fetch_value(_SAME, [number, model, output.legacy_json]):
            if remembered is not None:
                raise Stale
            self._compare(sides.artifacts(tx, number - 1, 1, number))
        self._remember(row, run)
        return number

    def synthesis(self, values: Sequence[Any]) -> int:
        """Write a synthesis to both; its id."""
        self.written += 1
        tx = self._tx
        if not self._dual:
            row = LegacyRow(SYNTHESES, tx.fetch_value(_NEXT_SYNTHESIS), tuple(values), {})
            mapping.map_row(tx, row)
            return row.id
        number: int = tx.fetch_value(_INSERT[SYNTHESES], values)
        row = self._layouts[SYNTHESES].one(tx, number)
        assert row is not None
        run = mapping.map_row(tx, row)
        self._compare(sides.runs(tx, run - 1, 1, run))
        self._remember(row, run)
        return number

    def _artifact_and_more(self, number: int, model: str | None) -> int:
        row = self._layouts[ARTIFACTS].one(self._tx, number)
        assert row is not None
        mapping.map_row(self._tx, row, model)
        self._compare(sides.artifacts(self._tx, number - 1, 1, number))
        return number

    def _output(self, row: LegacyRow, model: str | None) -> int:
        run = self._remembered(row) or mapping.run_for(self._tx, row)
        self._remember(row, run)
        values = [run, row["agent_name"], model, row["content_json"], row["created_at"]]
        return self._tx.fetch_value(
            f"{statements.INSERT_OUTPUT} returning id", [*values, row["response_text"]]
        )

    def _compare(self, part: sides.Part) -> None:
        mismatches.record(self._tx, part.findings, "write")
        self.findings += part.findings

    def _remembered(self, row: LegacyRow) -> int | None:
        name = (row["spec_id"], row["stage"], row["run_id"])
        return self.fresh.get(name) or self._known.get(name)

    def _remember(self, row: LegacyRow, run: int) -> None:
        if row["run_id"] is not None:
            self.fresh[(row["spec_id"], row["stage"], row["run_id"])] = run
