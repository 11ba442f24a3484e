"""The copies of a database in a directory: their names and their order.

A copy is named by the file, the time in UTC and a number that counts up:
`app-20261126T061502Z-7.db`. The number is their order, whatever the clock does.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

_TIME = "%Y%m%dT%H%M%SZ"
_MADE = r"-([0-9]{8}T[0-9]{6}Z)-([1-9][0-9]*)"
_ANY = re.compile(rf"(.+){_MADE}(\.[^.]*)?", re.DOTALL)


class Copies(NamedTuple):
    """What is in a directory: copies of one database, the newest first; the highest number."""

    names: list[str]
    last: int
    others: frozenset[str]


def name_of(database: str, number: int, moment: datetime) -> str:
    """Return the name of a copy.

    >>> name_of("app.db", 7, datetime(2026, 11, 26, 6, 15, 2, tzinfo=UTC))
    'app-20261126T061502Z-7.db'
    """
    file = Path(database)
    return f"{file.stem}-{moment.astimezone(UTC).strftime(_TIME)}-{number}{file.suffix}"


def find(directory: int | Path, database: str) -> Copies:
    """Find the copies of a database: plain files of exactly such a name.

    >>> find(folder, "app.db").names
    []
    """
    file = Path(database)
    pattern = re.compile(re.escape(file.stem) + _MADE + re.escape(file.suffix))
    copies: list[tuple[int, str, str]] = []
    names: set[str] = set()
    last = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            match = pattern.fullmatch(entry.name)
            if match is None or not _is_time(match[1]):
                names.add(entry.name)
                continue
            number = int(match[2])
            last = max(last, number)
            if entry.is_file(follow_symlinks=False):
                copies.append((number, match[1], entry.name))
    copies.sort(reverse=True)
    return Copies([name for _, _, name in copies], last, frozenset(names))


def databases_in(directory: Path) -> list[str]:
    """Return the names of the databases that a directory has copies of.

    >>> databases_in(folder)
    []
    """
    found = (_ANY.fullmatch(file.name) for file in directory.iterdir())
    return sorted({f"{match[1]}{match[4] or ''}" for match in found if match})


def _is_time(text: str) -> bool:
    try:
        return bool(datetime.strptime(text, _TIME))
    except ValueError:
        return False
