"""What the endpoints of one router share: the database, its stores, and how they are doing."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from ..artifacts import ArtifactIndex
from ..database import Database
from ..errors import MigrationError
from ..history import History, HistoryHealth, HoldfastRepository, PromptRepository
from ..jobs import JobManager, JobReader
from ..runs import RunStore
from .answers import path_hider, ready
from .problems import Refused

#: The sets of migrations whose versions are told.
COMPONENTS = ("app", "jobs", "artifacts", "history", "runs")


class Service:
    """A database with its stores, as the endpoints use it."""

    def __init__(
        self,
        db: Database,
        index: ArtifactIndex | None,
        jobs: JobReader | None,
        backup_dir: str | os.PathLike[str] | None,
        *,
        history: PromptRepository | History | None = None,
        runs: RunStore | None = None,
        read_only: bool,
    ) -> None:
        if not isinstance(db, Database):
            raise TypeError(f"db is what holdfast.open returns, not {type(db).__name__}")
        self.db = db
        self.name = db.path.name
        self.read_only = read_only
        self.backup_dir = db.path.parent / "backups" if backup_dir is None else Path(backup_dir)
        self.started = time.time()
        #: Set when the app ends.
        self.ending = threading.Event()
        self._index = index
        self._jobs = jobs
        self._history = history
        self._runs = runs
        self._has_tables = False
        folders = [db.path.parent, self.backup_dir.absolute()]
        folders += [] if index is None else [index.root]
        folders += [each.db.path.parent for each in (jobs, runs) if each is not None]
        #: Makes a value ready for JSON, without the directories of this host.
        self.hide = path_hider(folders)

    @property
    def index(self) -> ArtifactIndex:
        """The artifacts; Refused where there are none."""
        if self._index is None:
            raise Refused(404, "there is no artifact index here")
        if self.read_only and not self._index.is_synced:
            # Its first query would sync it.
            raise Refused(409, "no sync of the index has come to its end yet: run one elsewhere")
        return self._index

    @property
    def has_index(self) -> bool:
        """Whether there is an index of artifacts."""
        return self._index is not None

    @property
    def jobs(self) -> JobReader:
        """The jobs; Refused where there are none."""
        if self._jobs is None:
            raise Refused(404, "there are no jobs here")
        if not self.has_jobs:
            raise Refused(503, "no manager has made the tables of jobs yet")
        return self._jobs

    @property
    def has_jobs(self) -> bool:
        """Whether there are jobs, and their tables: whoever runs them may start later."""
        if self._jobs is not None and not self._has_tables:
            # They may have a file of their own.
            self._has_tables = self._jobs.is_ready(timeout=2.0)
        return self._jobs is not None and self._has_tables

    @property
    def history(self) -> PromptRepository:
        """The history of prompts; Refused where there is none."""
        if self._history is None:
            raise Refused(404, "there is no history of prompts here")
        if isinstance(self._history, History):
            return self._history.repository
        found = self._history
        # Its first query would make the table.
        if self.read_only and isinstance(found, HoldfastRepository) and not found.is_ready:
            raise Refused(503, "no prompt was saved in this history yet")
        return found

    @property
    def history_health(self) -> HistoryHealth | None:
        """How a history is doing that is written here; None for one that is only read."""
        return self._history.health() if isinstance(self._history, History) else None

    @property
    def runs(self) -> RunStore:
        """The runs of agents; Refused where there are none."""
        if self._runs is None:
            raise Refused(404, "there are no runs here")
        return self._runs

    @property
    def has_history(self) -> bool:
        """Whether there is a history of prompts."""
        return self._history is not None

    @property
    def has_runs(self) -> bool:
        """Whether there are runs of agents."""
        return self._runs is not None

    @property
    def stores(self) -> list[str]:
        """The names of the stores that there are: each has a page."""
        found = {
            "artifacts": self._index,
            "jobs": self._jobs,
            "history": self._history,
            "runs": self._runs,
        }
        return [name for name, store in found.items() if store is not None]

    @property
    def manager(self) -> JobManager:
        """The jobs, to change them; Refused where they can only be looked at."""
        if not isinstance(self.jobs, JobManager):
            raise Refused(409, "the jobs here can only be looked at")
        return self.jobs

    @property
    def workers(self) -> JobManager:
        """The jobs, to run one here; Refused where this process runs none."""
        manager = self.manager
        if not manager.workers or manager.closed:
            raise Refused(409, "this process runs no jobs: its manager has no workers")
        return manager

    @property
    def can_sync(self) -> bool:
        """Whether a sync of the index can be asked for here, and is then run."""
        if self.read_only or not self.has_index:
            return False
        try:
            return self.workers.workers > 0
        except Refused:
            return False

    @property
    def is_ending(self) -> bool:
        """Whether the server ends: what works in a thread then gives up.

        A server as uvicorn waits for its connections before it tells the app, so the server that
        handles the signals of this process is asked.
        """
        return self.ending.is_set() or any(
            getattr(getattr(signal.getsignal(each), "__self__", None), "should_exit", False) is True
            for each in (signal.SIGTERM, signal.SIGINT)
        )

    def now(self) -> dict[str, Any]:
        """Tell how the database is doing this moment; cheap enough for every two seconds."""
        stats: dict[str, Any] = {**self.db.stats()}
        del stats["path"]
        with self.db.snapshot(timeout=2.0) as snapshot:
            pages, free_pages, page_size = (
                snapshot.fetch_value(f"pragma {name}")
                for name in ("page_count", "freelist_count", "page_size")
            )
        return {
            "at": time.time(),
            "name": self.name,
            "uptime": time.time() - self.started,
            "pages": pages,
            "free_pages": free_pages,
            "page_size": page_size,
            **self.hide(stats),
            "jobs": ready(self.jobs.counts()) if self.has_jobs else None,
            "can_sync": self.can_sync,
            "history": self.hide(self.history_health),
            "health": ready(self._jobs.health()) if isinstance(self._jobs, JobManager) else None,
        }

    def schema_versions(self) -> dict[str, int | None]:
        """Read the version of each set of migrations; None for a file that another tool made."""
        found: dict[str, int | None] = {}
        for component in COMPONENTS:
            try:
                found[component] = self.db.schema_version(component, timeout=2.0)
            except MigrationError:
                found[component] = None
        return found
