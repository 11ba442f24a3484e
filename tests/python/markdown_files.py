"""Folders of markdown for the tests of the index, and the whole of what an index knows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import holdfast
from holdfast.artifacts import ArtifactIndex

#: Every table of the index, as `everything` reads them.
TABLES = ("artifacts", "artifact_tags", "artifact_files", "artifact_text_docsize", "sync_log")


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder, by their paths."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def note(title: str, body: str = "", **front: object) -> str:
    """A text with front matter."""
    lines = [f"{name}: {value}" for name, value in {"title": title, **front}.items()]
    return "\n".join(["---", *lines, "---", body])


def settle(root: Path) -> None:
    """Wait until the clock has moved on since every change, so that stamps are taken."""
    newest = max((path.lstat().st_ctime for path in root.rglob("*")), default=0.0)
    while time.time() - newest <= 2.05:
        time.sleep(0.05)


def everything(db: holdfast.Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    return {name: db.fetch_all(f"select * from {name} order by 1, 2") for name in TABLES}


def known(db: holdfast.Database) -> dict[str, Any]:
    """What the index knows, but for ids and times: equal for equal files."""
    artifacts = db.fetch_all(
        "select path, type, title, status, category, tags_json, metadata_json, content_hash "
        "from artifacts order by path"
    )
    tags = db.fetch_all(
        "select path, tag from artifact_tags join artifacts on id = artifact_id order by 1, 2"
    )
    files = db.fetch_all("select path, error from artifact_files order by path")
    assert not db.fetch_all(
        "select * from artifact_tags where artifact_id not in (select id from artifacts)"
    )
    db.execute("create virtual table seen_words using fts5vocab(artifact_text, instance)")
    try:
        words = db.fetch_all(
            "select path, term, col, offset from seen_words left join artifacts on id = doc "
            "order by path, col, offset"
        )
    finally:
        db.execute("drop table seen_words")
    return {"artifacts": artifacts, "tags": tags, "files": files, "words": words}


def known_afresh(root: Path, place: Path, **options: Any) -> dict[str, Any]:
    """What a new index of the folder knows."""
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"fresh-{time.monotonic_ns()}.db"
    with holdfast.open(path) as db:
        ArtifactIndex(db, root, **options).sync()
        return known(db)


def titles(index: ArtifactIndex, **query: Any) -> list[str]:
    """The titles that a query finds, in order."""
    return [found.title for found in index.query(**query).items]


def paths(index: ArtifactIndex, **query: Any) -> set[str]:
    """The paths that a query finds; one page."""
    return {found.path for found in index.query(limit=1000, **query).items}


def counts(result: Any) -> tuple[int, ...]:
    """New, updated, unchanged, removed, errors."""
    return result.added, result.updated, result.unchanged, result.removed, result.errors


@contextmanager
def indexed(
    tmp_path: Path, files: Mapping[str, str | bytes], **options: Any
) -> Iterator[tuple[ArtifactIndex, Path, holdfast.Database]]:
    """An index of some files, synced."""
    root = tmp_path / "root"
    root.mkdir()
    write(root, files)
    with holdfast.open(tmp_path / "index.db") as db:
        index = ArtifactIndex(db, root, **options)
        index.sync()
        yield index, root, db
