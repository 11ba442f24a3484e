"""Processes that work on jobs, and waiting for something with a deadline."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import holdfast
from holdfast.jobs import JobContext
from processes import Child

T = TypeVar("T")

_WORKER = """
import json, logging, os, sys, threading, time, holdfast
from holdfast.jobs import JobManager, JobStopped

# A job that fails is told as a warning; only what should never be goes to stderr.
logging.getLogger("holdfast").setLevel(logging.ERROR)

def say(text):
    os.write(1, f"{text}\\n".encode())

settings, ending = json.loads(sys.argv[2]), json.loads(sys.argv[3])
db = holdfast.open(sys.argv[1])
jobs = JobManager(db, **settings)
say("ready")
exec(sys.argv[4])
sys.stdin.readline()
jobs.shutdown(**ending)
db.close()
"""


def worker(
    path: Path, handlers: str = "", *, ending: dict[str, Any] | None = None, **settings: Any
) -> Child:
    """A process with a manager `jobs` that runs `handlers`, which may `say` a line; a line ends it.

    `ending` is how its manager is shut down.
    """
    child = Child(_WORKER, path, json.dumps(settings), json.dumps(ending or {}), handlers)
    assert child.line() == "ready"
    return child


def end(*children: Child) -> list[str]:
    """Shut the managers of processes down; the lines not read yet. None may have complained."""
    for child in children:
        child.send()
    return [line for child in children for line in child.finish()]


def pause(child: Child) -> None:
    """Stop a process with all its threads until it gets SIGCONT."""
    child.signal(signal.SIGSTOP)
    stat = Path(f"/proc/{child.pid}/stat")
    # The signal may take a moment to arrive.
    eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")


def pause_between_writes(child: Child, db: holdfast.Database) -> None:
    """Stop a process at a moment at which it does not hold the write lock."""
    while True:
        pause(child)
        try:
            db.execute("delete from job_events where id < 0", timeout=0.5)
        except holdfast.BusyError:
            child.signal(signal.SIGCONT)
        else:
            return


def until_stopped(ctx: JobContext, seconds: float = 20.0) -> None:
    """Work in a handler until it is asked to stop."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        ctx.check()
        time.sleep(0.002)


def eventually(look: Callable[[], T], timeout: float = 30.0) -> T:
    """Look until there is something true; that, or an AssertionError at the deadline."""
    deadline = time.monotonic() + timeout
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(0.01)
    return seen
