"""Directories that jobs work in and publish: all below one data directory.

The files of a job are in `staging/DATABASE/ID-ATTEMPT`. What it publishes is moved to
`snapshots/DATABASE/NAME/ID-ATTEMPT`, where nobody finds it before its row is committed.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePath

from .errors import WorkspaceError

_logger = logging.getLogger("holdfast.jobs")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: Directories that a path in a workspace may go down.
DEEPEST = 50
_RUN = re.compile(r"(-?\d+)-(\d+)")


def check_name(name: str) -> str:
    """Return a snapshot's name; WorkspaceError where it could lead elsewhere."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise WorkspaceError(
            f"{name!r} cannot be the name of a snapshot: up to 100 letters, digits, '.', '_' and "
            "'-', the first a letter or digit"
        )
    return name


def inside(workspace: Path, name: str | os.PathLike[str]) -> Path:
    """Return the path of `name` in a workspace; WorkspaceError where it leads out of it."""
    text = os.fspath(name)
    path = PurePath(text)
    parts = path.parts
    if not 0 < len(parts) <= DEEPEST or "\0" in text or path.is_absolute() or ".." in parts:
        raise WorkspaceError(f"{text[:100]!r} is no relative path that stays in the workspace")
    inner = workspace / path
    if not inner.resolve().is_relative_to(workspace.resolve()):
        raise WorkspaceError(f"{text!r} leads out of the workspace through a link")
    return inner


class Workspaces:
    """The directories of one database in a data directory."""

    def __init__(self, data_dir: Path, database: str) -> None:
        self.root = data_dir
        # Two databases in a directory have jobs of the same numbers.
        self._staging = data_dir / "staging" / database
        self._published = data_dir / "snapshots" / database

    def fresh(self, job_id: int, attempt: int) -> Path:
        """Make the empty directory for one start of a job."""
        _directory(self._staging)
        path = self._staging / f"{job_id}-{attempt}"
        remove(path)
        path.mkdir(mode=0o700)
        return path

    def discard(self, job_id: int, attempt: int) -> None:
        """Remove the directory of one start of a job, if it made one."""
        remove(self._staging / f"{job_id}-{attempt}")

    def move(self, workspace: Path, name: str) -> Path:
        """Move a finished directory to its final place, safe on disk."""
        home = self._published / check_name(name)
        _directory(self._published)
        _directory(home)
        target = home / workspace.name
        remove(target)
        workspace.rename(target)
        for changed in (home, *home.parents[:3], self._staging):
            _sync(changed)
        return target

    def relative(self, path: Path) -> str:
        """Return how a published directory is stored."""
        return str(path.relative_to(self._published.parent))

    def absolute(self, directory: str) -> Path:
        """Return where a stored directory is."""
        return self._published.parent / directory

    def drop(self, directory: str) -> bool:
        """Remove a published directory unless somebody has pinned it."""
        path = self.absolute(directory)
        if not path.is_relative_to(self._published):
            # In a copy of a database rows name what belongs to the original.
            return True
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Gone at once for whoever looks, then file by file.
            _directory(self._staging)
            trash = self._staging / f"trash-{os.getpid()}-{os.fstat(descriptor).st_ino}"
            path.rename(trash)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        remove(trash)
        return True

    def sweep(
        self, running: Callable[[int, int, float], bool], known: Callable[[str], bool]
    ) -> int:
        """Remove what no running job and no snapshot owns; return how many directories that were.

        `running` is asked for id, attempt and age in seconds; both only after a directory was seen,
        so that none is taken from a job that starts or publishes now.
        """
        removed = 0
        for path in _entries(self._staging):
            if not _is_of(path, running):
                removed += _unless_it_stays(path, remove)
        for home in _entries(self._published):
            for path in _entries(home):
                if not _is_of(path, running) and not known(self.relative(path)):
                    removed += _unless_it_stays(path, lambda it: self.drop(self.relative(it)))
        return removed


def seal(workspace: Path) -> tuple[int, int]:
    """Write a directory through to the disk; return its number of files and their bytes.

    WorkspaceError for anything in it but plain files and directories.
    """
    files = size = 0
    for folder, folders, names in os.walk(workspace, topdown=False, onerror=_raise):
        for name in folders:
            path = Path(folder, name)
            if not stat.S_ISDIR(path.lstat().st_mode):
                raise _not_plain(path, workspace)
        for name in names:
            path = Path(folder, name)
            if not stat.S_ISREG(path.lstat().st_mode):
                raise _not_plain(path, workspace)
            size += _sync(path)
            files += 1
        _sync(Path(folder))
    return files, size


def remove(path: Path) -> bool:
    """Remove a file or directory, links as links; whether it was there."""
    try:
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return False
    return True


def pin(path: Path) -> int:
    """Keep a published directory from being removed while the descriptor is open."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        # It may have been removed between the two.
        path.stat()
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _unless_it_stays(path: Path, take: Callable[[Path], bool]) -> bool:
    try:
        return take(path)
    except (OSError, RecursionError) as error:
        _logger.warning("%s cannot be cleared away: %s", path.name, type(error).__name__)
        return False


def _is_of(path: Path, running: Callable[[int, int, float], bool]) -> bool:
    run = _RUN.fullmatch(path.name)
    if run is None:
        return False
    try:
        age = time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return True
    return running(int(run[1]), int(run[2]), age)


def _not_plain(path: Path, workspace: Path) -> WorkspaceError:
    return WorkspaceError(
        f"{str(path.relative_to(workspace))!r} is a link or special file; a snapshot holds plain "
        "files and directories: copy what it leads to"
    )


def _raise(error: OSError) -> None:
    raise error


def _directory(path: Path) -> None:
    for each in (path.parent, path):
        each.mkdir(exist_ok=True)
        if not stat.S_ISDIR(each.lstat().st_mode):
            raise WorkspaceError(f"{each.name} in the data directory is a link or a file")


def _entries(path: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        if not path.is_symlink():
            yield from list(path.iterdir())


def _sync(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
