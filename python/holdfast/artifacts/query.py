"""Filters of a query as SQL, and the pages and facets they give."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, cast

from .. import Snapshot
from .front_matter import moment, stamp
from .models import Artifact, Facet, Facets
from .search import Search, parse

#: Artifacts of a page, at most.
LIMIT = 1000
#: Values of a facet, at most.
VALUES = 100

#: What each sort goes by, with the id after it; a minus begins with the greatest.
SORTS = {
    "relevance": "t.rank",
    "updated": "a.updated_at",
    "created": "a.created_at",
    "title": "a.title collate nocase",
    "path": "a.path",
}
_COLUMNS = (
    "a.id, a.path, a.type, a.title, a.status, a.category, a.tags_json, a.metadata_json, "
    "a.content_hash, a.created_at, a.updated_at, "
    "(select size from artifact_files f where f.path = a.path), "
    "(select error from artifact_files f where f.path = a.path)"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Query(NamedTuple):
    """What is asked for; see `ArtifactIndex.query`."""

    type: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    search: Search | None = None
    path: str | None = None
    created: tuple[datetime | None, datetime | None] = (None, None)
    updated: tuple[datetime | None, datetime | None] = (None, None)
    has_error: bool | None = None
    sort: str = "-updated"
    limit: int = 50
    offset: int = 0
    #: What the last artifact of the page before is sorted by, and its id.
    after: tuple[str, int] | None = None
    facets: bool = True

    @property
    def descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.sort.startswith("-")


def make(
    values: Mapping[str, Any], *, sort: str | None, limit: int, offset: int, cursor: str | None
) -> Query:
    """Check what a query was given. Raises ValueError."""
    search = None if values["text"] is None else parse(_text("text", values["text"]))
    if search is not None and search.match is None:
        search = None
    sort = sort or ("relevance" if search else "-updated")
    column = sort.removeprefix("-")
    if column not in SORTS or sort == "-relevance" or (sort == "relevance" and search is None):
        known = ", ".join(name for name in SORTS if name != "relevance" or search)
        raise ValueError(f"sort is one of {known}, with a - before it or not, not {sort!r}")
    if not isinstance(limit, int) or not 1 <= limit <= LIMIT:
        raise ValueError(f"limit is a number from 1 to {LIMIT}, not {limit!r}")
    after = None
    if cursor is not None:
        if offset:
            raise ValueError("a page has an offset or a cursor, not both")
        offset, after = _read_cursor(cursor, sort)
    if not isinstance(offset, int) or not 0 <= offset < 2**62:
        raise ValueError(f"offset is a number from 0, not {offset!r}")
    return Query(
        *(_several(name, values[name]) for name in ("type", "status", "category", "tags")),
        search=search,
        path=None if values["path"] is None else _text("path", values["path"]).strip("/"),
        created=(_when(values, "created_after"), _when(values, "created_before")),
        updated=(_when(values, "updated_after"), _when(values, "updated_before")),
        has_error=values["has_error"],
        sort=sort,
        limit=limit,
        offset=offset,
        after=after,
        facets=values["facets"],
    )


def cursor_after(query: Query, items: Sequence[Artifact]) -> str:
    """Make the cursor of the page after this one."""
    if query.sort == "relevance":
        # Every word of a new text changes it: there is no place to go on from.
        position: list[object] = [query.offset + len(items)]
    else:
        last = items[-1]
        key = {
            "updated": stamp(last.updated_at),
            "created": stamp(last.created_at),
            "title": last.title,
            "path": last.path,
        }[query.sort.removeprefix("-")]
        position = [key, last.id]
    return urlsafe_b64encode(json.dumps([query.sort, *position]).encode()).decode()


def _read_cursor(cursor: str, sort: str) -> tuple[int, tuple[str, int] | None]:
    try:
        match json.loads(urlsafe_b64decode(cursor.encode())):
            case ["relevance", int(offset)] if sort == "relevance" and offset >= 0:
                return offset, None
            case [made_for, str(key), int(number)] if made_for == sort and abs(number) < 2**63:
                return 0, (key, number)
            case _:
                pass
    except (ValueError, AttributeError):
        pass
    raise ValueError(f"{cursor[:40]!r} is not the cursor of a page with the sort {sort!r}")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is a text, not {value!r}")
    return value


def _several(name: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    values = [value] if isinstance(value, str) else cast("Iterable[object]", value)
    return tuple(_text(name, each) for each in values)


def _when(values: Mapping[str, Any], name: str) -> datetime | None:
    value = values[name]
    if value is None:
        return None
    when = moment(value) if isinstance(value, str | date) else None
    if when is None:
        raise ValueError(f"{name} is a date or time such as 2026-11-20T18:30, not {value!r}")
    return when


def select(snapshot: Snapshot, query: Query) -> tuple[list[Artifact], int, Facets]:
    """Read a page and one artifact more, if there is one; the total; the facets."""
    where, values = _where(query)
    order = SORTS[query.sort.removeprefix("-")]
    way = " desc" if query.descending else ""
    here, place = where, [*values]
    if query.after is not None:
        here = f"{where or 'where true'} and ({order}, a.id) {'<' if way else '>'} (?, ?)"
        place += query.after
    rows = snapshot.fetch_all(
        f"select {_COLUMNS} from artifacts a {_joined(query)} {here} "
        f"order by {order}{way}, a.id{way} limit ? offset ?",
        [*place, query.limit + 1, query.offset],
    )
    items = [artifact_of(row) for row in rows]
    if query.facets:
        facets, total = facets_of(snapshot, query)
    else:
        facets = Facets()
        total = snapshot.fetch_value(
            f"select count(*) from artifacts a {_joined(query)} {where}", values
        )
    return items, total, facets


def facets_of(snapshot: Snapshot, query: Query) -> tuple[Facets, int]:
    """Count the values under a filter, and all that it lets through."""
    where, values = _where(query)
    source = f"from artifacts a {_joined(query)} {where}"
    counted = snapshot.fetch_all(
        f"select a.type, a.status, a.category, count(*) {source} group by 1, 2, 3", values
    )
    by_column: tuple[dict[str | None, int], ...] = ({}, {}, {})
    for *found, count in counted:
        for column, value in zip(by_column, found, strict=True):
            column[value] = column.get(value, 0) + count
    tags = snapshot.fetch_all(
        f"select tag, count(*) from artifact_tags where artifact_id in (select a.id {source}) "
        "group by tag order by 2 desc, 1 limit ?"
        if where
        else "select tag, count(*) from artifact_tags group by tag order by 2 desc, 1 limit ?",
        [*values, VALUES],
    )
    total = sum(count for *_, count in counted)
    kinds, statuses, categories = map(counted_by, by_column)
    by_tag = tuple(Facet(tag, count) for tag, count in tags)
    return Facets(kinds, statuses, categories, by_tag), total


def counted_by(counts: Mapping[str | None, int]) -> tuple[Facet, ...]:
    """Make a facet of counts: the most frequent values first."""
    pairs = sorted(counts.items(), key=lambda each: (-each[1], each[0] or ""))
    return tuple(Facet(value, count) for value, count in pairs[:VALUES])


def artifact_of(row: tuple[Any, ...]) -> Artifact:
    """Make the artifact of a row."""
    (
        artifact_id, path, kind, title, status, category, tags, metadata, content_hash,
        created_at, updated_at, size, error,
    ) = row  # fmt: skip
    return Artifact(
        artifact_id, path, kind, title, status, category, tuple(json.loads(tags)),
        json.loads(metadata), content_hash or "", moment(created_at) or _EPOCH,
        moment(updated_at) or _EPOCH, size or 0, error,
    )  # fmt: skip


def one(snapshot: Snapshot, artifact_id: int) -> Artifact | None:
    """Read one artifact."""
    row = snapshot.fetch_one(f"select {_COLUMNS} from artifacts a where a.id = ?", [artifact_id])
    return None if row is None else artifact_of(row)


def _joined(query: Query) -> str:
    return "join artifact_text t on t.rowid = a.id" if query.search else ""


def _where(query: Query) -> tuple[str, list[Any]]:
    tests: list[str] = []
    values: list[Any] = []
    if query.search:
        # What is SQLite's own is in this line, and the join above.
        tests.append("artifact_text match ?")
        values.append(query.search.match)
    for column in ("type", "status", "category"):
        wanted: tuple[str, ...] = getattr(query, column)
        if wanted:
            tests.append(f"a.{column} in ({', '.join('?' * len(wanted))})")
            values += wanted
    for tag in query.tags:
        tests.append("a.id in (select artifact_id from artifact_tags where tag = ?)")
        values.append(tag)
    if query.path:
        tests.append("(a.path = ? or (a.path > ? and a.path < ?))")
        # The character after the slash ends the names below a folder.
        values += [query.path, f"{query.path}/", f"{query.path}0"]
    for column, (after, before) in (("created_at", query.created), ("updated_at", query.updated)):
        if after is not None:
            tests.append(f"a.{column} >= ?")
            values.append(stamp(after))
        if before is not None:
            tests.append(f"a.{column} < ?")
            values.append(stamp(before))
    if query.has_error is not None:
        tests.append(
            f"a.path {'' if query.has_error else 'not '}in "
            "(select path from artifact_files where error is not null)"
        )
    return (f"where {' and '.join(tests)}" if tests else ""), values
