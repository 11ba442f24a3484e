"""Whose turn it is to make and remove the copies of a database in a directory."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .copies import find, name_of
from .errors import BusyError, OperationalError, PathError
from .reports import RotationReport, Skipped

if TYPE_CHECKING:
    from collections.abc import Generator

    from .reports import BackupReport

#: What SQLite keeps beside a database that is open.
SIDE_FILES = ("-wal", "-shm", "-journal")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Turn:
    """The turn of one rotation: nobody else rotates the copies of the database in the directory.

    Beside the copies is a hidden folder, `.app.db.rotation`. Its lock is one of the system, which
    ends with the process, and says which file the copies are of. A copy is made there and moved out
    when it is whole: what a process that was killed has left is never taken for a copy.
    """

    def __init__(self, directory: str | os.PathLike[str], database: Path) -> None:
        self._directory, self._database = Path(directory).absolute(), database
        self._folder = self._directory / f".{database.name}.rotation"
        self._open: list[int] = []
        self._is_held = False
        self._process = os.getpid()
        self._name = ""

    def begin(self) -> Path:
        """Take the turn, and return where the copy is to be made.

        Raises BusyError while another has it, PathError for a directory that can take no copies.
        """
        with self._explained("copies cannot be put there"):
            place = self._add(os.open(self._directory, _DIRECTORY))
            with suppress(FileExistsError):
                os.mkdir(self._folder.name, 0o700, dir_fd=place)
            folder = self._add(os.open(self._folder.name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=place))
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            lock = self._add(os.open("lock", flags, 0o600, dir_fd=folder))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise self._busy() from None
            self._is_held = True
            self._claim(lock)
            self._clear(folder)
            last = find(place, self._database.name).last
        self._name = name_of(self._database.name, last + 1, datetime.now(UTC))
        return self._folder / self._name

    def finish(self, made: BackupReport, keep: int) -> RotationReport:
        """Move the copy that was made out to the others, and remove what is too old.

        Raises OperationalError for a copy that no other may make way for.
        """
        self._refuse_empty(made)
        place, folder, _ = self._open
        with self._explained(f"{self._name!r} cannot be put there, and no copy was removed"):
            os.rename(self._name, self._name, src_dir_fd=folder, dst_dir_fd=place)
            os.fsync(place)
            if os.stat(self._name, dir_fd=place, follow_symlinks=False).st_size != made.size:
                raise OperationalError(f"somebody changed {self._name!r}; no copy was removed")
            found = find(place, self._database.name)
        older = [name for name in found.names if name != self._name]
        kept = [self._name, *older[: keep - 1]]
        removed: list[Path] = []
        skipped: list[Skipped] = []
        # The oldest first, so that the newest are left when this is cut short.
        for name in reversed(older[keep - 1 :]):
            path = self._directory / name
            if why := _remove(place, name, found.others):
                skipped.append(Skipped(path, why))
            else:
                removed.append(path)
        return RotationReport(
            made._replace(path=self._directory / self._name),
            tuple(self._directory / name for name in kept),
            tuple(removed),
            tuple(skipped),
        )

    def end(self) -> None:
        """Leave the turn to others; what is unfinished goes away."""
        handles, self._open = self._open, []
        # Closing is not enough: a process that was forked meanwhile has the handles too, and what
        # is its parent's it leaves alone.
        if self._is_held and os.getpid() == self._process:
            _, folder, lock = handles
            with suppress(OSError):
                self._clear(folder)
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_UN)
        self._is_held = False
        for handle in handles:
            os.close(handle)

    def _add(self, handle: int) -> int:
        self._open.append(handle)
        return handle

    def _claim(self, lock: int) -> None:
        """Refuse a directory with copies of another file of the same name, and say whose it is."""
        text, ended, _ = os.pread(lock, 65536, 0).partition(b"\0")
        recorded, mine = os.fsdecode(text), str(self._database)
        if ended and recorded == mine:
            return
        # Also where that file is gone: then its copies are all that is left of it.
        if ended and not _is_same(recorded, self._database):
            raise PathError(
                f"{str(self._directory)!r} has the copies of {recorded!r}, and this is {mine!r}: "
                "give each database a directory of its own; if this is the same one in a new "
                f"place, delete {self._folder.name!r} there first"
            )
        os.pwrite(lock, os.fsencode(mine) + b"\0", 0)

    def _clear(self, folder: int) -> None:
        with os.scandir(folder) as entries:
            names = [
                e.name for e in entries if e.name != "lock" and e.is_file(follow_symlinks=False)
            ]
        for name in names:
            os.unlink(name, dir_fd=folder)

    def _refuse_empty(self, made: BackupReport) -> None:
        # Each table has a page of its own beside the first.
        if made.pages <= 1:
            raise OperationalError(
                f"{str(self._database)!r} has no tables: it is not in use yet, or was lost; "
                "no copy was kept of it, and none was removed for it"
            )

    def _busy(self) -> BusyError:
        error = BusyError(
            f"another backup of {self._database.name!r} to {str(self._directory)!r} has not ended; "
            "one at a time makes and removes copies there"
        )
        error.retryable = True
        return error

    @contextmanager
    def _explained(self, problem: str) -> Generator[None]:
        try:
            yield
        except OSError as error:
            where = repr(str(self._directory))
            if not self._directory.is_dir():
                what = "it is no directory" if self._directory.exists() else "it does not exist"
                raise PathError(f"{where}: {what}; make a directory for the copies") from None
            name = "" if error.filename is None else f"{os.fspath(error.filename)!r}: "
            raise OperationalError(f"{where}: {problem}: {name}{error.strerror}") from error


def _is_same(recorded: str, database: Path) -> bool:
    try:
        return os.path.samestat(Path(recorded).stat(), database.stat())
    except (OSError, ValueError):
        return False


def _remove(place: int, name: str, others: frozenset[str]) -> str | None:
    """Remove a copy; tell why where that is not done."""
    if sides := sorted(f"{name}{end}" for end in SIDE_FILES if f"{name}{end}" in others):
        return f"it is in use: {sides[0]!r} is beside it"
    try:
        os.unlink(name, dir_fd=place)
    except FileNotFoundError:
        pass
    except OSError as error:
        return f"it cannot be removed: {error.strerror}"
    return None
