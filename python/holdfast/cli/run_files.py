"""Opening the runs in a file. Only `backfill` makes their tables."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..database import Database
from ..errors import NotSupportedError
from .files import has_tables, open_to_read, open_to_write, readable

if TYPE_CHECKING:
    from ..runs import RunStore


@contextmanager
def runs_to_read(file: str) -> Generator[RunStore]:
    """Open the runs of a file to look at them. NotSupportedError where it has none."""
    from ..runs import RunStore

    with open_to_read(file) as database, readable(f"a run in {file!r}"):
        if not has_runs(database, file):
            raise NotSupportedError(_nothing(database, file))
        yield RunStore(database)


@contextmanager
def both_to_read(file: str) -> Generator[Database]:
    """Open a file that has runs, or the tables of the old schema, to look at it."""
    from ..runs.overview import has_old_tables

    with open_to_read(file) as database, readable(f"a run in {file!r}"):
        if not has_runs(database, file) and not has_old_tables(database):
            raise NotSupportedError(_nothing(database, file))
        yield database


@contextmanager
def both_to_write(file: str) -> Generator[Database]:
    """Open such a file to change it."""
    # What is wrong with it is told before it is opened to write.
    with both_to_read(file):
        pass
    with open_to_write(file) as database, readable(f"a run in {file!r}"):
        yield database


def has_runs(database: Database, file: str) -> bool:
    """Whether there are tables of runs; NotSupportedError for those of another version."""
    from ..runs.statements import COMPONENT, SCHEMA

    return has_tables(database, file, "runs", COMPONENT, SCHEMA)


def _nothing(database: Database, file: str) -> str:
    from ..runs.overview import has_old_tables

    if has_old_tables(database):
        copy = shlex.join(["holdfast", "runs", "backfill", file])
        return f"{file!r} has runs of the old schema alone: copy them with {copy}"
    return (
        f"{file!r} has no runs: no RunStore has opened it yet, and there is no table "
        "consensus_artifacts or consensus_synthesis to copy from"
    )
