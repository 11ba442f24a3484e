"""The index of the markdown files below a folder."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from ..database import Database, open
from ..errors import DataError, Error, PathError, ProgrammingError
from ..walk import MARKDOWN, read_markdown
from . import files, query, store
from .errors import ArtifactFileError, UnknownArtifactError
from .filters import Query, cursor_after, make
from .lock import is_locked, locked
from .log import last_sync, runs
from .models import (
    Artifact,
    ArtifactPage,
    Document,
    Facets,
    IndexStats,
    Mode,
    Problem,
    SyncResult,
    SyncRun,
)
from .snippets import snippet
from .sync import Options, Progress, Sync

_logger = logging.getLogger("holdfast.artifacts")


class ArtifactIndex:
    """The markdown files below a folder, in a database: filters, facets, full-text search.

    Args:
        db: An open database; or the path of one, or a function that opens it, and the index closes
            it itself. When it cannot be opened, queries list the files instead, and say so.
        root: The folder. Links are not followed, and nothing outside it is read.
        patterns: Which files, as in a `.gitignore`; `!` before a pattern leaves out.
        hidden: Whether names that begin with a dot are looked at.
        gitignore: Whether `.gitignore` and `.ignore` files below the folder leave files out.
        max_size: Larger files, in bytes, are recorded as problems.

    >>> _ = (folder / "plan.md").write_text("---\\ntags: [q1]\\nstatus: done\\n---\\n# The plan\\n")
    >>> index = ArtifactIndex(db, folder)
    >>> print(index.sync())
    1 new, 0 updated, 0 unchanged, 0 removed, 0 errors
    >>> [(found.title, found.status) for found in index.query(tags="q1", text="plan").items]
    [('The plan', 'done')]
    """

    def __init__(
        self,
        db: Database | str | os.PathLike[str] | Callable[[], Database],
        root: str | os.PathLike[str],
        *,
        patterns: str | Iterable[str] = MARKDOWN,
        hidden: bool = False,
        gitignore: bool = True,
        max_size: int = 10_000_000,
    ) -> None:
        if hasattr(db, "__aenter__"):
            raise TypeError(
                "db is what holdfast.open returns: an index works in threads, as in "
                "asyncio.to_thread(index.query)"
            )
        # Unlike Path.resolve, this raises nothing for links that lead in a circle.
        self.root = Path(os.path.realpath(root))
        if not self.root.is_dir():
            raise PathError(f"the folder {str(root)!r} does not exist or is none")
        patterns = (patterns,) if isinstance(patterns, str) else tuple(patterns)
        if not all(pattern.strip() for pattern in patterns) or not patterns:
            raise ValueError(f"patterns are such as '**/*.md', one at least, not {patterns!r}")
        if not 0 <= max_size < 2**63:
            raise ValueError(f"max_size is a number of bytes, not {max_size!r}")
        self._options = Options(patterns, hidden, gitignore, max_size)
        self._given = db
        self._db = db if isinstance(db, Database) else None
        self._ready = False
        self._closed = False
        self._lock = threading.Lock()

    # The database

    def _database(self) -> Database:
        """The database with its tables; opened and brought up to date at the first use."""
        with self._lock:
            db = self._opened()
            if not self._ready:
                store.migrate(db)
                self._ready = True
            return db

    def _opened(self) -> Database:
        if self._closed:
            raise ProgrammingError("the index is closed")
        if self._db is None:
            assert not isinstance(self._given, Database)
            self._db = self._given() if callable(self._given) else open(self._given)
        return self._db

    @property
    def is_synced(self) -> bool:
        """Whether a sync has come to its end: then queries only read. Nothing is changed to see."""
        with self._lock:
            given = self._db or self._given
            if not isinstance(given, Database) and not callable(given) and not Path(given).exists():
                return False
            db = self._opened()
        return db.schema_version(store.COMPONENT) > 0 and last_sync(db) is not None

    def close(self) -> None:
        """Close the database, if the index opened it itself."""
        with self._lock:
            self._closed = True
            if self._db is not None and not isinstance(self._given, Database):
                self._db.close()

    def __repr__(self) -> str:
        return f"ArtifactIndex({str(self.root)!r})"

    def __enter__(self) -> ArtifactIndex:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    # Syncing

    def sync(
        self,
        mode: Mode = "incremental",
        *,
        dry_run: bool = False,
        progress: Progress | None = None,
        timeout: float = 30.0,
    ) -> SyncResult:
        """Bring the index up to date with the files.

        "incremental" reads files whose size or times have changed, "full" reads all. A dry run
        tells the same and writes nothing. `progress` is called with the files that were looked at
        and how many there are, as far as is known, and with zeros while the sync waits for another;
        what it raises ends the sync. What was written by then stays, and the next sync goes on.
        Another sync of the folder is waited for `timeout` seconds: then SyncRunningError.
        """
        if mode not in ("incremental", "full"):
            raise ValueError(f"mode is 'incremental' or 'full', not {mode!r}")
        db = self._database()
        sync = Sync(db, self.root, self._options, mode, dry_run=dry_run, progress=progress)
        with locked(self.root, timeout, lambda: progress(0, 0) if progress else None):
            result = sync.run()
        _logger.info("synced: %s", result)
        return result

    # Reading

    def query(
        self,
        *,
        type: str | Iterable[str] | None = None,
        status: str | Iterable[str] | None = None,
        category: str | Iterable[str] | None = None,
        tags: str | Iterable[str] | None = None,
        text: str | None = None,
        path: str | None = None,
        created_after: date | str | None = None,
        created_before: date | str | None = None,
        updated_after: date | str | None = None,
        updated_before: date | str | None = None,
        has_error: bool | None = None,
        sort: str | None = None,
        limit: int = 50,
        offset: int = 0,
        cursor: str | None = None,
        facets: bool = True,
    ) -> ArtifactPage:
        """Find artifacts, with how often each value occurs among them.

        Any of the types, statuses and categories; all of the tags; all words of the `text`, where
        "a phrase", begin* and -without mean what they look like; a folder as `path`. Times are
        from, and before. `sort` is "relevance" (where there is a text), "updated", "created",
        "title" or "path", with a `-` for the greatest first; the newest first by default. Go on
        with the `cursor` of a page, or an `offset`. An index that was never synced syncs itself.
        """
        asked = make(
            labels={"type": type, "status": status, "category": category, "tags": tags},
            times={
                "created_after": created_after,
                "created_before": created_before,
                "updated_after": updated_after,
                "updated_before": updated_before,
            },
            text=text,
            path=path,
            has_error=has_error,
            sort=sort,
            limit=limit,
            offset=offset,
            cursor=cursor,
            facets=facets,
        )
        try:
            db = self._database()
            if last_sync(db) is None:
                self.sync()
            with db.snapshot() as snapshot:
                found = query.select(snapshot, asked)
        except Error as error:
            mistaken = isinstance(error, ProgrammingError | DataError)
            if mistaken or isinstance(self._given, Database):
                raise
            _logger.warning("the files are listed, since the index cannot be used: %s", error)
            found = files.select(self.root, self._options, asked)
            return self._page(asked, *found, warning=f"the index cannot be used: {error}")
        return self._page(asked, *found)

    def _page(
        self,
        asked: Query,
        items: list[Artifact],
        total: int,
        facets: Facets,
        warning: str | None = None,
    ) -> ArtifactPage:
        more = len(items) > asked.limit
        items = items[: asked.limit]
        if asked.search and asked.search.wanted:
            items = [self._with_snippet(item, asked.search.words) for item in items]
        cursor = cursor_after(asked, items) if more else None
        source = "files" if warning else "index"
        return ArtifactPage(tuple(items), total, cursor, facets, source, warning)

    def _with_snippet(self, item: Artifact, words: tuple[str, ...]) -> Artifact:
        try:
            found = read_markdown(self.root, item.path, max_size=self._options.max_size)
        except PathError:
            return item
        return item._replace(snippet=snippet(found.body, words))

    def get(self, artifact_id: int) -> Document:
        """Read an artifact and its file. Raises UnknownArtifactError, ArtifactFileError."""
        with self._database().snapshot() as snapshot:
            artifact = query.one(snapshot, artifact_id)
        if artifact is None:
            raise UnknownArtifactError(f"there is no artifact {artifact_id}: it may be removed")
        try:
            found = read_markdown(self.root, artifact.path, max_size=self._options.max_size)
        except PathError as error:
            raise ArtifactFileError(f"the file of artifact {artifact_id}: {error}") from None
        return Document(artifact, found.body.decode(), found.hash != artifact.content_hash)

    def stats(self) -> IndexStats:
        """Count artifacts, by type, status, category and tag, and what is wrong."""
        with self._database().snapshot() as snapshot:
            facets, total = query.all_facets(snapshot)
            problems = len(store.problems(snapshot))
            duplicates = len(store.duplicates(snapshot, {}))
            return IndexStats(total, facets, problems, duplicates, last_sync(snapshot))

    def log(self, limit: int = 20) -> tuple[SyncRun, ...]:
        """Read what syncs did, the newest first."""
        return runs(self._database(), limit, is_running=lambda: is_locked(self.root))

    def problems(self) -> tuple[Problem, ...]:
        """Read which files could not be indexed, and why."""
        return tuple(Problem(*row) for row in store.problems(self._database()))

    def duplicates(self) -> tuple[tuple[str, ...], ...]:
        """Find the paths of each content that several files have."""
        return store.duplicates(self._database(), {})
