"""Snapshots: directories that jobs have published. A row is what makes one visible."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..database import Database
from ..errors import Error, IntegrityError, OperationalError
from .errors import JobStopped, WorkspaceError
from .models import Snapshot, now, stamp
from .store import PATIENCE
from .unsaved import is_unavailable
from .workspace import Workspaces, check_name, pin, remove, seal

if TYPE_CHECKING:
    from .context import JobContext

_COLUMNS = "id, name, directory, job_id, created_at, files, size"
#: Seconds for which a publication waits for a database that cannot be written.
OUTAGE = 30.0
#: Seconds that a snapshot is kept after a newer one, for who has just looked it up.
GRACE = 60.0


class Published:
    """The snapshots of one data directory, to look at."""

    def __init__(self, db: Database, workspaces: Workspaces) -> None:
        self._db = db
        self.workspaces = workspaces

    def all(self, name: str | None = None) -> tuple[Snapshot, ...]:
        """Read the snapshots, the newest first."""
        rows = self._db.fetch_all(
            f"select {_COLUMNS} from snapshots where ?1 is null or name = ?1 order by id desc",
            [name],
        )
        return tuple(map(self._snapshot, rows))

    def latest(self, name: str) -> Snapshot | None:
        """Read the newest snapshot called `name`."""
        row = self._db.fetch_one(
            f"select {_COLUMNS} from snapshots where name = ? order by id desc limit 1", [name]
        )
        return None if row is None else self._snapshot(row)

    @contextmanager
    def pinned(self, name: str) -> Generator[Snapshot | None]:
        """Keep the newest snapshot called `name` on the disk for the length of a with block."""
        while True:
            snapshot = self.latest(name)
            if snapshot is None:
                yield None
                return
            try:
                descriptor = pin(snapshot.path)
            except (FileNotFoundError, BlockingIOError):
                # Retired since it was read: there is a newer one. Or its files were lost.
                if self.latest(name) == snapshot:
                    raise
                continue
            try:
                yield snapshot
            finally:
                os.close(descriptor)
            return

    def _snapshot(self, row: tuple[Any, ...]) -> Snapshot:
        snapshot_id, name, directory, job_id, created_at, files, size = row
        path = self.workspaces.absolute(directory)
        created = datetime.fromisoformat(created_at)
        return Snapshot(snapshot_id, name, path, job_id, created, files, size)


class Snapshots(Published):
    """Publishing and removing; `save` has a job's row written, and says whether it is there."""

    def __init__(self, db: Database, workspaces: Workspaces, save: Callable[[int], bool]) -> None:
        super().__init__(db, workspaces)
        self._save = save

    def publish(self, context: JobContext, name: str, workspace: Path | None) -> Snapshot:
        """Move a workspace to its final place and commit its row, once for each job and name."""
        check_name(name)
        context.check()
        if (earlier := self._earlier(context.id, name)) is not None:
            if self._attempt(earlier) > context.attempt:
                context.stop("lost")
                context.check()
            context.clean_up()
            return earlier
        if workspace is None:
            raise WorkspaceError("there is nothing to publish: write into ctx.workspace first")
        files, size = seal(workspace)
        context.check()
        path = self.workspaces.move(workspace, name)
        values = {
            "name": name,
            "job_id": context.id,
            "attempt": context.attempt,
            "directory": self.workspaces.relative(path),
            "files": files,
            "size": size,
        }
        try:
            return self._commit(context, values)
        except BaseException:
            if (snapshot := self._unless_failing(context.id, name)) and snapshot.path == path:
                return snapshot
            remove(path)
            raise

    def _commit(self, context: JobContext, values: dict[str, Any]) -> Snapshot:
        deadline = time.monotonic() + OUTAGE
        while True:
            try:
                if self._save(context.id):
                    return self._insert(values)
            except IntegrityError:
                earlier = self._earlier(context.id, values["name"])
                if earlier and self.workspaces.relative(earlier.path) == values["directory"]:
                    # A commit that had failed has happened after all.
                    return earlier
                self._refused(context)
            except Error as error:
                if not is_unavailable(error):
                    raise
            if time.monotonic() > deadline:
                raise OperationalError(
                    f"the database could not be written for {OUTAGE:g} s; nothing was published"
                )
            context.check()
            time.sleep(0.1)

    def _insert(self, values: dict[str, Any]) -> Snapshot:
        row = self._db.fetch_one(
            "insert into snapshots (name, job_id, attempt, directory, files, size, created_at) "
            "values (:name, :job_id, :attempt, :directory, :files, :size, :at) "
            f"returning {_COLUMNS}",
            {**values, "at": now()},
            timeout=PATIENCE,
        )
        assert row is not None
        return self._snapshot(row)

    def _refused(self, context: JobContext) -> NoReturn:
        context.check()
        cancelled = self._db.fetch_value(
            "select cancel_requested_at from jobs where id = ? and attempt = ? "
            "and state = 'running'",
            [context.id, context.attempt],
        )
        context.stop("cancelled" if cancelled else "lost")
        raise JobStopped("cancelled" if cancelled else "lost")

    def _attempt(self, snapshot: Snapshot) -> int:
        sql = "select attempt from snapshots where id = ?"
        return self._db.fetch_value(sql, [snapshot.id])

    def _unless_failing(self, job_id: int, name: str) -> Snapshot | None:
        # Whether a commit that failed has happened after all.
        with suppress(Error):
            return self._earlier(job_id, name)
        return None

    def _earlier(self, job_id: int, name: str) -> Snapshot | None:
        row = self._db.fetch_one(
            f"select {_COLUMNS} from snapshots where job_id = ? and name = ?", [job_id, name]
        )
        return None if row is None else self._snapshot(row)

    def retire(self, keep: int, max_age: timedelta | None) -> int:
        """Remove snapshots beyond the newest `keep` of a name, and older ones; never the newest."""
        moment = datetime.now(UTC)
        grace = stamp(moment - timedelta(seconds=GRACE))
        oldest = stamp(moment - max_age) if max_age is not None else ""
        rows = self._db.fetch_all(
            "select id, directory from (select id, directory, created_at, "
            "row_number() over newer as place, lag(created_at) over newer as superseded "
            "from snapshots window newer as (partition by name order by id desc)) "
            "where place > 1 and superseded < ? and (place > ? or created_at < ?)",
            [grace, max(keep, 1), oldest],
        )
        for snapshot_id, directory in rows:
            # The row first: a directory without a row is swept, a row without one misleads.
            self._db.execute("delete from snapshots where id = ?", [snapshot_id], timeout=PATIENCE)
            self.workspaces.drop(directory)
        return len(rows)

    def known(self, directory: str) -> bool:
        """Whether a published directory has its row."""
        return bool(
            self._db.fetch_value(
                "select exists (select 1 from snapshots where directory = ?)", [directory]
            )
        )
