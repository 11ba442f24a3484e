"""Opening the jobs in a file. No command makes their tables or brings them up to date."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..database import Database
from ..errors import NotSupportedError
from .files import has_tables, open_to_read, open_to_write, readable

if TYPE_CHECKING:
    from ..jobs import JobManager, JobReader


@contextmanager
def jobs_to_read(file: str, data_dir: str | None = None) -> Generator[JobReader]:
    """Open the jobs of a file to look at them. NotSupportedError where it has none."""
    from ..jobs import JobReader

    with open_to_read(file) as database, readable(f"a job in {file!r}"):
        _check(database, file)
        yield JobReader(database, data_dir=data_dir)


@contextmanager
def jobs_to_write(file: str) -> Generator[JobManager]:
    """Open the jobs of a file to change them, without running any."""
    from ..jobs import JobManager

    with open_to_write(file) as database, readable(f"a job in {file!r}"):
        _check(database, file)
        with JobManager(database, workers=0) as jobs:
            yield jobs


def _check(database: Database, file: str) -> None:
    if not has_jobs(database, file):
        raise NotSupportedError(f"{file!r} has no jobs: no JobManager has opened it yet")


def has_jobs(database: Database, file: str) -> bool:
    """Whether there are tables of jobs; NotSupportedError for those of another version."""
    from ..jobs.store import COMPONENT, SCHEMA

    return has_tables(database, file, "jobs", COMPONENT, SCHEMA)
