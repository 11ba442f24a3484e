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
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from . import data
from .timing import Figures, clock, elapsed, joined, percentiles, rate, timed, together


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
        while clock() < end or len(times) < 2:
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
    if getattr(db, "upsert_many", None):
        calls = [(db.upsert_many, data.named(rows)) for rows in passes]
    else:
        calls = [(db.upsert_sql, rows) for rows in passes]
    times = [elapsed(lambda verb=verb, rows=rows: verb(rows)) for verb, rows in calls]
    db.close()
    return {"rate": data.ITEMS * 1e9 / statistics.median(times), "upserted": data.PASSES}


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
        for child in children:
            assert child.stdin is not None
            child.stdin.write(moment)
            child.stdin.flush()
        said = [child.communicate()[0] for child in children]
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


if __name__ == "__main__":
    one_process(*sys.argv[1:])
