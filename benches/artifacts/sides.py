"""The two that are compared, with the same verbs; each keeps its index in one file in WAL mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Holdfast:
    """Holdfast's index, opened as its documentation says."""

    def __init__(self, path: str, root: Path) -> None:
        import holdfast
        from holdfast.artifacts import ArtifactIndex

        self.db = holdfast.open(path)
        self.index = ArtifactIndex(self.db, root)

    def sync(self, full: bool = False) -> dict[str, int]:
        """Bring the index up to date; what it found."""
        found = self.index.sync("full" if full else "incremental")
        if found.problems:
            raise AssertionError(f"not indexed: {found.problems[:3]}")
        return {name: getattr(found, name) for name in ("added", "updated", "unchanged", "removed")}

    def query(self, tag: str | None = None, **filters: Any) -> dict[str, Any]:
        """The first page of 50, its total and facets."""
        page = self.index.query(tags=(tag,) if tag else (), limit=50, **filters)
        facets = {
            name: {facet.value: facet.count for facet in values}
            for name, values in page.facets._asdict().items()
        }
        return {"items": page.items, "total": page.total, "facets": facets}

    def read_back(self) -> dict[str, Any]:
        """The settings in force, and the version of SQLite."""
        pragmas = self.db.pragmas()
        synchronous = ("off", "normal", "full").index(str(pragmas["synchronous"]))
        sqlite = self.db.fetch_value("select sqlite_version()")
        return {"mode": pragmas["journal_mode"], "synchronous": synchronous, "sqlite": sqlite}

    def close(self) -> None:
        """Close the file; its log is written back."""
        self.index.close()
        self.db.close()


class Plain:
    """The baseline; imported here, since it needs more than the standard library."""

    def __init__(self, path: str, root: Path) -> None:
        from .baseline import Baseline

        self.index = Baseline(path, root)
        self.sync, self.query, self.close = self.index.sync, self.index.query, self.index.close

    def read_back(self) -> dict[str, Any]:
        """The settings in force, and the version of SQLite."""
        names = {"mode": "pragma journal_mode", "synchronous": "pragma synchronous"}
        names["sqlite"] = "select sqlite_version()"
        return {name: self.index.db.execute(sql).fetchone()[0] for name, sql in names.items()}


SIDES = {"holdfast": Holdfast, "baseline": Plain}
#: What each imports, now or at its first use.
MODULES = {
    "holdfast": ("holdfast.artifacts", "yaml"),
    "baseline": ("artifacts.baseline", "yaml"),
}
