"""Which process this is, and whether another one still runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Presence(NamedTuple):
    """A process: `started` tells it from a later one with the same pid.

    `machine` is the boot and the pid namespace, within which a pid means something.
    """

    machine: str
    pid: int
    started: int


def this_process() -> Presence:
    """Return the process that asks."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii", "replace").strip()
    namespace = Path("/proc/self/ns/pid").readlink()
    pid = os.getpid()
    return Presence(f"{boot} {namespace}", pid, _started(pid) or 0)


def is_gone(other: Presence, here: Presence) -> bool:
    """Whether `other` has certainly ended; False where that cannot be told from `here`."""
    return other.machine == here.machine and _started(other.pid) != other.started


def _started(pid: int) -> int | None:
    """The start of a process in clock ticks since the boot; None for none, or a dead one."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold anything.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])
