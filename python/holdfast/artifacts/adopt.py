"""Taking over a table of artifacts that an app made before it used Holdfast."""

from __future__ import annotations

from .. import Transaction
from ..database import Database

TABLE = "artifacts"
#: What becomes of a table whose ids are no integers: its rows are copied, and it stays.
KEPT = "artifacts_v1"

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


def adopt(db: Database) -> None:
    """Make a table `artifacts` of another origin one that the first migration can go on from."""
    if _columns(db):
        db.run(_adopt)


def _adopt(tx: Transaction) -> None:
    columns = _columns(tx)
    if columns.get("id") == ("integer", 1):
        for name, kind in COLUMNS.items():
            if name not in columns:
                tx.execute(f"alter table {TABLE} add column {name} {kind}")
        return
    for (index,) in tx.fetch_all(
        "select name from sqlite_schema where tbl_name = ? and type = 'index' and sql is not null",
        [TABLE],
    ):
        # A new index may want its name.
        tx.execute(f'drop index "{index}"')
    tx.execute(f"alter table {TABLE} rename to {KEPT}")
    defined = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    tx.execute(f"create table {TABLE} (id integer primary key, {defined})")
    shared = ", ".join(name for name in COLUMNS if name in columns)
    if shared:
        tx.execute(f"insert into {TABLE}({shared}) select {shared} from {KEPT}")


def _columns(source: Database | Transaction) -> dict[str, tuple[str, int]]:
    """The columns of the table with their types, and whether they are its key."""
    rows = source.fetch_all(f"select name, lower(type), pk from pragma_table_info('{TABLE}')")
    return {name: (kind, key) for name, kind, key in rows}
