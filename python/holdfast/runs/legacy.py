"""The old schema: its two tables, as other programs make them, and reading their rows."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from .. import Transaction
from .errors import LegacySchemaError
from .reading import Garbled, Source, fetch, quoted

ARTIFACTS = "consensus_artifacts"
SYNTHESES = "consensus_synthesis"

#: The columns that the mapping knows, after the id, in the order in which they are read.
COLUMNS: dict[str, tuple[str, ...]] = {
    ARTIFACTS: (
        "spec_id", "stage", "agent_name", "content_json", "response_text", "run_id", "created_at",
    ),
    SYNTHESES: (
        "spec_id", "stage", "output_markdown", "output_path", "status", "artifacts_count",
        "agreements", "conflicts", "degraded", "run_id", "created_at",
    ),
}  # fmt: skip

#: The tables as other programs make them; one that is missing is made alike.
TABLES = {
    ARTIFACTS: (
        """create table consensus_artifacts (
    id integer primary key autoincrement,
    spec_id text not null,
    stage text not null,
    agent_name text not null,
    content_json text not null,
    response_text text,
    run_id text,
    created_at timestamp default current_timestamp
)""",
        "create index if not exists idx_spec_stage on consensus_artifacts(spec_id, stage)",
    ),
    SYNTHESES: (
        """create table consensus_synthesis (
    id integer primary key autoincrement,
    spec_id text not null,
    stage text not null,
    output_markdown text not null,
    output_path text,
    status text not null,
    artifacts_count integer,
    agreements text,
    conflicts text,
    degraded boolean default 0,
    run_id text,
    created_at timestamp default current_timestamp
)""",
        "create index if not exists idx_synthesis_spec_stage "
        "on consensus_synthesis(spec_id, stage)",
    ),
}


@dataclass(frozen=True, slots=True)
class LegacyRow:
    """A row of one of the two tables: its id, the values of the columns that are known, others."""

    table: str
    id: int
    values: tuple[Any, ...]
    extra: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """The value of a known column."""
        return self.values[COLUMNS[self.table].index(name)]

    def by_name(self) -> dict[str, Any]:
        """All columns."""
        known = dict(zip(COLUMNS[self.table], self.values, strict=True))
        return {"id": self.id, **known, **self.extra}


class Artifact(NamedTuple):
    """A row of `consensus_artifacts` as callers of the old schema know it."""

    id: int
    spec_id: str
    stage: str
    agent_name: str
    content_json: str
    response_text: str | None
    run_id: str | None
    created_at: str


class Synthesis(NamedTuple):
    """A row of `consensus_synthesis` as callers of the old schema know it."""

    id: int
    spec_id: str
    stage: str
    output_markdown: str
    output_path: str | None
    status: str
    artifacts_count: int | None
    agreements: str | None
    conflicts: str | None
    degraded: bool
    run_id: str | None
    created_at: str


class Layout(NamedTuple):
    """A table of the old schema, and which columns it has beyond those that are known."""

    table: str
    extra: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """All columns, for `row_of`, of the table by its name."""
        names = ["id", *COLUMNS[self.table], *self.extra]
        return [f"{self.table}.{quoted(name)}" for name in names]

    def row_of(self, values: tuple[Any, ...]) -> LegacyRow:
        """Make the row of the values of `columns`."""
        known = 1 + len(COLUMNS[self.table])
        # A column that is added later is NULL in the rows that are there, unless it has a default:
        # NULL is like none.
        extra = {
            name: value
            for name, value in zip(self.extra, values[known:], strict=True)
            if value is not None
        }
        return LegacyRow(self.table, values[0], values[1:known], extra)

    def read(self, source: Source, after: int, limit: int) -> list[LegacyRow]:
        """Read up to `limit` rows with ids greater than `after`, in the order of their ids."""
        rest = f"from {self.table} where id > ? order by id limit ?"
        return [self.row_of(row) for row in fetch(source, self.columns, rest, [after, limit])]

    def one(self, source: Source, number: int) -> LegacyRow | None:
        """Read the row of an id; None where it is not there."""
        rows = fetch(source, self.columns, f"from {self.table} where id = ?", [number])
        return self.row_of(rows[0]) if rows else None


def layout(source: Source, table: str) -> Layout | None:
    """Look at a table of the old schema; None where there is none.

    Raises LegacySchemaError for one without the columns that the mapping needs.
    """
    rows = source.fetch_all(
        "select name, lower(type), pk from pragma_table_info(?) order by cid", [table]
    )
    if not rows:
        return None
    known = {"id", *COLUMNS[table]}
    names = {name.lower() for name, _, _ in rows}
    missing = [name for name in COLUMNS[table] if name not in names]
    if missing:
        raise LegacySchemaError(
            f"the table {table} has no column {', '.join(missing)}: add what is missing, "
            "or rename the table if it is another one"
        )
    keys = [(name.lower(), kind) for name, kind, key in rows if key]
    # An id that is no rowid, of a table WITHOUT ROWID or as `primary key desc`, has an index.
    of_key = "select 1 from pragma_index_list(?) where origin = 'pk'"
    if keys != [("id", "integer")] or source.fetch_one(of_key, [table]):
        raise LegacySchemaError(
            f"the table {table} has no id that is an integer primary key, and so its rowid"
        )
    return Layout(table, tuple(name for name, _, _ in rows if name.lower() not in known))


def required(source: Source, table: str) -> Layout:
    """Look at a table that must be there. Raises LegacySchemaError where it is not as it must."""
    found = layout(source, table)
    if found is None:
        raise LegacySchemaError(f"the table {table} is gone: another program has dropped it")
    return found


def create(tx: Transaction) -> None:
    """Make the tables of the old schema that are missing.

    Raises LegacySchemaError for one that is there and has not the columns that the mapping needs.
    """
    for table, statements in TABLES.items():
        if layout(tx, table) is None:
            for statement in statements:
                tx.execute(statement)


def dumps(values: Mapping[str, Any]) -> str:
    """Columns and their values as JSON. Raises ValueError for infinite numbers."""
    return json.dumps(
        values, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_json
    )


def loads(text: str | None) -> dict[str, Any]:
    """Read what `dumps` has written; nothing for None. Raises ValueError for another text."""
    if text is None:
        return {}
    try:
        found = json.loads(text, object_hook=_from_json)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(found, dict):
        raise ValueError(f"a JSON object is wanted, not {text[:40]!r}")
    return cast("dict[str, Any]", found)


def _as_json(value: object) -> object:
    if isinstance(value, Garbled):
        return {"garbled": base64.b64encode(value).decode()}
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(f"no value of SQLite: {value!r}")


def _from_json(value: dict[str, Any]) -> Any:
    for name, kind in (("garbled", Garbled), ("base64", bytes)):
        if value.keys() == {name}:
            return kind(base64.b64decode(value[name]))
    return value
