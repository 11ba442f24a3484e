"""How artifacts look as text."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from . import output
from .times import in_utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..artifacts import (
        Artifact,
        ArtifactPage,
        Document,
        Facet,
        Facets,
        IndexStats,
        SyncResult,
        SyncRun,
    )

#: Values of a facet, groups of duplicates and their paths that are named.
MOST = 10
#: Files that are named of those that a sync would change.
CHANGES = 20


def page(found: ArtifactPage) -> None:
    """Write a table of artifacts; below each, on a terminal, where it has what was searched for."""
    marked = any(item.error for item in found.items)
    numbered = found.source == "index"
    rows = (_row(item, numbered=numbered, marked=marked) for item in found.items)
    if output.on_terminal(sys.stdout):
        output.rows_as_table(rows, map(_snippet, found.items))
    else:
        output.rows_as_table(rows)


def _row(item: Artifact, *, numbered: bool, marked: bool) -> dict[str, Any]:
    # The ids of files that were listed without the index would lead nowhere.
    row: dict[str, Any] = {"id": item.id} if numbered else {}
    row |= {
        "type": item.type,
        "status": item.status,
        "title": item.title,
        "tags": ", ".join(item.tags),
        "path": item.path,
        "updated": _minute(item.updated_at),
    }
    return {**row, "error": item.error} if marked else row


def _snippet(item: Artifact) -> list[tuple[str, str]]:
    return [(piece.text, "bold" if piece.match else "") for piece in item.snippet]


def facets(found: Facets) -> None:
    """Write how many artifacts have each value."""
    output.fields((name, _counts(values)) for name, values in found._asdict().items())


def _counts(values: tuple[Facet, ...]) -> str:
    named = [f"{'-' if each.value is None else each.value} {each.count}" for each in values[:MOST]]
    if len(values) > MOST:
        named.append(f"{len(values) - MOST} more")
    return ", ".join(named) or "-"


def stats(found: IndexStats) -> None:
    """Write the counts of an index."""
    output.fields(
        [
            ("artifacts", found.total),
            ("problems", found.problems),
            ("duplicates", found.duplicates),
            ("last sync", _last(found.last_sync)),
        ]
    )
    output.line()
    facets(found.facets)


def document(found: Document) -> None:
    """Write the fields of an artifact, its front matter and its text."""
    output.fields(_fields(found))
    output.line()
    if found.artifact.metadata:
        output.line("---")
        for name, value in found.artifact.metadata.items():
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            output.line(f"{name}: {shown}")
        output.line("---")
    body(found.body)


def body(text: str) -> None:
    """Write a text line by line, with nothing in it that would drive a terminal."""
    for each in text.split("\n"):
        output.line(each.removesuffix("\r").expandtabs())


def _fields(found: Document) -> Iterable[tuple[str, object]]:
    artifact = found.artifact
    for name in ("id", "path", "type", "title", "status", "category"):
        value = getattr(artifact, name)
        yield name, "-" if value is None else value
    yield "tags", ", ".join(artifact.tags) or "-"
    yield "created at", in_utc(artifact.created_at)
    yield "updated at", in_utc(artifact.updated_at)
    yield "size", output.size(artifact.size)
    yield "content hash", artifact.content_hash
    if artifact.error:
        yield "error", artifact.error
    if found.stale:
        yield "stale", "the file has changed since the last sync"


def run(found: SyncRun) -> dict[str, Any]:
    """A line of the sync log as a row of a table."""
    took = (found.completed_at or datetime.now(UTC)) - found.started_at
    ended = found.completed_at is not None or found.status == "running"
    return {
        "id": found.id,
        "mode": found.mode,
        "status": found.status,
        "started": f"{found.started_at:%Y-%m-%d %H:%M:%S}",
        "seconds": int(took.total_seconds()) if ended else None,
        "new": found.added,
        "updated": found.updated,
        "unchanged": found.unchanged,
        "removed": found.removed,
        "errors": found.errors,
        "detail": found.detail,
    }


def _last(found: SyncRun | None) -> str:
    """Tell when a sync ended, and what it did."""
    if found is None:
        return "-"
    when = found.completed_at or found.started_at
    return (
        f"{_minute(when)}, {found.mode}: {found.added} new, {found.updated} updated, "
        f"{found.unchanged} unchanged, {found.removed} removed, {found.errors} errors"
    )


def changes(found: SyncResult) -> None:
    """Tell on standard error what a sync would do about which files."""
    for change in islice(found.changes, CHANGES):
        output.note(f"{change.kind}: {change.path}")
    if len(found.changes) > CHANGES:
        output.note(f"and {len(found.changes) - CHANGES} files more")


def warnings(found: SyncResult) -> None:
    """Tell on standard error what could not be indexed, and what there is twice."""
    for problem in found.problems:
        output.note(f"{problem.path}: {problem.error}")
    for paths in islice(found.duplicates, MOST):
        named = list(paths[:MOST])
        if len(paths) > MOST:
            named.append(f"{len(paths) - MOST} more")
        output.note(f"same content: {', '.join(named)}")
    if len(found.duplicates) > MOST:
        output.note(f"same content: {len(found.duplicates) - MOST} groups more")


def _minute(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M}"
