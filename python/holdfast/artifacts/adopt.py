"""Taking over a table of artifacts that an app made before it used Holdfast."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from .. import Transaction
from ..database import Database
from .front_matter import moment, stamp

TABLE = "artifacts"

#: Columns as `alter table` can add them.
COLUMNS = {
    "type": "text not null default 'document'",
    "path": "text not null default ''",
    "title": "text not null default ''",
    "status": "text not null default 'draft'",
    "category": "text",
    "tags_json": "text not null default '[]'",
    "metadata_json": "text not null default '{}'",
    "content_hash": "text",
    "created_at": "text",
    "updated_at": "text",
}
_DEFAULTS = {"type": "document", "status": "draft"}
#: Tables and indexes that the first migration makes, beside the artifacts.
_TABLES = ("artifact_tags", "artifact_files", "artifact_text", "sync_log")
_INDEXES = (
    "artifacts_path", "artifacts_type_status", "artifacts_values", "artifacts_narrow",
    "artifacts_created_at", "artifacts_updated_at", "artifacts_content_hash",
    "artifact_tags_artifact", "artifact_files_error",
)  # fmt: skip
#: What makes a table refuse rows, or take them for equal, in ways that only its maker knows.
_PECULIAR = re.compile(r"\b(check|collate|generated|strict|without)\b|\bas\s*\(", re.IGNORECASE)

Columns = dict[str, tuple[str, int, bool, bool]]


def adopt(db: Database) -> None:
    """Make a table `artifacts` of another origin one that the first migration can go on from.

    It is kept where it can be. Where it cannot (ids that are no integers, say), its rows are
    copied, and it stays beside the new one as `artifacts_v1`, as do other tables in the way.
    """
    if _columns(db):
        db.run(_adopt)


def _adopt(tx: Transaction) -> None:
    if _is_migrated(tx):
        # Another process was faster.
        return
    columns = _columns(tx)
    for name in _names(tx, "index", _INDEXES):
        tx.execute(f"drop index {name}")
    for name in _names(tx, "table", _TABLES):
        _put_aside(tx, name)
    rows = _rows(tx, columns)
    if _fits(tx, columns):
        for name, kind in COLUMNS.items():
            if name not in columns:
                tx.execute(f"alter table {TABLE} add column {name} {kind}")
        values = ", ".join(f"{name} = :{name}" for name in COLUMNS)
        tx.execute_many(f"update {TABLE} set {values} where id = :id", rows)
        return
    _put_aside(tx, TABLE)
    defined = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    tx.execute(f"create table {TABLE} (id integer primary key autoincrement, {defined})")
    # Of several rows for a path the last one counts.
    last = {row["path"]: row for row in rows if row["path"]}
    names = ", ".join(["id", *COLUMNS])
    places = ", ".join(f":{name}" for name in ["id", *COLUMNS])
    tx.execute_many(f"insert into {TABLE}({names}) values ({places})", last.values())


def _names(tx: Transaction, kind: str, wanted: tuple[str, ...]) -> list[str]:
    """Which of some names the older tables have already; other tables are none of our business."""
    rows = tx.fetch_all(
        "select name from sqlite_schema where type = ? "
        "and name in (select value from json_each(?)) "
        "and tbl_name in (select value from json_each(?))",
        [kind, json.dumps(wanted), json.dumps([TABLE, *_TABLES])],
    )
    return [name for (name,) in rows]


def _is_migrated(tx: Transaction) -> bool:
    table = "select 1 from sqlite_schema where name = 'holdfast_migrations'"
    steps = "select 1 from holdfast_migrations where component = ?"
    return tx.fetch_one(table) is not None and tx.fetch_one(steps, [TABLE]) is not None


def _put_aside(tx: Transaction, name: str) -> None:
    number = 1
    while tx.fetch_one("select 1 from sqlite_schema where name = ?", [f"{name}_v{number}"]):
        number += 1
    tx.execute(f"alter table {name} rename to {name}_v{number}")


def _columns(source: Database | Transaction) -> Columns:
    """The columns: type, place in the key, whether they must have a value, and have one."""
    rows = source.fetch_all(
        'select name, lower(type), pk, "notnull", dflt_value is not null '
        f"from pragma_table_info('{TABLE}')"
    )
    return {name: (kind, key, bool(must), bool(has)) for name, kind, key, must, has in rows}


def _has_id(columns: Columns) -> bool:
    keys = [name for name, (_, key, _, _) in columns.items() if key]
    return keys == ["id"] and columns["id"][0] == "integer"


def _fits(tx: Transaction, columns: Columns) -> bool:
    """Whether the table itself can have the rows of the index."""
    if not _has_id(columns) or "path" not in columns:
        return False
    given = set(COLUMNS) - {"category", "content_hash"}
    if any(
        must and not (has or name in given) and not key
        for name, (_, key, must, has) in columns.items()
    ):
        return False
    sql = tx.fetch_value("select sql from sqlite_schema where name = ?", [TABLE])
    triggers = tx.fetch_one(
        "select 1 from sqlite_schema where type = 'trigger' and lower(tbl_name) = ?", [TABLE]
    )
    unique = tx.fetch_one(
        f"select 1 from pragma_index_list('{TABLE}') l where l.\"unique\" and "
        "(select group_concat(name) from pragma_index_info(l.name)) <> 'path'"
    )
    several = tx.fetch_value(f"select count(*) <> count(distinct nullif(path, '')) from {TABLE}")
    return not (_PECULIAR.search(sql) or triggers or unique or several)


def _rows(tx: Transaction, columns: Columns) -> list[dict[str, Any]]:
    """The rows as the index has them, in their order."""
    names = [name for name in COLUMNS if name in columns]
    first = "id" if _has_id(columns) else "null"
    found = tx.fetch_all(f"select {', '.join([first, *names])} from {TABLE}")
    return [_row(dict(zip(["id", *names], values, strict=True))) for values in found]


def _row(old: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {name: old.get(name) for name in ("id", *COLUMNS)}
    for name in ("type", "path", "title", "status"):
        row[name] = _DEFAULTS.get(name, "") if row[name] is None else str(row[name])
    row["category"] = None if row["category"] is None else str(row["category"])
    row["tags_json"] = _json(row["tags_json"], list)
    row["metadata_json"] = _json(row["metadata_json"], dict)
    # Of equal content, too, the index has neither words nor tags yet.
    row["content_hash"] = None
    for name in ("created_at", "updated_at"):
        row[name] = _time(row[name])
    return row


def _json(value: object, kind: type) -> str:
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        found = None
    return json.dumps(found if isinstance(found, kind) else kind())


def _time(value: object) -> str | None:
    if isinstance(value, int | float):
        try:
            value = datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    when = moment(value)
    return None if when is None else stamp(when)
