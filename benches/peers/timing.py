"""How calls are timed: alone, in threads, each for its latency or all for their rate."""

import threading
import time
from array import array
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

from . import data

Figures = dict[str, Any]
clock = time.perf_counter_ns


def percentiles(latencies: "array[int]") -> Figures:
    """p50 to the slowest, in microseconds."""
    ordered = sorted(latencies)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000

    return {"p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "max": ordered[-1] / 1000}


def rate(call: Callable[[int], Any], keys: Iterator[int], seconds: float, batch: int) -> float:
    """How often `call(key)` goes through a second; the first tenth of the time is to warm up."""
    begin = done = 0
    warm, end = clock() + int(seconds * 1e8), 0
    while True:
        for _ in range(batch):
            call(next(keys))
        now = clock()
        if not begin:
            if now >= warm:
                begin, end = now, now + int(seconds * 1e9)
            continue
        done += batch
        if now >= end:
            return done * 1e9 / (now - begin)


def timed(call: Callable[[int], Any], keys: Iterator[int], until: int) -> "tuple[array[int], int]":
    """The latency of each call until the moment `until`, in nanoseconds, and the errors."""
    found, errors = array("Q"), 0
    note = found.append
    before = clock()
    while before < until:
        try:
            call(next(keys))
        except Exception:
            errors += 1
        after = clock()
        note(after - before)
        before = after
    return found, errors


def together(
    makers: list[Callable[[], Callable[[int], Any]]], seconds: float, salt: int, domain: int
) -> "tuple[list[array[int]], int]":
    """Each in a thread that makes its call first, then all at once: latencies and errors."""
    found: list[tuple[array[int], int]] = []
    failures: list[BaseException] = []
    barrier = threading.Barrier(len(makers))

    def work(index: int, make: Callable[[], Callable[[int], Any]]) -> None:
        keys = cycle(key % domain + 1 for key in data.keys(5000, salt + index))
        try:
            call = make()
            call(next(keys))
            barrier.wait()
            found.append(timed(call, keys, clock() + int(seconds * 1e9)))
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(makers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return [latencies for latencies, _ in found], sum(errors for _, errors in found)


def joined(parts: "list[array[int]]") -> "array[int]":
    whole = array("Q")
    for part in parts:
        whole.extend(part)
    return whole


def elapsed(call: Callable[[], Any]) -> int:
    before = clock()
    call()
    return clock() - before
