"""The works of threads and processes: each takes a peer's class and a file, and gives its figures.

Figures are per second (`rate`) and microseconds (`p99` and the like). Garbage collection stays on.
"""

import importlib
import statistics
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
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


def point_select(peer: Any, path: str, seconds: float) -> Figures:
    db = peer(path)
    point = db.point()
    assert tuple(row_values(point(77))) == data.rows(1, 77)[76], "a wrong row"
    found = {"rate": rate(point, cycle(data.keys(50_000)), seconds, 200)}
    db.close()
    return found


def row_values(row: Any) -> Any:
    """What is in a row, whatever the library makes of it."""
    return row.values() if isinstance(row, dict) else row


def point_select_busy(peer: Any, path: str, seconds: float) -> Figures:
    db = peer(path)
    stop, turns = threading.Event(), 0

    def spin() -> None:
        nonlocal turns
        while not stop.is_set():
            turns += 1

    busy = threading.Thread(target=spin)
    busy.start()
    found = {"rate": rate(db.point(), cycle(data.keys(5000)), seconds, 10)}
    stop.set()
    busy.join()
    db.close()
    return found | {"turns": turns / seconds}


def point_select_threads(peer: Any, path: str, seconds: float) -> Figures:
    db = peer(path)
    makers = [lambda: db.session().point()] * 8
    parts, errors = together(makers, seconds, 1, data.ITEMS)
    latencies = joined(parts)
    db.close()
    return {"rate": len(latencies) / seconds, "errors": errors} | percentiles(latencies)


def fetch(verb: str) -> Callable[[Any, str, float], Figures]:
    """Fetch the whole table, again and again; freeing the rows is not timed."""

    def work(peer: Any, path: str, seconds: float) -> Figures:
        db = peer(path)
        call = getattr(db, verb)
        assert len(call()) == data.ITEMS
        times: list[int] = []
        end = clock() + int(seconds * 1e9)
        while clock() < end or len(times) < 3:
            before = clock()
            got = call()
            times.append(clock() - before)
            del got
        db.close()
        return {"rate": data.ITEMS * 1e9 / statistics.median(times)}

    return work


def insert_many(peer: Any, path: str, _seconds: float) -> Figures:
    passes = [data.rows(1, data.ITEMS, step + 1) for step in range(data.PASSES)]
    if getattr(peer, "wants_mappings", False):
        passes = [data.named(rows) for rows in passes]
    db = peer(path)
    times = [
        elapsed(lambda step=step, rows=rows: db.insert_many(f"bulk{step}", rows))
        for step, rows in enumerate(passes)
    ]
    db.close()
    return {"rate": data.ITEMS * 1e9 / statistics.median(times), "inserted": data.PASSES}


def upsert_many(peer: Any, path: str, _seconds: float) -> Figures:
    """Half of the rows of each pass are there; given as mappings where the library takes them."""
    passes = [data.rows(*data.upserted(step), step + 1) for step in range(data.PASSES)]
    db = peer(path)
    if hasattr(db, "upsert_many"):
        calls = [(db.upsert_many, data.named(rows)) for rows in passes]
    else:
        calls = [(db.upsert_sql, rows) for rows in passes]
    times = [elapsed(lambda verb=verb, rows=rows: verb(rows)) for verb, rows in calls]
    db.close()
    return {"rate": data.ITEMS * 1e9 / statistics.median(times), "upserted": data.PASSES}


def elapsed(call: Callable[[], Any]) -> int:
    before = clock()
    call()
    return clock() - before


def write_one(peer: Any, path: str, seconds: float) -> Figures:
    db = peer(path)
    write = db.writer()
    done = 0

    def call(key: int) -> None:
        nonlocal done
        write(key % data.TALLIES, "a body that is written")
        done += 1

    found = rate(call, cycle(data.keys(50_000)), seconds, 100)
    db.close()
    return {"rate": found, "acknowledged": done}


def write_threads(durable: bool) -> Callable[[Any, str, float], Figures]:
    def work(peer: Any, path: str, seconds: float) -> Figures:
        db = peer(path, durable)
        acknowledged = [0] * 8

        def maker(index: int) -> Callable[[], Callable[[int], Any]]:
            def make() -> Callable[[int], Any]:
                write = db.session().writer()

                def call(key: int) -> None:
                    write(key % data.TALLIES, "a body that is written")
                    acknowledged[index] += 1

                return call

            return make

        parts, errors = together([maker(n) for n in range(8)], seconds, 2, data.TALLIES)
        db.close()
        latencies = joined(parts)
        total = {"rate": (len(latencies) - errors) / seconds, "errors": errors}
        return total | {"acknowledged": sum(acknowledged)} | percentiles(latencies)

    return work


