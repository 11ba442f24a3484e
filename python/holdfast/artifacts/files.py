"""Listing the files themselves, for when the database cannot be used."""

from __future__ import annotations

import json
import string
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ..walk import Markdown, Walk
from .errors import MalformedError
from .filters import Query
from .front_matter import describe, stamp
from .models import Artifact, Facets
from .query import artifact_of, counted
from .search import found_in
from .sync import Options

#: Case as SQLite's `nocase` ignores it.
_NO_CASE = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def select(root: Path, options: Options, query: Query) -> tuple[list[Artifact], int, Facets]:
    """Read and filter all files: a page, the total and the facets.

    Ids are places in the list of paths, and hold for this list alone.
    """
    found: list[Artifact] = []
    with Walk(root, **options._asdict()) as walk:
        for batch in walk:
            for each in batch:
                artifact = _artifact(each)
                if artifact is not None and _fits(artifact, each.body.decode(), query):
                    found.append(artifact)
    found.sort(key=lambda artifact: artifact.path)
    found = [artifact._replace(id=number) for number, artifact in enumerate(found, 1)]
    key = _key(query)
    found.sort(key=key, reverse=query.descending)
    here = found
    if query.after is not None:
        place = (_comparable(query, query.after[0]), query.after[1])
        here = [
            each for each in found if (key(each) < place if query.descending else key(each) > place)
        ]
    begin = query.offset
    facets = _facets(found) if query.facets else Facets()
    return here[begin : begin + query.limit + 1], len(found), facets


def _artifact(found: Markdown) -> Artifact | None:
    if found.stamp is None:
        return None
    try:
        described = describe(found)
    except MalformedError:
        return None
    changed = stamp(datetime.fromtimestamp(found.stamp.mtime_ns // 1_000_000_000, UTC))
    row = (
        0, found.path, described.type, described.title, described.status, described.category,
        json.dumps(described.tags), described.metadata, found.hash,
        described.created_at or changed, described.updated_at or changed, found.stamp.size, None,
    )  # fmt: skip
    return artifact_of(row)


def _fits(artifact: Artifact, body: str, query: Query) -> bool:
    if query.has_error:
        return False
    below = artifact.path == query.path or artifact.path.startswith(f"{query.path}/")
    if query.path and not below:
        return False
    for wanted, value in (
        (query.type, artifact.type),
        (query.status, artifact.status),
        (query.category, artifact.category),
    ):
        if wanted and value not in wanted:
            return False
    for (after, before), when in (
        (query.created, artifact.created_at),
        (query.updated, artifact.updated_at),
    ):
        if (after and when < after) or (before and when >= before):
            return False
    if not set(query.tags) <= set(artifact.tags):
        return False
    return query.search is None or found_in(query.search, artifact.title, body)


def _key(query: Query) -> Callable[[Artifact], tuple[str, int]]:
    column = query.sort.removeprefix("-")
    if column in ("updated", "created"):
        return lambda artifact: (stamp(getattr(artifact, f"{column}_at")), artifact.id)
    name = "title" if column == "title" else "path"
    return lambda artifact: (_comparable(query, getattr(artifact, name)), artifact.id)


def _comparable(query: Query, value: str) -> str:
    return value.translate(_NO_CASE) if query.sort.endswith("title") else value


def _facets(found: Sequence[Artifact]) -> Facets:
    return Facets(
        counted(Counter(artifact.type for artifact in found)),
        counted(Counter(artifact.status for artifact in found)),
        counted(Counter(artifact.category for artifact in found)),
        counted(Counter(tag for artifact in found for tag in artifact.tags)),
    )
