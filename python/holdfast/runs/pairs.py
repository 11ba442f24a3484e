"""One row written to both schemas, and compared where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from .. import Transaction
from ..errors import IntegrityError
from . import legacy, mapping, mismatches, sides, statements
from .compare import Finding
from .errors import LegacySchemaError
from .legacy import ARTIFACTS, COLUMNS, SYNTHESES, LegacyRow
from .mapping import NATIVE
from .pending import is_copied
from .state import Phase
from .statements import as_json_text, named, text

#: The spec, the stage and the name of a run.
Name = tuple[str, str, str | None]

_OUTPUT = f"{statements.INSERT_OUTPUT} returning id"
#: The columns of an artifact `a`, and where its output `o` and its run `r` have them.
_COUNTERPARTS = {
    "spec_id": "r.spec_id",
    "stage": "r.stage",
    "agent_name": "o.agent_name",
    "content_json": "o.content",
    "response_text": "o.response_text",
    "run_id": "r.legacy_run_id",
    "created_at": "o.output_timestamp",
}
# The type and the bytes, whatever the columns were declared as.
_ALIKE = " and ".join(
    f"typeof(a.{old}) = typeof({new}) and a.{old} is {new} collate binary"
    for old, new in _COUNTERPARTS.items()
)
# Both sides as they are now; nothing of them leaves SQLite.
_SAME = f"""
select {_ALIKE} and o.model_version is ?2 and o.legacy_json is ?3
    and (select count(*) from pragma_table_info('{ARTIFACTS}')) = {len(_COUNTERPARTS) + 1}
from {ARTIFACTS} a join agent_outputs o on o.id = a.id join consensus_runs r on r.id = o.run_id
where a.id = ?1
"""
#: The next id that neither schema has.
_NEXT = {
    ARTIFACTS: f"""
select 1 + max(
    coalesce((select max(id) from {ARTIFACTS}), 0),
    coalesce((select max(id) from agent_outputs where id < {NATIVE}), 0)
)
""",
    SYNTHESES: f"""
select 1 + max(
    coalesce((select max(id) from {SYNTHESES}), 0),
    coalesce((select max(legacy_synthesis_id) from consensus_runs), 0)
)
""",
}


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

    `known` has the ids of runs; those that this transaction finds are in `fresh`. `has_more` is
    whether artifacts have columns beyond those that are known, as far as that was seen.
    """

    __slots__ = ("_dual", "_known", "_tx", "findings", "fresh", "has_more", "written")

    def __init__(
        self,
        tx: Transaction,
        known: Mapping[Name, int],
        phase: Phase | None,
        *,
        has_more: bool,
    ) -> None:
        self._tx = tx
        self._known = known
        self.has_more = has_more
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
        values = (spec_id, stage, agent_name, content, response, run_id, at)
        number = _insert(tx, ARTIFACTS, values)
        if self.has_more:
            # They may have values by default.
            return self._mapped(ARTIFACTS, number, values, model)[0]
        run = known or mapping.find_run(tx, *name, at)
        extra = None if model is None else legacy.dumps({"model_version": model})
        rest = (agent_name, content, at, response, model, extra)
        try:
            tx.execute(mapping.INSERT, (run, number, *rest))
        except IntegrityError as error:
            number = self._another(ARTIFACTS, number, values, error)
            tx.execute(mapping.INSERT, (run, number, *rest))
        if not tx.fetch_value(_SAME, (number, model, extra)):
            if known is not None and fresh is None:
                raise Stale
            if legacy.required(tx, ARTIFACTS).extra:
                self.has_more = True
                tx.execute("delete from agent_outputs where id = ?", [number])
                return self._mapped(ARTIFACTS, number, values, model)[0]
            self._compare(sides.artifacts(tx, number - 1, 1, number))
        self._remember(name, run)
        return number

    def synthesis(self, values: Sequence[Any]) -> int:
        """Write a synthesis to both; its id."""
        self.written += 1
        tx = self._tx
        if not self._dual:
            row = LegacyRow(SYNTHESES, tx.fetch_value(_NEXT[SYNTHESES]), tuple(values), {})
            mapping.map_row(tx, row)
            return row.id
        number, run = self._mapped(SYNTHESES, _insert(tx, SYNTHESES, values), values)
        named_by = dict(zip(COLUMNS[SYNTHESES], values, strict=True))
        self._remember((named_by["spec_id"], named_by["stage"], named_by["run_id"]), run)
        return number

    def _mapped(
        self, table: str, number: int, values: Sequence[Any], model: str | None = None
    ) -> tuple[int, int]:
        """Write to the new tables what a row is with all its columns; its id, and what has it."""
        tx = self._tx
        try:
            made = mapping.map_row(tx, _row(tx, table, number), model)
        except IntegrityError as error:
            number = self._another(table, number, values, error)
            made = mapping.map_row(tx, _row(tx, table, number), model)
        compare = sides.artifacts if table == ARTIFACTS else sides.runs
        self._compare(compare(tx, made - 1, 1, made))
        return number, made

    def _another(
        self, table: str, number: int, values: Sequence[Any], error: IntegrityError
    ) -> int:
        """Give a row another id, where the new tables have that one of a row that was deleted.

        A table without AUTOINCREMENT gives an id again. What is left of the other row stays, for a
        sweep to tell. Raises the error where the id is not its cause.
        """
        if not is_copied(self._tx, table, number):
            raise error
        self._tx.execute(f"delete from {table} where id = ?", [number])
        return _insert(self._tx, table, values, self._tx.fetch_value(_NEXT[table]))

    def _compare(self, part: sides.Part) -> None:
        mismatches.record(self._tx, part.findings, "write")
        self.findings += part.findings

    def _remember(self, name: Name, run: int) -> None:
        if name[2] is not None:
            self.fresh[name] = run


def _insert(tx: Transaction, table: str, values: Sequence[Any], number: int | None = None) -> int:
    """Insert a row into its old table, with an id if one is given; its id."""
    row = dict(zip(COLUMNS[table], values, strict=True))
    added = tx.insert(table, row if number is None else {"id": number, **row})
    if added is None:
        raise _ignored(table)
    return added


def _row(tx: Transaction, table: str, number: int) -> LegacyRow:
    """Read a row as it is now: another program may have added a column."""
    row = legacy.required(tx, table).one(tx, number)
    if row is None:
        raise _ignored(table)
    return row


def _ignored(table: str) -> LegacySchemaError:
    return LegacySchemaError(
        f"a row was inserted into {table} and is not there: a trigger ignores or moves it; "
        "nothing was written"
    )
