"""Making the next of something while the one before is worked with."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Generator[T]:
    """Iterate over what an iterator makes in a thread, one item ahead.

    It pays where what is done with the items leaves the interpreter lock alone, as SQLite does.
    """
    first = next(items, None)
    if first is None:
        return
    with ThreadPoolExecutor(1, "holdfast-sync") as thread:
        coming = thread.submit(next, items, None)
        yield first
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
