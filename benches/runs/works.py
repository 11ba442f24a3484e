"""What is measured: microseconds for an artifact, all sides in turn, a few milliseconds each."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any, NamedTuple

import holdfast
from holdfast.runs import Sweep
from peers.harness import rotated

from .sides import SIDES, Row, artifact

LEVELS = ("normal", "full")
#: Turns of each side, and how many artifacts it writes in one.
TURNS, WRITES = 40, 30


class Work(NamedTuple):
    """Bytes of an artifact's content, and artifacts of a transaction."""

    said: str
    size: int
    batch: int = 1


WORKS = {
    "small": Work("one of 500 bytes", 500),
    "middle": Work("one of 2 kB", 2_000),
    "large": Work("one of 10 kB", 10_000),
    "batch": Work("one of 2 kB, 30 in a transaction", 2_000, WRITES),
}


def measure(name: str, sync: str, room: str) -> dict[str, Any]:
    """The microseconds of each side; the first turn is to warm up."""
    work = WORKS[name]
    content = "x" * work.size
    databases = {
        side: holdfast.open(Path(room) / f"{place}.db", pragmas={"synchronous": sync})
        for place, side in enumerate(SIDES)
    }
    sides = {side: SIDES[side](db) for side, db in databases.items()}
    spent = dict.fromkeys(SIDES, 0.0)
    for turn in range(TURNS + 1):
        first = turn * WRITES
        parts: list[tuple[int, list[Row]]] = [
            (number, [artifact(each, content) for each in range(number, number + work.batch)])
            for number in range(first, first + WRITES, work.batch)
        ]
        for side in rotated(tuple(SIDES), turn):
            write = sides[side].write
            begin = time.perf_counter()
            for number, rows in parts:
                write(number, rows)
            spent[side] += (time.perf_counter() - begin) * (turn > 0)
    assert Sweep(databases["dual"]).run().mismatches == 0
    for place, (side, db) in enumerate(databases.items()):
        db.close()
        prove(Path(room) / f"{place}.db", SIDES[side].TABLES)
    return {side: {"us": spent[side] * 1e6 / (TURNS * WRITES)} for side in SIDES}


def prove(path: Path, tables: tuple[str, ...]) -> None:
    """Every artifact is in the file, once in each table."""
    connection = sqlite3.connect(path)
    for table in tables:
        found = connection.execute(f"select count(*) from {table}").fetchone()[0]
        assert found == (TURNS + 1) * WRITES, f"{found} rows in {table}"
    connection.close()


def settings(sync: str, room: str) -> dict[str, Any]:
    """What is in force on a connection."""
    with holdfast.open(Path(room) / "runs.db", pragmas={"synchronous": sync}) as db:
        sqlite = db.fetch_value("select sqlite_version()")
        return {"synchronous": db.pragmas()["synchronous"], "sqlite": sqlite}
