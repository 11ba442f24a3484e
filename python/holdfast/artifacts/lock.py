"""One sync of a folder at a time, whichever process runs it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import PathError
from .errors import SyncRunningError

#: Seconds between two tries.
EVERY = 0.05
#: Seconds that are waited for in any case: who only asks holds the lock for a moment.
LEAST = 0.5


@contextmanager
def locked(
    folder: Path, timeout: float, waiting: Callable[[], object] = lambda: None
) -> Generator[None]:
    """Hold the lock of a folder, which the system takes back when the process ends.

    `waiting` is called time and again while another has it; what it raises ends that. Raises
    SyncRunningError after `timeout` seconds, PathError if the folder is gone.
    """
    deadline = time.monotonic() + max(timeout, LEAST)
    handle, owner = _open(folder), os.getpid()
    try:
        while not _take(handle, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                raise SyncRunningError(
                    f"another sync of {folder.name!r} did not end within {timeout} s: wait for it, "
                    "or give a longer timeout"
                )
            waiting()
            time.sleep(EVERY)
        try:
            yield
        finally:
            # Closing is not enough: a process that was forked meanwhile has the handle too.
            if os.getpid() == owner:
                with suppress(OSError):
                    fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


def is_locked(folder: Path) -> bool:
    """Whether a sync of the folder runs."""
    try:
        handle = _open(folder)
    except PathError:
        return False
    try:
        return not _take(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _open(folder: Path) -> int:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise PathError(f"the folder {folder.name!r} cannot be read: {error.strerror}") from None


def _take(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A network file system without locks: two syncs repeat each other's work, no more.
        return True
    return True