def write_processes(peer: Any, path: str, seconds: float) -> Figures:
    """Eight processes with a database each, begun at one moment."""
    module = peer.__module__
    command = [sys.executable, "-m", "peers.works", module, path, str(seconds)]
    children = [
        subprocess.Popen([*command, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for n in range(8)
    ]
    try:
        for child in children:
            assert child.stdout is not None
            if child.stdout.readline() != b"ready\n":
                raise RuntimeError("a process could not open the database")
        moment = f"{time.time_ns() + 50_000_000}\n".encode()
        said = [child.communicate(moment)[0] for child in children if child.stdin]
    finally:
        for child in children:
            child.kill()
            child.wait()
    if any(child.returncode for child in children):
        raise RuntimeError("a process failed")
    counts = [tuple(map(int, line.split())) for line in said]
    whole = array("Q")
    for n in range(8):
        found = Path(f"{path}.latencies{n}")
        whole.frombytes(found.read_bytes())
        found.unlink()
    done = [acknowledged for acknowledged, _ in counts]
    return {
        "rate": sum(done) / seconds,
        "fairness": min(done) / max(done),
        "errors": sum(errors for _, errors in counts),
        "acknowledged": sum(done),
    } | percentiles(whole)


def one_process(module: str, path: str, seconds: str, number: str) -> None:
    """What each of the eight does; the latencies go into a file beside the database."""
    peer = importlib.import_module(module).Peer(path)
    write = peer.writer()
    done = 0

    def call(key: int) -> None:
        nonlocal done
        write(key % data.TALLIES, "a body that is written")
        done += 1

    keys = cycle(data.keys(5000, 10 + int(number)))
    peer.fetch("select count(*) from tally")
    print("ready", flush=True)
    begin = int(sys.stdin.readline())
    while time.time_ns() < begin:
        pass
    latencies, errors = timed(call, keys, clock() + int(float(seconds) * 1e9))
    peer.close()
    Path(f"{path}.latencies{number}").write_bytes(latencies.tobytes())
    print(done, errors)


def readers_beside(
    db: Any, seconds: float, beside: Callable[[threading.Event], Any]
) -> tuple[Figures, Any]:
    """Two readers alone, then the same beside something: how their p99 changes."""
    makers = [lambda: db.session().point()] * 2
    idle = percentiles(joined(together(makers, seconds, 3, data.ITEMS)[0]))
    stop, given = threading.Event(), []
    other = threading.Thread(target=lambda: given.append(beside(stop)))
    other.start()
    parts, errors = together(makers, seconds, 3, data.ITEMS)
    stop.set()
    other.join()
    if not given:
        raise RuntimeError("what ran beside the readers failed")
    whole = joined(parts)
    busy = percentiles(whole)
    return {
        "idle_p99": idle["p99"],
        "p99": busy["p99"],
        "p999": busy["p999"],
        "max": busy["max"],
        "against_idle": busy["p99"] / idle["p99"],
        "rate": len(whole) / seconds,
        "errors": errors,
    }, given[0]


def read_beside_writer(peer: Any, path: str, seconds: float) -> Figures:
    db = peer(path)

    def beside(stop: threading.Event) -> int:
        write, keys, done = db.session().writer(), cycle(data.keys(5000, 4)), 0
        while not stop.is_set():
            write(next(keys) % data.TALLIES, "a body that is written")
            done += 1
        return done

    figures, done = readers_beside(db, seconds, beside)
    db.close()
    return figures | {"acknowledged": done, "writes": done / seconds}


def read_beside_vacuum(peer: Any, path: str, seconds: float) -> Figures:
    """The daemon at work; for others, a thread that gives back 20 pages at a time."""
    has_daemon = peer.__module__.endswith("holdfast_")
    db = peer(path, vacuum_every=0.001) if has_daemon else peer(path)

    def beside(stop: threading.Event) -> int:
        session = db.session()
        (before,) = session.fetch("pragma freelist_count")[0]
        if has_daemon:  # It starts with the first write of the process.
            session.run("insert into tally values (-1, 0, '')")
            stop.wait()
        while not stop.is_set():
            session.fetch("pragma incremental_vacuum(20)")
        return before - session.fetch("pragma freelist_count")[0][0]

    figures, pages = readers_beside(db, seconds, beside)
    db.close()
    return figures | {"pages": pages}


if __name__ == "__main__":
    one_process(*sys.argv[1:])
