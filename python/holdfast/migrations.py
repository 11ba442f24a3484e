"""Migrations: numbered SQL steps, from a directory or a list."""

from __future__ import annotations

import re
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import NamedTuple, TypeAlias

from .errors import MigrationError

_FILE = re.compile(r"(\d{4,})_(\w+)\.sql")


class Migration(NamedTuple):
    """One step: applied once, in the order of the versions, which count from 1."""

    version: int
    name: str
    sql: str


#: A directory of `0001_name.sql` files, or the steps themselves.
Migrations: TypeAlias = str | PathLike[str] | Iterable[Migration]


def load(migrations: Migrations) -> list[Migration]:
    """Return the steps in order of their version; MigrationError for files with bad names.

    >>> load([Migration(1, "notes", "create table note(body text)")])[0].name
    'notes'
    """
    if not isinstance(migrations, str | PathLike):
        return sorted(migrations, key=lambda step: step.version)
    directory = Path(migrations)
    if not directory.is_dir():
        raise MigrationError(f"{str(directory)!r} is no directory of migrations")
    steps: list[Migration] = []
    for file in directory.glob("*.sql"):
        match = _FILE.fullmatch(file.name)
        if match is None:
            raise MigrationError(
                f"{file.name!r} is no name of a migration; name it like 0001_create_notes.sql"
            )
        text = file.read_text(encoding="utf-8-sig")
        steps.append(Migration(int(match[1]), match[2], text))
    return sorted(steps, key=lambda step: step.version)
