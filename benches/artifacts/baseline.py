"""The same index as a Python developer writes it in an afternoon, and no worse than that."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import frontmatter  # Takes PyYAML's C loader where there is one.

#: Files of one transaction.
BATCH = 500
SCHEMA = """
create table if not exists artifacts (
    id integer primary key, path text not null unique, type text not null, title text not null,
    status text not null, category text, tags_json text not null, metadata_json text not null,
    content_hash text not null, created_at text not null, updated_at text not null,
    size integer not null, mtime_ns integer not null
);
create index if not exists artifacts_type_status on artifacts(type, status);
create index if not exists artifacts_created on artifacts(created_at);
create index if not exists artifacts_updated on artifacts(updated_at);
create index if not exists artifacts_hash on artifacts(content_hash);
create table if not exists artifact_tags (
    artifact_id integer not null, tag text not null, primary key (artifact_id, tag)
) without rowid;
create index if not exists artifact_tags_tag on artifact_tags(tag, artifact_id);
create virtual table if not exists search using fts5(title, body);
"""
UPSERT = """
insert into artifacts values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict(path) do update set type = excluded.type, title = excluded.title,
    status = excluded.status, category = excluded.category, tags_json = excluded.tags_json,
    metadata_json = excluded.metadata_json, content_hash = excluded.content_hash,
    created_at = excluded.created_at, updated_at = excluded.updated_at,
    size = excluded.size, mtime_ns = excluded.mtime_ns
"""
# What a filter leaves is found once and counted four times; without a filter, indexes count.
FACETS = """
with hit as {kind} (select a.id, a.type, a.status, a.category from {source})
select 'type', type, count(*) from hit group by type
union all select 'status', status, count(*) from hit group by status
union all select 'category', category, count(*) from hit group by category
union all select 'tag', tag, count(*) from hit join artifact_tags on artifact_id = id group by tag
"""
# The page is cut out first, so that snippets are made for its rows alone.
SNIPPETS = """
select rowid, snippet(search, 1, '[', ']', '...', 16) from search
where search match ? and rowid in (select value from json_each(?))
"""


class Baseline:
    """An index of the markdown files below `root`, in the file `path`."""

    def __init__(self, path: str, root: Path) -> None:
        self.root = str(root)
        self.db = sqlite3.connect(path)
        self.db.execute("pragma journal_mode = wal")
        self.db.execute("pragma synchronous = normal")
        self.db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file; SQLite writes the log back."""
        self.db.close()

    def sync(self, full: bool = False) -> dict[str, int]:
        """Bring the index up to date; gives how many files were new, changed, equal and gone.

        With `full` every file is read and hashed, whatever its size and time say.
        """
        counts = {"added": 0, "updated": 0, "unchanged": 0, "removed": 0}
        select = self.db.execute("select path, id, size, mtime_ns, content_hash from artifacts")
        known = {path: rest for path, *rest in select}
        entries = self._changes(known, counts, full)
        while batch := list(islice(entries, BATCH)):
            self._write(batch)
        counts["removed"] = len(known)
        if known:
            self._write([], [row[0] for row in known.values()])
        return counts

    def _changes(
        self, known: dict[str, list[Any]], counts: dict[str, int], full: bool
    ) -> Iterator[Any]:
        """Each new or changed file; what is left in `known` is gone."""
        # Ids given here spare a look-up after each upsert.
        next_id = max((row[0] for row in known.values()), default=0) + 1
        for path, stat in walk(self.root):
            relative = path[len(self.root) + 1 :]
            before = known.pop(relative, None)
            # Equal size and time: not read. A hash decides about the others.
            if before and not full and before[1:3] == [stat.st_size, stat.st_mtime_ns]:
                counts["unchanged"] += 1
                continue
            with open(path, "rb") as file:  # noqa: PTH123
                content = file.read()
            digest = hashlib.sha256(content).hexdigest()
            same = bool(before) and before[3] == digest
            counts["unchanged" if same else "updated" if before else "added"] += 1
            if same:
                continue
            yield (
                bool(before),
                *row(before[0] if before else next_id, relative, content, digest, stat),
            )
            next_id += not before

    def _write(self, batch: list[Any], gone: list[int] | None = None) -> None:
        old = [(artifact[0],) for there, artifact, _, _ in batch if there]
        removed = [(id,) for id in gone or ()]
        with self.db as db:
            db.executemany("delete from artifact_tags where artifact_id = ?", old + removed)
            db.executemany("delete from search where rowid = ?", old + removed)
            db.executemany("delete from artifacts where id = ?", removed)
            db.executemany(UPSERT, [artifact for _, artifact, _, _ in batch])
            db.executemany(
                "insert into artifact_tags values (?, ?)",
                [(artifact[0], tag) for _, artifact, tags, _ in batch for tag in tags],
            )
            db.executemany(
                "insert into search(rowid, title, body) values (?, ?, ?)",
                [(artifact[0], artifact[3], body) for _, artifact, _, body in batch],
            )

    def query(
        self,
        type: str | None = None,
        status: str | None = None,
        tag: str | None = None,
        text: str | None = None,
    ) -> dict[str, Any]:
        """The first 50 under a filter, how many there are in all, and the facets."""
        source, order = "artifacts a", "a.updated_at desc, a.id desc"
        filters = {"a.type = ?": type, "a.status = ?": status}
        filters["a.id in (select artifact_id from artifact_tags where tag = ?)"] = tag
        if text is not None:
            source, order = "search join artifacts a on a.id = search.rowid", "search.rank"
            filters["search match ?"] = text
        filters = {sql: value for sql, value in filters.items() if value is not None}
        values = list(filters.values())
        source += " where " + " and ".join(filters) if filters else ""
        fetch = self.db.execute
        rows = fetch(f"select a.* from {source} order by {order} limit 50", values).fetchall()
        facets: dict[str, dict[str, int]] = {"type": {}, "status": {}, "category": {}, "tag": {}}
        kind = "materialized" if filters else "not materialized"
        for facet, value, count in fetch(FACETS.format(kind=kind, source=source), values):
            facets[facet][value] = count
        found = {"items": rows, "total": sum(facets["type"].values()), "facets": facets}
        if text is not None:
            found["snippets"] = dict(fetch(SNIPPETS, (text, json.dumps([row[0] for row in rows]))))
        return found


