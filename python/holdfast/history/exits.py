"""What becomes of writers when the process forks, and when the interpreter ends."""

from __future__ import annotations

import atexit
import os
import time
import weakref
from functools import cache
from typing import Protocol

#: Seconds that all writers of a process have together when the interpreter ends.
EXIT = 5.0


class Ends(Protocol):
    """A writer, as it is told."""

    def close(self, timeout: float) -> bool:
        """Write what waits, and end."""
        ...

    def forked(self) -> None:
        """Begin anew in a child."""
        ...


_writers: weakref.WeakSet[Ends] = weakref.WeakSet()
#: This process and those that it was forked from, if they have opened a file for a writer.
_pids: set[int] = set()


def keep(writer: Ends) -> None:
    """Tell a writer of forks and of the end, for as long as it is used."""
    _register()
    _writers.add(writer)


@cache
def _register() -> None:
    atexit.register(_end)
    os.register_at_fork(after_in_child=_forked)


def come_first() -> None:
    """Have writers end before the engine closes all files; called when a file was opened.

    The engine asks to be told of the end when a process opens its first file, and who asked last is
    told first. To be told twice does no harm.
    """
    if os.getpid() not in _pids:
        _pids.add(os.getpid())
        atexit.register(_end)


def _forked() -> None:
    for writer in list(_writers):
        writer.forked()


def _end() -> None:
    deadline = time.monotonic() + EXIT
    for writer in list(_writers):
        writer.close(max(0.0, deadline - time.monotonic()))
