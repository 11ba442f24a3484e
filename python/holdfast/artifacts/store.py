"""The rows of artifacts: every change of them is here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from .. import Snapshot, Transaction
from ..database import Database
from ..walk import Known, Stamp
from .adopt import adopt
from .front_matter import Described, stamp, to_json

SCHEMA = Path(__file__).parent / "schema"
COMPONENT = "artifacts"
#: Pages of the text index that one transaction merges, which keeps the lane for milliseconds.
MERGE = 500
#: Files whose words, about, a transaction has merged.
MERGED_FILES = 100
#: Rows that one transaction removes.
BATCH = 500

#: A stamp that no file has.
UNKNOWN = (0, -1, -1)

_UPSERT = """
insert into artifacts(
    id, path, content_hash, type, title, status, category, tags_json, metadata_json,
    created_at, updated_at
) values (?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(?, ?), coalesce(?, ?))
"""
_ON_CONFLICT = """
on conflict(id) do update set
    type = excluded.type, path = excluded.path, title = excluded.title, status = excluded.status,
    category = excluded.category, tags_json = excluded.tags_json,
    metadata_json = excluded.metadata_json, content_hash = excluded.content_hash,
    created_at = coalesce(
        ?, nullif(artifacts.created_at, '1970-01-01 00:00:00'), excluded.created_at
    ),
    updated_at = excluded.updated_at
