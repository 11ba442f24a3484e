"""The file that every measurement starts from a copy of, and the proof of what was written."""

import functools
import shutil
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .data import INSERT, ITEMS, SCHEMA, SPARE, TALLIES, Row, documents, rows, upserted


def make(path: Path) -> None:
    """Write the file that every measurement starts from a copy of.

    Made by the plain module, while nobody else has it; `auto_vacuum` must come first.
    """
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as db:
        db.execute("pragma auto_vacuum = incremental")
        db.execute("pragma journal_mode = wal")
        db.executescript(SCHEMA)
        db.executemany(INSERT.format(table="item"), rows(1, ITEMS))
        db.executemany("insert into tally values (?, 0, '')", ((n,) for n in range(TALLIES)))
        db.executemany("insert into note(body) values (?)", documents())
    db.execute("insert into note(note) values ('optimize')")
    db.commit()
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()


def make_spare(path: Path, template: Path) -> None:
    """The same file with free pages to vacuum."""
    shutil.copy(template, path)
    with sqlite3.connect(path) as db:
        db.executemany("insert into spare(body) values (?)", (("x" * 3500,) for _ in range(SPARE)))
        db.execute("delete from spare where id % 3 > 0")
        db.commit()
        db.execute("pragma wal_checkpoint(truncate)")
    db.close()


class LostWriteError(Exception):
    """An acknowledged write is not in the file."""


def look(path: Path, sql: str) -> tuple[Any, ...]:
    """One row, read by the plain module: only when every handle of every process is closed."""
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchone()
    finally:
        db.close()


def prove_tally(path: Path, acknowledged: int, failed: int = 0) -> None:
    """Every acknowledged write counted once; one that failed may have gone through."""
    (found,) = look(path, "select sum(n) from tally")
    if not acknowledged <= found <= acknowledged + failed:
        raise LostWriteError(
            f"{acknowledged:,} one-row writes were acknowledged (and {failed} failed), "
            f"the file has {found:,}"
        )


SUMS = (
    "select count(*), sum(id), total(value), sum(kind), sum(length(name)), sum(length(body)) from "
)
Sums = tuple[float, ...]


def summed(rows: Iterable[Row]) -> Sums:
    """What `SUMS` is to find for these rows."""
    sums = [0.0] * 6
    for id, name, value, kind, body in rows:
        for place, part in enumerate((1, id, value, kind, len(name), len(body))):
            sums[place] += part
    return tuple(sums)


@functools.cache
def inserted_sums(edition: int) -> Sums:
    """Of a table that a pass has inserted."""
    return summed(rows(1, ITEMS, edition))


@functools.cache
def upserted_sums(steps: int) -> Sums:
    """Of `item` after this many passes of upserts."""
    table = {row[0]: row for row in rows(1, ITEMS)}
    for step in range(steps):
        table |= {row[0]: row for row in rows(*upserted(step), step + 1)}
    return summed(table.values())


def prove_rows(path: Path, table: str, expected: Sums) -> None:
    """The table holds what was acknowledged."""
    found = look(path, SUMS + table)
    if any(abs(a - b) > 1e-9 * abs(b) for a, b in zip(found, expected, strict=True)):
        raise LostWriteError(f"{table} sums up to {found}, what was acknowledged to {expected}")


def prove(path: Path, result: dict[str, Any]) -> None:
    """Check what a measurement says that it wrote."""
    if "acknowledged" in result:
        prove_tally(path, result["acknowledged"], int(result.get("errors", 0)))
    for step in range(result.get("inserted", 0)):
        prove_rows(path, f"bulk{step}", inserted_sums(step + 1))
    for step in range(result.get("inserted_rows", 0)):  # The C loop makes up its own texts.
        if look(path, f"select count(*), sum(id) from bulk{step}") != (
            ITEMS,
            sum(range(ITEMS + 1)),
        ):
            raise LostWriteError(f"bulk{step} has not the rows that were inserted")
    if steps := result.get("upserted", 0):
        prove_rows(path, "item", upserted_sums(steps))
    if (check := look(path, "pragma quick_check")) != ("ok",):
        raise LostWriteError(f"quick_check of the file: {check[0]}")
