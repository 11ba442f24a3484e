"""What the two schemas did not agree on, kept with both sides until it is no longer so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from .. import Transaction
from .compare import Finding
from .reading import Source
from .times import moment, now

#: Mismatches of a page, at most.
LIMIT = 1000


class Mismatch(NamedTuple):
    """A disagreement that was found: which rows, which columns, and both sides as JSON.

    `kind` is "differs", "missing in new" or "missing in legacy". `found_by` is "write" or "sweep".
    `resolved_at` is when it was seen to be no longer so.
    """

    id: int
    kind: str
    legacy_table: str | None
    legacy_id: int | None
    new_table: str | None
    new_id: int | None
    columns: tuple[str, ...]
    legacy_json: str | None
    new_json: str | None
    found_by: str
    first_seen_at: datetime
    last_seen_at: datetime
    times_seen: int
    resolved_at: datetime | None


class MismatchPage(NamedTuple):
    """Some mismatches, the newest first, and the cursor for those that follow; None at the end."""

    items: tuple[Mismatch, ...]
    cursor: int | None


_COLUMNS = (
    "id, kind, legacy_table, legacy_id, new_table, new_id, columns_json, legacy_json, new_json, "
    "found_by, first_seen_at, last_seen_at, times_seen, resolved_at"
)
_RECORD = """
insert into run_mismatches(
    fingerprint, kind, legacy_table, legacy_id, new_table, new_id, columns_json, legacy_json,
    new_json, found_by, first_seen_at, last_seen_at
) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)
on conflict(fingerprint) do update set
    last_seen_at = ?11, times_seen = times_seen + 1, resolved_at = null
"""


def record(tx: Transaction, findings: Iterable[Finding], found_by: str) -> None:
    """Keep what was found; what is known already is seen once more."""
    at = now()
    tx.execute_many(
        _RECORD,
        (
            [
                each.fingerprint,
                *each._replace(columns=json.dumps(each.columns)),  # pyright: ignore[reportArgumentType]
                found_by,
                at,
            ]
            for each in findings
        ),
    )


def read(
    source: Source, *, resolved: bool = False, limit: int = 50, cursor: int | None = None
) -> MismatchPage:
    """Read up to `limit` mismatches, the newest first; also those that are resolved, if asked."""
    if type(limit) is not int or not 1 <= limit <= LIMIT:
        raise ValueError(f"limit is a number from 1 to {LIMIT}, not {limit!r}")
    open_ = "" if resolved else "and resolved_at is null "
    rows = source.fetch_all(
        f"select {_COLUMNS} from run_mismatches where id < ? {open_}order by id desc limit ?",
        [2**63 - 1 if cursor is None else cursor, limit + 1],
    )
    items = tuple(map(_mismatch, rows[:limit]))
    return MismatchPage(items, items[-1].id if len(rows) > limit else None)


def count(source: Source) -> int:
    """Count the mismatches that are not resolved."""
    return source.fetch_value("select count(*) from run_mismatches where resolved_at is null")


def opened(source: Source, after: int, limit: int) -> list[tuple[int, Finding]]:
    """Read what was found and not resolved, with its ids, in their order."""
    rows = source.fetch_all(
        "select id, kind, legacy_table, legacy_id, new_table, new_id, columns_json, legacy_json, "
        "new_json from run_mismatches where resolved_at is null and id > ? order by id limit ?",
        [after, limit],
    )
    return [
        (number, Finding(*values)._replace(columns=tuple(json.loads(values[5]))))
        for number, *values in rows
    ]


def resolve(tx: Transaction, ids: Iterable[int]) -> None:
    """Note that mismatches are no longer so."""
    at = now()
    tx.execute_many(
        "update run_mismatches set resolved_at = ? where id = ? and resolved_at is null",
        ((at, each) for each in ids),
    )


def _mismatch(row: tuple[Any, ...]) -> Mismatch:
    found = Mismatch(*row)
    return found._replace(
        columns=tuple(json.loads(row[6])),
        first_seen_at=moment(row[10]),
        last_seen_at=moment(row[11]),
        resolved_at=None if row[13] is None else moment(row[13]),
    )