def walk(root: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every markdown file below a folder."""
    # `os.scandir` by hand would spare 3 of the 27 ms of a sync of 5,000 files that are equal.
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith(".md"):
                path = os.path.join(folder, name)  # noqa: PTH118
                yield path, os.stat(path)  # noqa: PTH116


def row(id: int, path: str, content: bytes, digest: str, stat: os.stat_result) -> Any:
    """A file as a row of the table, its tags, and its text."""
    metadata, body = frontmatter.parse(content.decode())
    tags = metadata.get("tags") or []
    tags = [tag.strip() for tag in tags.split(",")] if isinstance(tags, str) else tags
    tags = list(dict.fromkeys(tags))
    type = metadata.get("type") or path.partition("/")[0]
    title = metadata.get("title") or heading(body) or Path(path).stem
    status, category = metadata.get("status") or "draft", metadata.get("category")
    modified = datetime.fromtimestamp(stat.st_mtime, UTC)
    times = [moment(metadata.get(name) or modified) for name in ("created", "updated")]
    json_ = [json.dumps(value, default=str) for value in (tags, metadata)]
    seen = (stat.st_size, stat.st_mtime_ns)
    return (id, path, type, title, status, category, *json_, digest, *times, *seen), tags, body


def heading(body: str) -> str | None:
    """The text of the first line that is a heading."""
    return next((line[2:].strip() for line in body.splitlines() if line.startswith("# ")), None)


def moment(value: Any) -> str:
    """A date of any kind as text in UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    value = value.replace(tzinfo=value.tzinfo or UTC)
    return value.astimezone(UTC).isoformat(" ", "seconds")
