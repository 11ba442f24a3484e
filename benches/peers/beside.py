"""Readers beside somebody who works all the time: how much longer they wait."""

import threading
from collections.abc import Callable
from itertools import cycle
from typing import Any

from . import data
from .timing import Figures, joined, percentiles, together


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
