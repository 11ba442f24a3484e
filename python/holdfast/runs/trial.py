"""A temporary copy of a database, for what is only tried."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ..database import Database, open


@contextmanager
def copy_of(db: Database) -> Generator[Database]:
    """Copy a database into the directory of temporary files for as long as the block lasts."""
    with TemporaryDirectory(prefix="holdfast-") as folder:
        copy = Path(folder, "copy.db")
        db.backup(copy)
        # A copy that is lost costs nothing: no commit waits for the disk.
        settings = {"auto_vacuum": str(db.pragmas()["auto_vacuum"]), "synchronous": "off"}
        with open(copy, pool_size=2, pragmas=settings, vacuum_every=None) as database:
            yield database
