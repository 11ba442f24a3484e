"""Backups in rotation: a verified copy is made, and then the oldest make way for it."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from ._core import restore
from ._turn import Turn
from .copies import databases_in, find
from .database import Database
from .errors import CorruptionError, Error, PathError
from .reports import NewestReport, RotationReport, Skipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from .aio import AsyncDatabase

T = TypeVar("T")


def backup_rotated(
    db: Database,
    directory: str | PathLike[str],
    *,
    keep: int = 7,
    progress: Callable[[int, int], object] | None = None,
    timeout: float | None = None,
) -> RotationReport:
    """Make a verified copy in a directory, then remove the oldest beyond `keep`; others may write.

    The copy is named as `app-20261126T061502Z-7.db`. Nothing is removed before it was verified and
    is on the disk, and then only plain files of such a name. One that is in use stays, and is in
    the report with what could not be removed. `timeout` is in seconds, for the copy.

    Raises BusyError while another rotation of this database runs there, PathError for a directory
    that is missing or has the copies of another file of that name, OperationalError for a full disk
    or a database without tables, and what `Database.backup` raises. Nothing was removed then.

    >>> (folder / "backups").mkdir()
    >>> report = backup_rotated(db, folder / "backups", keep=1)
    >>> again = backup_rotated(db, folder / "backups", keep=1)
    >>> again.kept == (again.backup.path,), again.removed == (report.backup.path,)
    (True, True)
    """
    _check(db, Database, "holdfast.open", keep)
    turn = Turn(directory, db.path)
    try:
        made = db.backup(turn.begin(), progress=progress, timeout=timeout)
        return turn.finish(made, keep)
    finally:
        turn.end()


async def backup_rotated_async(
    db: AsyncDatabase,
    directory: str | PathLike[str],
    *,
    keep: int = 7,
    progress: Callable[[int, int], object] | None = None,
    timeout: float | None = None,
) -> RotationReport:
    """As `backup_rotated`, awaited; cancelled while it copies, it leaves all as it was.

    >>> async with holdfast.open_async(folder / "example.db") as adb:
    ...     report = await backup_rotated_async(adb, folder)
    >>> len(report.kept)
    1
    """
    from .aio import AsyncDatabase

    _check(db, AsyncDatabase, "holdfast.open_async", keep)
    turn = Turn(directory, db.path)
    try:
        made = await db.backup(await _in_thread(turn.begin), progress=progress, timeout=timeout)
        return await _in_thread(turn.finish, made, keep)
    finally:
        await _in_thread(turn.end)


def restore_newest(
    directory: str | PathLike[str],
    path: str | PathLike[str],
    *,
    data_dir: str | PathLike[str] | None = None,
    progress: Callable[[int, int], object] | None = None,
    timeout: float | None = None,
) -> NewestReport:
    """Restore the newest copy that is not damaged, of those that `backup_rotated` made of the file.

    They are found by the name of the file: `app-20261126T061502Z-7.db` is for an `app.db`. A copy
    that is damaged is skipped, and is in the report. `timeout` is in seconds, for all of it.

    Raises PathError where there is no such copy, CorruptionError where all are damaged, and what
    `restore` raises. What was there is there then.

    >>> (folder / "backups").mkdir()
    >>> made = backup_rotated(db, folder / "backups").backup.path
    >>> (folder / "drill").mkdir()
    >>> restore_newest(folder / "backups", folder / "drill" / "example.db").backup == made
    True
    """
    place, name = Path(directory).absolute(), Path(path).name
    target = Path(data_dir or "", path)
    deadline = None if timeout is None else monotonic() + timeout
    before = _file_id(target)
    skipped: list[Skipped] = []
    for copy in _copies(place, name):
        left = None if deadline is None else max(0.0, deadline - monotonic())
        try:
            restored = restore(copy, path, data_dir=data_dir, progress=progress, timeout=left)
        except CorruptionError as error:
            # Damage that shows after the copy was put in its place is not the copy's.
            if _file_id(target) != before:
                raise
            skipped.append(Skipped(copy, str(error)))
        except Error:
            # A rotation may have removed an old one meanwhile.
            if os.path.lexists(copy):
                raise
            skipped.append(Skipped(copy, "it was removed meanwhile"))
        else:
            return NewestReport(copy, tuple(skipped), restored)
    raise CorruptionError(
        f"none of the {len(skipped)} copies of {name!r} in {str(place)!r} can be restored; of the "
        f"newest: {skipped[0].why}"
    )


def _copies(directory: Path, name: str) -> list[Path]:
    """Return the copies of a file, the newest first; PathError if there are none."""
    where = repr(str(directory))
    try:
        if names := find(directory, name).names:
            return [directory / each for each in names]
        others = ", ".join(map(repr, databases_in(directory)))
    except OSError as error:
        raise PathError(f"the copies in {where} cannot be looked for: {error.strerror}") from error
    hint = f"it has those of {others}: restore to such a name" if others else "name the copy itself"
    raise PathError(f"{where} has no copies of {name!r} that rotation made; {hint}")


def _file_id(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _check(db: object, kind: type, opener: str, keep: int) -> None:
    if not isinstance(db, kind):
        raise TypeError(f"db is what {opener} returns, not {type(db).__name__}")
    if not isinstance(keep, int) or isinstance(keep, bool) or keep < 1:
        raise ValueError(f"keep is a number from 1, not {keep!r}")


async def _in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Run a function in a thread to its end, also when the task that awaits it is cancelled."""
    import asyncio

    running = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
    cancelled = False
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        running.exception()
        raise asyncio.CancelledError
    return running.result()
