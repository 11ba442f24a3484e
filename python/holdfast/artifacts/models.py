"""What is known of artifacts and of the syncs that found them. Times are UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

Mode = Literal["incremental", "full"]
#: "interrupted" is a sync whose process ended before it did.
SyncStatus = Literal["running", "completed", "cancelled", "failed", "interrupted"]


class Fragment(NamedTuple):
    """A piece of a snippet; `match` is True for what was searched for."""

    text: str
    match: bool


class Artifact(NamedTuple):
    """A markdown file as the index knows it.

    `path` is relative to the root, with `/`. `metadata` is the whole front matter. `error` tells
    why the file could not be read anew when it last changed; the rest is what was known before.
    `snippet` is there for a search alone.
    """

    id: int
    path: str
    type: str
    title: str
    status: str
    category: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]
    content_hash: str
    created_at: datetime
    updated_at: datetime
    size: int
    error: str | None = None
    snippet: tuple[Fragment, ...] = ()


class Document(NamedTuple):
    """An artifact with the text of its file, without the front matter, as it is on disk now.

    `stale` is True where the file has changed since the index last saw it.
    """

    artifact: Artifact
    body: str
    stale: bool


class Facet(NamedTuple):
    """A value and how many artifacts under the current filter have it; None for no category."""

    value: str | None
    count: int  # pyright: ignore[reportIncompatibleMethodOverride]


class Facets(NamedTuple):
    """The values under the current filter, the most frequent first."""

    type: tuple[Facet, ...] = ()
    status: tuple[Facet, ...] = ()
    category: tuple[Facet, ...] = ()
    tag: tuple[Facet, ...] = ()


class ArtifactPage(NamedTuple):
    """Some artifacts, how many there are in all, the `cursor` of the next page; None at the end.

    `source` is "files" when the database could not be used and the files were listed instead;
    `warning` then says why.
    """

    items: tuple[Artifact, ...]
    total: int
    cursor: str | None
    facets: Facets
    source: Literal["index", "files"] = "index"
    warning: str | None = None


class Problem(NamedTuple):
    """A file or directory that could not be indexed, and why."""

    path: str
    error: str


class Change(NamedTuple):
    """What a sync would do about a file; one that has moved is updated under its new path."""

    path: str
    kind: Literal["new", "updated", "moved", "removed"]


class SyncResult(NamedTuple):
    """What a sync found, or would have changed if it was a dry run, which lists the `changes` too.

    `moved` are files that keep their id under a new path; they count as updated. `duplicates` are
    the paths of each content that several files share.

    >>> print(SyncResult("full", scanned=3, added=2, unchanged=1))
    2 new, 0 updated, 1 unchanged, 0 removed, 0 errors
    """

    mode: Mode
    dry_run: bool = False
    scanned: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    moved: int = 0
    problems: tuple[Problem, ...] = ()
    duplicates: tuple[tuple[str, ...], ...] = ()
    seconds: float = 0.0
    changes: tuple[Change, ...] = ()

    @property
    def errors(self) -> int:
        """How many files could not be indexed."""
        return len(self.problems)

    @property
    def changed(self) -> bool:
        """Whether the index was, or is, out of date."""
        return bool(self.added or self.updated or self.removed)

    def __str__(self) -> str:
        return (
            f"{self.added} new, {self.updated} updated, {self.unchanged} unchanged, "
            f"{self.removed} removed, {self.errors} errors"
        )


class SyncRun(NamedTuple):
    """A line of the sync log."""

    id: int
    mode: Mode
    status: SyncStatus
    started_at: datetime
    completed_at: datetime | None
    scanned: int
    added: int
    updated: int
    removed: int
    unchanged: int
    errors: int
    detail: str | None


class IndexStats(NamedTuple):
    """How many artifacts there are, by type, status, category and tag; the last sync that ended."""

    total: int
    facets: Facets
    problems: int
    duplicates: int
    last_sync: SyncRun | None
