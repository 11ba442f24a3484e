"""The same verbs over each queue, written as its documentation recommends, all in WAL mode.

`sync` is what SQLite's `synchronous` is to be: off, normal or full. Nothing else is set.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

Enqueue = Callable[[int], Any]
LEVELS = ("off", "normal", "full")


def nothing(number: int) -> None:
    """What each job does."""
    assert number >= 0


class Holdfast:
    """Jobs that run at least once, whatever dies."""

    #: How many jobs the file has, and how many of them are done.
    TOTAL = "select count(*), total(state = 'succeeded') from jobs"

    def __init__(self, path: str, sync: str) -> None:
        import holdfast
        from holdfast.jobs import JobManager

        self.db = holdfast.open(path, pragmas={"synchronous": sync})
        self.jobs = JobManager(self.db, workers=0)

    def session(self) -> Enqueue:
        """Enqueue in a thread of its own: the manager is for all."""
        submit = self.jobs.submit
        return lambda number: submit("nothing", {"number": number})

    def many(self, numbers: range) -> None:
        """Enqueue in one transaction."""
        submit = self.jobs.submit
        with self.db.transaction() as tx:
            for number in numbers:
                submit("nothing", {"number": number}, tx=tx)

    def drain(self, count: int) -> float:
        """Run all that waits, in one thread, until the file says that it is done: the seconds."""
        from holdfast.jobs import JobManager, JobState

        left, ran = iter(range(count - 1)), threading.Event()

        def work(_ctx: Any, payload: Any) -> None:
            nothing(payload["number"])
            if next(left, None) is None:
                ran.set()

        begun = time.perf_counter()
        with JobManager(self.db, workers=1) as jobs:
            jobs.handler("nothing")(work)
            # Counting meanwhile would take time from the worker.
            ran.wait()
            while jobs.counts()[JobState.SUCCEEDED] < count:
                time.sleep(0.001)
            return time.perf_counter() - begun

    def read_back(self) -> tuple[Any, ...]:
        """`synchronous` as it is in force, and the version of SQLite."""
        row = self.db.fetch_one("select sqlite_version()")
        assert row is not None
        return (LEVELS.index(str(self.db.pragmas()["synchronous"])), row[0])

    def close(self) -> None:
        """Close the file."""
        self.jobs.shutdown()
        self.db.close()


class Huey:
    """A job is deleted when it is taken: one whose process dies then is gone."""

    TOTAL = "select count(*), 0 from task"

    def __init__(self, path: str, sync: str) -> None:
        from huey import SqliteHuey

        fsync = {"off": False, "full": True}.get(sync)
        self.huey = SqliteHuey(filename=path, fsync=fsync, timeout=30)
        if fsync is None:
            # It knows on and off only; its one connection stays open.
            self.huey.storage.conn.execute("pragma synchronous = normal")
        self.task = self.huey.task()(nothing)

    def session(self) -> Enqueue:
        """Enqueue in a thread of its own: threads share its connection."""
        return self.task

    def many(self, numbers: range) -> None:
        """Enqueue one by one, a commit each: it has nothing else, `task.map` does the same."""
        task = self.task
        for number in numbers:
            task(number)

    def drain(self, count: int) -> float:
        """Run all that waits, as its consumer's worker does: the seconds."""
        begun, done = time.perf_counter(), 0
        while (task := self.huey.dequeue()) is not None:
            self.huey.execute(task)
            done += 1
        assert done == count, done
        return time.perf_counter() - begun

    def read_back(self) -> tuple[Any, ...]:
        """`synchronous` as it is in force, and the version of SQLite."""
        execute = self.huey.storage.conn.execute
        return (
            execute("pragma synchronous").fetchone()[0],
            execute("select sqlite_version()").fetchone()[0],
        )

    def close(self) -> None:
        """Close the file."""
        self.huey.storage.close()


class Litequeue:
    """Messages: a popped one stays locked until it is done, or somebody unlocks it."""

    TOTAL = "select count(*), total(status = 2) from Queue"

    def __init__(self, path: str, sync: str) -> None:
        self.path, self.sync = path, sync
        self.queue = self._open()

    def _open(self) -> Any:
        from litequeue import LiteQueue

        queue = LiteQueue(self.path, timeout=30)
        queue.conn.execute(f"pragma synchronous = {self.sync}")
        return queue

    def session(self) -> Enqueue:
        """Enqueue in a thread of its own: with a connection of its own."""
        put = self._open().put
        return lambda number: put(json.dumps({"number": number}))

    def many(self, numbers: range) -> None:
        """Enqueue in one transaction of its own connection."""
        put = self.queue.put
        with self.queue.transaction("IMMEDIATE"):
            for number in numbers:
                put(json.dumps({"number": number}))

    def drain(self, count: int) -> float:
        """Pop, work, done, for all that waits: the seconds."""
        begun = time.perf_counter()
        pop, finish, done = self.queue.pop, self.queue.done, 0
        while (message := pop()) is not None:
            nothing(json.loads(message.data)["number"])
            finish(message.message_id)
            done += 1
        assert done == count, done
        return time.perf_counter() - begun

    def read_back(self) -> tuple[Any, ...]:
        """`synchronous` as it is in force, and the version of SQLite."""
        execute = self.queue.conn.execute
        return (
            execute("pragma synchronous").fetchone()[0],
            execute("select sqlite_version()").fetchone()[0],
        )

    def close(self) -> None:
        """Close the file; the connections of threads are closed with them."""
        self.queue.close()


QUEUES = {"holdfast": Holdfast, "huey": Huey, "litequeue": Litequeue}
