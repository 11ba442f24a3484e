"""What every peer works on: one file of seeded rows, and the statements."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SEED = 20_261_120
ITEMS = 100_000
TALLIES = 1_000
PASSES = 3
SPARE = 30_000

COLUMNS = ("id", "name", "value", "kind", "body")
SCHEMA = """
create table item(id integer primary key, name text, value real, kind integer, body text);
create table bulk0(id integer primary key, name text, value real, kind integer, body text);
create table bulk1(id integer primary key, name text, value real, kind integer, body text);
create table bulk2(id integer primary key, name text, value real, kind integer, body text);
create table tally(id integer primary key, n integer not null, body text);
create virtual table note using fts5(body);
create table spare(id integer primary key, body text);
"""

POINT = "select id, name, value, kind, body from item where id = ?"
ALL = "select id, name, value, kind, body from item"
INSERT = "insert into {table}(id, name, value, kind, body) values (?, ?, ?, ?, ?)"
UPSERT = INSERT.format(table="item") + (
    " on conflict(id) do update set name = excluded.name, value = excluded.value,"
    " kind = excluded.kind, body = excluded.body"
)
# `n` counts the writes of a row, so that none can be lost unseen, and makes each a change.
WRITE = (
    "insert into tally(id, n, body) values (?, 1, ?)"
    " on conflict(id) do update set n = n + 1, body = excluded.body"
)
# About 100 ms each, and hard to interrupt: most of it is inside one opcode.
LONG = {
    "sort": "select max(n) from (select row_number() over (order by body || name) as n from item)",
    "search": "select rowid from note where note match 'w1* OR w2*' order by rank limit 10",
    "aggregate": "select kind % 7, count(distinct body), sum(length(name)) from item group by 1",
}


@dataclass(slots=True)
class Item:
    """A row of `item`, typed."""

    id: int
    name: str
    value: float
    kind: int
    body: str


Row = tuple[int, str, float, int, str]


def rows(first: int, count: int, edition: int = 0) -> list[Row]:
    """Rows from id `first` on; another edition differs in every column but the id."""
    chance = random.Random(SEED + edition * 7919 + first)
    return [
        (
            n,
            f"item {n} of {edition}",
            chance.random() * 1000,
            chance.getrandbits(10) * 10 + edition,
            f"{chance.getrandbits(96):024x}",
        )
        for n in range(first, first + count)
    ]


def named(values: list[Row]) -> list[dict[str, Any]]:
    """The same rows as mappings."""
    return [dict(zip(COLUMNS, row, strict=True)) for row in values]


def keys(count: int, salt: int = 0) -> list[int]:
    """Keys of `item` in random order."""
    chance = random.Random(SEED + salt)
    return [chance.randrange(ITEMS) + 1 for _ in range(count)]


def upserted(step: int) -> tuple[int, int]:
    """First id and number of what pass `step` upserts: half of it is there already."""
    return ITEMS // 2 * (step + 1) + 1, ITEMS


def documents() -> Iterator[tuple[str]]:
    """Texts for the full-text search."""
    chance = random.Random(SEED)
    for _ in range(ITEMS // 2):
        yield (" ".join(f"w{chance.randrange(4000)}" for _ in range(12)),)
