"""What is measured: rates are per second. What was acknowledged is looked for in the file after."""

from __future__ import annotations

import os
import sqlite3
import statistics
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from peers.timing import rate, together

from .queues import QUEUES

Figures = dict[str, Any]
SECONDS = 0.4
#: Jobs of one transaction.
BATCH = 100
THREADS = 4
#: Jobs of one drain; where each commit waits for the disk, fewer.
DRAINED = {"off": 4000, "normal": 4000, "full": 1000}
#: Its pop sorts all that waits: a short queue is to its advantage.
AT_MOST = {"litequeue": 500}
#: Publications of one measurement, the files of each, and the bytes of a file.
PUBLISHED, FILES, SIZE = 11, (1, 100), 10_000
REPORTS = 300_000


def enqueue(peer: str, path: str, sync: str) -> Figures:
    """One by one, in one thread."""
    queue = QUEUES[peer](path, sync)
    put, numbers = queue.session(), count()
    found = {"rate": rate(put, numbers, SECONDS, 10)}
    queue.close()
    prove(queue.TOTAL, path, next(numbers))
    return found


def enqueue_many(peer: str, path: str, sync: str) -> Figures:
    """A hundred at once, in one transaction where the queue has that."""
    queue = QUEUES[peer](path, sync)
    many, numbers = queue.many, count()
    batches = rate(lambda n: many(range(n, n + BATCH)), numbers, SECONDS, 1)
    queue.close()
    prove(queue.TOTAL, path, next(numbers) * BATCH)
    return {"rate": batches * BATCH}


def enqueue_threads(peer: str, path: str, sync: str) -> Figures:
    """The same from four threads."""
    queue = QUEUES[peer](path, sync)
    parts, errors = together([queue.session] * THREADS, SECONDS, 1, 1_000_000)
    queue.close()
    done = sum(map(len, parts))
    # One to begin with in each thread.
    prove(queue.TOTAL, path, done + THREADS - errors)
    return {"rate": (done - errors) / SECONDS, "errors": errors}


def drain(peer: str, path: str, sync: str) -> Figures:
    """Take, run and finish jobs that do nothing, in one thread."""
    number = min(DRAINED[sync], AT_MOST.get(peer, DRAINED[sync]))
    # Filled without waiting for the disk: that is not what is measured.
    queue = QUEUES[peer](path, "off")
    put = queue.session()
    for each in range(number):
        put(each)
    queue.close()
    os.sync()
    queue = QUEUES[peer](path, sync)
    seconds = queue.drain(number)
    queue.close()
    prove(queue.TOTAL, path, *((0,) if peer == "huey" else (number, number)))
    return {"rate": number / seconds}


def prove(sql: str, path: str, total: int, done: int = 0) -> None:
    """The file has all that was acknowledged; read when every handle is closed."""
    db = sqlite3.connect(path)
    try:
        found = db.execute(sql).fetchone()
    finally:
        db.close()
    if tuple(found) != (total, done):
        raise AssertionError(f"{total} jobs were acknowledged, {done} done; the file has {found}")


def publish(files: int) -> Callable[[str, str, str], Figures]:
    """Writing and publishing a directory, and the least that keeps one, in turn."""

    def measure(_peer: str, path: str, sync: str) -> Figures:
        queue = QUEUES["holdfast"](path, sync)
        root = Path(path).parent / "bare"
        (root / "staging").mkdir(parents=True)
        (root / "published").mkdir()
        ours, bare = [], []

        def run(ctx: Any, number: int) -> None:
            contents = os.urandom(SIZE)
            begun = time.perf_counter()
            fill(ctx.workspace, files, contents)
            snapshot = ctx.publish("documents")
            ours.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            staged = root / "staging" / str(number)
            staged.mkdir()
            fill(staged, files, contents)
            target = root / "published" / str(number)
            keep(staged, target)
            bare.append(time.perf_counter() - begun)
            for path in (snapshot.path, target):
                found = [each.stat().st_size for each in path.iterdir()]
                if found != [SIZE] * files:
                    raise AssertionError(f"{files} files were published; {path} has {len(found)}")

        from holdfast.jobs import JobManager

        with JobManager(queue.db, workers=1) as jobs:
            jobs.handler("publish")(run)
            for number in range(PUBLISHED):
                jobs.result(jobs.submit("publish", number).id, 60)
        queue.close()
        # The first makes directories that the others find.
        medians = [statistics.median(times[1:]) * 1000 for times in (ours, bare)]
        return {"milliseconds": medians[0], "bare": medians[1]}

    return measure


def fill(directory: Path, files: int, contents: bytes) -> None:
    for number in range(files):
        (directory / f"{number}.bin").write_bytes(contents)


def keep(staged: Path, target: Path) -> None:
    """Write a directory's files through, and give it its name."""
    for path in [*staged.iterdir(), staged]:
        through(path)
    staged.rename(target)
    through(target.parent)


def through(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def report(_peer: str, path: str, sync: str) -> Figures:
    """What `ctx.report` costs the handler, beside the thread that writes it."""
    queue = QUEUES["holdfast"](path, sync)

    def run(ctx: Any, number: int) -> float:
        tell = ctx.report
        begun = time.perf_counter_ns()
        for done in range(number):
            tell(done * 1e-4, "count")
        return (time.perf_counter_ns() - begun) / number

    from holdfast.jobs import JobManager

    with JobManager(queue.db, workers=1) as jobs:
        jobs.handler("report")(run)
        found = jobs.result(jobs.submit("report", REPORTS).id, 60)
    queue.close()
    return {"nanoseconds": found}


WORKS: dict[str, tuple[str, Callable[[str, str, str], Figures]]] = {
    "enqueue": ("enqueue one by one", enqueue),
    "enqueue_many": (f"enqueue {BATCH} in one transaction", enqueue_many),
    "enqueue_threads": (f"enqueue from {THREADS} threads", enqueue_threads),
    "drain": ("take, run, finish a job that does nothing", drain),
    **{
        f"publish_{files}": (
            f"write and publish {files} file{'s' * (files > 1)} of 10 kB",
            publish(files),
        )
        for files in FILES
    },
    "report": ("`ctx.report`", report),
}
COMPARED = ("enqueue", "enqueue_many", "enqueue_threads", "drain")