"""

# An id that was given to a file is not given to another one, so that links do not change.
_NEXT_ID = """
select 1 + max(
    coalesce((select max(id) from artifacts), 0),
    coalesce((select seq from sqlite_sequence where name = 'artifacts'), 0)
)
"""
_DUPLICATES = """
select path, content_hash from artifacts where content_hash in (
    select content_hash from artifacts group by content_hash having count(*) > 1
)
"""


class Entry(NamedTuple):
    """A file that was read, ready for its rows."""

    path: str
    stamp: Stamp
    hash: str
    described: Described
    body: bytes


class Row(NamedTuple):
    """An artifact that is there: what it was made from, and what was made of that."""

    id: int
    hash: str
    described: list[Any]

    def is_of(self, entry: Entry) -> bool:
        """Whether it is what would be written for a file."""
        return self.hash == entry.hash and self.described == _described(entry)


def migrate(db: Database) -> None:
    """Make the tables, or bring them up to date."""
    version = db.schema_version(COMPONENT)
    if version == len(list(SCHEMA.glob("*.sql"))):
        return
    is_new = version == 0
    if is_new:
        adopt(db)
    # The first step only makes tables: a copy of what an app has in the file is for later ones.
    db.migrate(SCHEMA, component=COMPONENT, backup=not is_new)


def known_files(db: Database) -> list[Known]:
    """Read the stamps of all files, those that must be read again with one that no file has."""
    return db.fetch_all(
        "select path, coalesce(size, 0), coalesce(mtime_ns, -1), coalesce(ctime_ns, -1) "
        "from artifact_files"
    )


def rows_at(source: Database | Transaction, paths: Iterable[str]) -> dict[str, Row]:
    """Read the artifacts at some paths."""
    rows = source.fetch_all(
        "select path, id, content_hash, type, title, status, category, tags_json, metadata_json "
        "from artifacts where path in (select value from json_each(?))",
        [json.dumps(list(paths))],
    )
    return {path: Row(number, hash_, described) for path, number, hash_, *described in rows}


def problems(source: Database | Snapshot) -> list[tuple[str, str]]:
    """Read which files and directories have an error."""
    return source.fetch_all(
        "select path, error from artifact_files where error is not null order by path"
    )


def duplicates(
    source: Database | Snapshot, instead: Mapping[str, str | None]
) -> tuple[tuple[str, ...], ...]:
    """Find the paths of each content that several files have, with other hashes of some paths.

    None instead of a hash leaves a path out.
    """
    by_hash: dict[str, list[str]] = {}
    rows = source.fetch_all(
        _DUPLICATES if not instead else "select path, content_hash from artifacts"
    )
    for path, hash_ in (dict(rows) | dict(instead)).items():
        if hash_ is not None:
            by_hash.setdefault(hash_, []).append(path)
    return tuple(sorted(tuple(sorted(paths)) for paths in by_hash.values() if len(paths) > 1))


def paths_with(db: Database, contents: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
    """Find the artifacts that have one of some contents: ids and paths by hash."""
    found: dict[str, list[tuple[int, str]]] = {}
    for hash_, artifact_id, path in db.fetch_all(
        "select content_hash, id, path from artifacts "
        "where content_hash in (select value from json_each(?)) order by id",
        [json.dumps(list(contents))],
    ):
        found.setdefault(hash_, []).append((artifact_id, path))
    return found


def write(tx: Transaction, entries: Sequence[Entry], ids: Mapping[str, int]) -> None:
    """Write the rows of files; `ids` has those of the artifacts that are there already."""
    next_id = tx.fetch_value(_NEXT_ID)
    new: list[tuple[int, Entry]] = []
    old: list[tuple[int, Entry]] = []
    for entry in entries:
        if entry.path in ids:
            old.append((ids[entry.path], entry))
        else:
            new.append((next_id, entry))
            next_id += 1
    if old:
        _forget(tx, [artifact_id for artifact_id, _ in old])
        tx.execute_many(
            _UPSERT + _ON_CONFLICT, ((*_row(*each), each[1].described.created_at) for each in old)
        )
    tx.execute_many(_UPSERT, (_row(*each) for each in new))
    both = old + new
    tags = ((t, number) for number, entry in both for t in entry.described.tags)
    tx.execute_many("insert into artifact_tags(tag, artifact_id) values (?, ?)", tags)
    tx.execute_many(
        "insert into artifact_text(rowid, title, body) values (?, ?, ?)",
        ((number, entry.described.title, entry.body) for number, entry in both),
    )
    write_stamps(tx, ((entry.path, entry.stamp) for _, entry in both))


def _row(artifact_id: int, entry: Entry) -> tuple[Any, ...]:
    changed = stamp(datetime.fromtimestamp(entry.stamp.mtime_ns // 1_000_000_000, UTC))
    created, updated = entry.described.created_at, entry.described.updated_at
    described = _described(entry)
    return (artifact_id, entry.path, entry.hash, *described, created, changed, updated, changed)


def _described(entry: Entry) -> list[Any]:
    kind, title, status, category, tags, metadata, *_ = entry.described
    return [kind, title, status, category, to_json(tags) if tags else "[]", metadata]


def _forget(tx: Transaction, ids: Sequence[int]) -> None:
    for table, column in (("artifact_tags", "artifact_id"), ("artifact_text", "rowid")):
        tx.execute_many(f"delete from {table} where {column} = ?", ((each,) for each in ids))


def write_stamps(
    tx: Transaction, stamps: Iterable[tuple[str, Stamp | None]], error: str | None = None
) -> None:
    """Write by what files are known again; nothing of those that may change unseen."""
    rows = ((path, *_seen(each), error) for path, each in stamps)
    tx.execute_many(
        "insert into artifact_files(path, size, mtime_ns, ctime_ns, error) values (?, ?, ?, ?, ?) "
        "on conflict(path) do update set size = coalesce(excluded.size, artifact_files.size), "
        "mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, error = excluded.error",
        rows,
    )


def write_problems(tx: Transaction, problems: Iterable[tuple[str, Stamp | None, str]]) -> None:
    """Write why files could not be indexed."""
    for path, found, error in problems:
        write_stamps(tx, [(path, found)], error)


def _seen(found: Stamp | None) -> tuple[int | None, int | None, int | None]:
    if found is None:
        return None, None, None
    return found[:3] if found.settled else (found.size, None, None)


def move(tx: Transaction, artifact_id: int, path: str) -> None:
    """Give the artifact of a file that has moved its new path."""
    old = tx.fetch_value("select path from artifacts where id = ?", [artifact_id])
    tx.execute("delete from artifact_files where path = ?", [old])
    tx.execute("update artifacts set path = ? where id = ?", [path, artifact_id])


def remove(tx: Transaction, files: Iterable[Known]) -> int:
    """Remove files that are no more, unless another sync has seen them since; count artifacts."""
    removed = 0
    for path, size, mtime_ns, ctime_ns in files:
        gone = tx.execute(
            "delete from artifact_files where path = ? and coalesce(size, 0) = ? "
            "and coalesce(mtime_ns, -1) = ? and coalesce(ctime_ns, -1) = ?",
            [path, size, mtime_ns, ctime_ns],
        )
        row = tx.fetch_one("select id from artifacts where path = ?", [path]) if gone else None
        if row is not None:
            _forget(tx, row)
            removed += tx.execute("delete from artifacts where id = ?", row)
    return removed


def merge(db: Database, written: int) -> None:
    """Merge segments of the text index, a few pages a transaction.

    No more than goes with the number of files that a sync has written: the next ones go on.
    """
    for _ in range(written and 1 + written // MERGED_FILES):
        if not db.run(_merge):
            return


def _merge(tx: Transaction) -> bool:
    before = tx.fetch_value("select total_changes()")
    tx.execute("insert into artifact_text(artifact_text, rank) values ('merge', ?)", [MERGE])
    # Less than two changes: there was nothing to merge.
    return tx.fetch_value("select total_changes()") - before >= 2
