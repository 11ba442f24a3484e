"""Fork while threads wait for a reader: the child finds none of them in its way."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import holdfast
from processes import fork, join

# From 3.12 on Python warns of a fork beside threads, which is what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

THREADS = 6


@contextmanager
def waiting(db: holdfast.Database) -> Iterator[None]:
    """Threads that wait for the only reader, which is let go of at the end."""
    seen: list[int] = []
    begun = threading.Barrier(THREADS + 1)

    def read() -> None:
        begun.wait(30)
        seen.append(db.fetch_value("select 1", timeout=30))

    threads = [threading.Thread(target=read) for _ in range(THREADS)]
    with db.snapshot() as snapshot:
        snapshot.fetch_value("select 1")
        for thread in threads:
            thread.start()
        begun.wait(30)
        yield
        assert not seen
    for thread in threads:
        thread.join(30)
    assert seen == [1] * THREADS


def test_a_child_waits_for_readers_of_its_own(opened: Callable[..., holdfast.Database]) -> None:
    db = opened(pool_size=1)

    def child() -> None:
        for _ in range(10):
            with waiting(db):
                pass

    for _ in range(5):
        with waiting(db):
            join(fork(child))


def test_forks_of_several_threads_wait_for_each_other(
    opened: Callable[..., holdfast.Database],
) -> None:
    db = opened(pool_size=1)
    ended: list[int] = []

    def child() -> None:
        with holdfast.open(":memory:") as other:
            other.execute("create table t(x)")
        db.fetch_value("select 1")

    def forker() -> None:
        for _ in range(5):
            pid = fork(child)
            join(pid)
            ended.append(pid)

    threads = [threading.Thread(target=forker) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ended) == 15
