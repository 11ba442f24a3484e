"""What others write to the old tables while all rows are compared: that is compared once more."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from typing import NamedTuple

from .. import Transaction
from ..database import Database
from ..errors import Error
from . import freeze, state
from .legacy import ARTIFACTS
from .reading import Source
from .sides import Part, artifacts, runs, syntheses

#: Changes that are left to the transaction of the cutover.
FEW = 50


class Watch(NamedTuple):
    """What is noted in run_changes, and up to which of its rows it was compared."""

    token: str
    seen: int

    def is_on(self, source: Source) -> bool:
        """Whether nobody has ended it."""
        return state.get(source, "watch") == self.token

    def left(self, source: Source) -> int:
        """Count the changes that were not compared."""
        return source.fetch_value("select count(*) from run_changes where id > ?", [self.seen])

    def compare(self, source: Source) -> tuple[Watch, list[Part]]:
        """Compare the rows that were written since, as they are now."""
        changes = source.fetch_all(
            "select id, legacy_table, legacy_id from run_changes where id > ? order by id",
            [self.seen],
        )
        rows = {(table, number) for _, table, number in changes}
        parts = [part for each in _ranges(rows) for part in _compare(source, *each)]
        return self._replace(seen=changes[-1][0] if changes else self.seen), parts


@contextmanager
def watching(db: Database) -> Generator[Watch]:
    """Note what is written to the old tables while the block lasts.

    Another process that does so too shares what is noted, until the first of them is through.
    """
    try:
        yield db.run(_begin)
    finally:
        # What is noted on does no harm, and the next one ends it.
        with suppress(Error):
            db.run(end)


def end(tx: Transaction) -> None:
    """Note nothing more."""
    if state.get(tx, "watch") is not None:
        freeze.unwatch(tx)
        state.forget(tx, "watch")


def _begin(tx: Transaction) -> Watch:
    token = state.get(tx, "watch")
    if token is None:
        token = secrets.token_hex(8)
        freeze.watch(tx)
        state.put(tx, "watch", token)
    return Watch(token, tx.fetch_value("select max(id) from run_changes") or 0)


def _ranges(rows: Iterable[tuple[str, int]]) -> list[tuple[str, int, int]]:
    """Rows whose ids follow each other, as ranges of a table."""
    found: list[tuple[str, int, int]] = []
    for table, number in sorted(rows):
        if found and found[-1][0] == table and found[-1][2] == number - 1:
            found[-1] = (table, found[-1][1], number)
        else:
            found.append((table, number, number))
    return found


def _compare(source: Source, table: str, first: int, last: int) -> list[Part]:
    count = last - first + 1
    if table == ARTIFACTS:
        return [artifacts(source, first - 1, count, last)]
    with_runs = source.fetch_all(
        "select id from consensus_runs where legacy_synthesis_id between ? and ?", [first, last]
    )
    return [
        *(runs(source, number - 1, 1, number) for (number,) in with_runs),
        syntheses(source, first - 1, count, last),
    ]
