"""One sync of a folder at a time, whichever process runs it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import SyncRunningError

#: Seconds between two tries.
EVERY = 0.05


@contextmanager
def locked(folder: Path, timeout: float) -> Generator[None]:
    """Hold the lock of a folder, which the system takes back when the process ends.

    Raises SyncRunningError after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while not _take(handle):
            if time.monotonic() >= deadline:
                raise SyncRunningError(
                    f"another sync of {folder.name!r} did not end within {timeout} s: wait for it, "
                    "or give a longer timeout"
                )
            time.sleep(EVERY)
        yield
    finally:
        os.close(handle)


def is_locked(folder: Path) -> bool:
    """Whether a sync of the folder runs."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _take(handle)
    finally:
        os.close(handle)


def _take(handle: int) -> bool:
    with suppress(BlockingIOError):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            # A network file system without locks: two syncs repeat each other's work, no more.
            return True
        return True
    return False
