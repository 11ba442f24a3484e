"""Pages of artifacts, and how often each value occurs among those that a filter lets through."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import nsmallest
from typing import Any

from .. import Snapshot
from ..errors import DataError
from .filters import SORTS, Query, where
from .front_matter import EPOCH, moment
from .models import Artifact, Facet, Facets

#: Values of a facet, at most.
VALUES = 100

_COLUMNS = (
    "a.id, a.path, a.type, a.title, a.status, a.category, a.tags_json, a.metadata_json, "
    "a.content_hash, a.created_at, a.updated_at, f.size, f.error"
)
_FILES = "left join artifact_files f on f.path = a.path"

#: An id, type, status and category, and the rank where there is one.
Hit = tuple[Any, ...]


def select(snapshot: Snapshot, query: Query) -> tuple[list[Artifact], int, Facets]:
    """Read a page and one artifact more, if there is one; the total; the facets."""
    tests, _ = where(query)
    if not query.facets:
        return _page(snapshot, query), _count(snapshot, query), Facets()
    if not tests:
        facets, total = all_facets(snapshot)
        return _page(snapshot, query), total, facets
    hits = _hits(snapshot, query)
    facets = _facets(snapshot, hits)
    if query.sort == "relevance":
        wanted = query.offset + query.limit + 1
        best = nsmallest(wanted, hits, key=lambda hit: (hit[4], hit[0]))[query.offset :]
        return _by_ids(snapshot, [hit[0] for hit in best]), len(hits), facets
    return _page(snapshot, query), len(hits), facets


def all_facets(snapshot: Snapshot) -> tuple[Facets, int]:
    """Count all values; an index has them side by side."""
    rows = snapshot.fetch_all(
        "select type, status, category, count(*) from artifacts group by type, status, category"
    )
    tags = snapshot.fetch_all("select tag, count(*) from artifact_tags group by tag")
    columns: tuple[Counter[str | None], ...] = (Counter(), Counter(), Counter())
    for *values, count in rows:
        for column, value in zip(columns, values, strict=True):
            column[value] += count
    kinds, statuses, categories = map(counted, columns)
    return Facets(kinds, statuses, categories, counted(dict(tags))), columns[0].total()


def counted(counts: Mapping[Any, int]) -> tuple[Facet, ...]:
    """Make a facet of counts: the most frequent values first."""
    pairs = sorted(counts.items(), key=lambda each: (-each[1], each[0] or ""))
    return tuple(Facet(value, count) for value, count in pairs[:VALUES])


def artifact_of(row: tuple[Any, ...]) -> Artifact:
    """Make the artifact of a row."""
    (
        artifact_id, path, kind, title, status, category, tags, metadata, content_hash,
        created_at, updated_at, size, error,
    ) = row  # fmt: skip
    try:
        tags, metadata = tuple(json.loads(tags)), json.loads(metadata)
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"the row of artifact {artifact_id} cannot be read: {error}") from None
    return Artifact(
        artifact_id, path, kind, title, status, category, tags, metadata,
        content_hash or "", moment(created_at) or EPOCH, moment(updated_at) or EPOCH,
        size or 0, error,
    )  # fmt: skip


def one(snapshot: Snapshot, artifact_id: int) -> Artifact | None:
    """Read one artifact."""
    return next(iter(_by_ids(snapshot, [artifact_id])), None)


def _by_ids(snapshot: Snapshot, ids: Sequence[int]) -> list[Artifact]:
    """Read artifacts in the order of their ids here."""
    rows = snapshot.fetch_all(
        f"select {_COLUMNS} from artifacts a {_FILES} "
        "where a.id in (select value from json_each(?))",
        [json.dumps(ids)],
    )
    found = {row[0]: artifact_of(row) for row in rows}
    return [found[each] for each in ids if each in found]


def _page(snapshot: Snapshot, query: Query) -> list[Artifact]:
    tests, values = where(query)
    order = SORTS[query.sort.removeprefix("-")]
    way = " desc" if query.descending else ""
    if query.after is not None:
        tests = [*tests, f"({order}, a.id) {'<' if way else '>'} (?, ?)"]
        values += query.after
    # The rows are cut out before their files are looked up.
    rows = snapshot.fetch_all(
        f"select {_COLUMNS} from (select a.* from {_source(query)} {_all(tests)} "
        f"order by {order}{way}, a.id{way} limit ? offset ?) a {_FILES}",
        [*values, query.limit + 1, query.offset],
    )
    return [artifact_of(row) for row in rows]


def _count(snapshot: Snapshot, query: Query) -> int:
    tests, values = where(query)
    return snapshot.fetch_value(f"select count(*) from {_source(query)} {_all(tests)}", values)


def _hits(snapshot: Snapshot, query: Query) -> list[Hit]:
    # Thousands of rows are counted faster here than by SQLite's sorter.
    tests, values = where(query)
    rank = ", t.rank" if query.sort == "relevance" else ""
    return snapshot.fetch_all(
        f"select a.id, a.type, a.status, a.category{rank} from {_source(query)} {_all(tests)}",
        values,
    )


def _facets(snapshot: Snapshot, hits: Sequence[Hit]) -> Facets:
    kinds, statuses, categories = (counted(Counter(_column(hits, each))) for each in (1, 2, 3))
    tags = snapshot.fetch_all(
        "select t.tag from json_each(?) h cross join artifact_tags t on t.artifact_id = h.value",
        [json.dumps(list(_column(hits, 0)))],
    )
    return Facets(kinds, statuses, categories, counted(Counter(_column(tags, 0))))


def _column(rows: Iterable[tuple[Any, ...]], number: int) -> Iterable[Any]:
    return (row[number] for row in rows)


def _all(tests: Sequence[str]) -> str:
    return f"where {' and '.join(tests)}" if tests else ""


def _source(query: Query) -> str:
    """Where the rows come from: what leaves the fewest goes first. SQLite's own ways are here."""
    narrow = "artifacts a indexed by artifacts_narrow"
    if query.search and query.search.wanted:
        return f"artifact_text t cross join {narrow} on a.id = t.rowid"
    if query.tags:
        return f"artifact_tags g cross join {narrow} on a.id = g.artifact_id"
    return "artifacts a"
