"""Opening the index of a folder. What only looks makes no index, and brings none up to date."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ..database import Database, open
from ..errors import NotSupportedError, ProgrammingError
from .files import is_new, open_to_read, open_to_write, readable, versions

if TYPE_CHECKING:
    from ..artifacts import ArtifactIndex

#: Where the database of a folder is, below the folder.
DIRECTORY = ".holdfast"
FILE = f"{DIRECTORY}/artifacts.db"


@contextmanager
def index_to_read(
    root: str, db: str | None = None, *, synced: bool = False
) -> Generator[ArtifactIndex]:
    """Open an index to look at it, at its first use.

    Its use raises ProgrammingError where there is none, or where `synced` is asked for and no sync
    has come to its end.
    """
    from ..artifacts import ArtifactIndex

    def opened() -> Database:
        if is_missing(root, db):
            raise ProgrammingError(f"there is no index of {root!r} yet: {how_to_sync(root, db)}")
        with _kept(_open_to_read(root, db)) as database:
            _check(database, root, db, synced=synced)
        return database

    with readable("a row of the index"), ArtifactIndex(opened, root) as index:
        yield index


@contextmanager
def index_to_sync(
    root: str,
    db: str | None = None,
    *,
    dry_run: bool = False,
    patterns: Sequence[str] = (),
    hidden: bool = False,
    gitignore: bool = True,
) -> Generator[ArtifactIndex]:
    """Open an index to sync it, or to try that; it is made at its first use."""
    from ..artifacts import ArtifactIndex
    from ..walk import MARKDOWN

    def opened() -> Database:
        if dry_run:
            return _tried(root, db, stack.enter_context)
        if db is None:
            make_directory(Path(root, DIRECTORY))
        file, data_dir = _place(root, db)
        if is_missing(root, db):
            return open(file, data_dir=data_dir, vacuum_every=None)
        with _kept(open_to_write(file, data_dir=data_dir)) as database:
            _versions(database)
        return database

    with (
        ExitStack() as stack,
        readable("a row of the index"),
        ArtifactIndex(
            opened,
            root,
            patterns=patterns or MARKDOWN,
            hidden=hidden,
            gitignore=gitignore,
        ) as index,
    ):
        yield index


def is_missing(root: str, db: str | None) -> bool:
    """Whether there is nothing in the place of an index."""
    file, data_dir = _place(root, db)
    return is_new(str(Path(data_dir or ".", file)))


def how_to_sync(root: str, db: str | None) -> str:
    """What to do where an index is missing or stale."""
    words = ["holdfast", "artifacts", "sync"]
    if root != ".":
        # A folder whose name begins with a dash would be an option.
        words += [root] if not root.startswith("-") else [f"./{root}"]
    if db is not None:
        words += ["--db", db]
    return f"run {shlex.join(words)}"


def _place(root: str, db: str | None) -> tuple[str, str | None]:
    """The file, and the folder that it must not lead out of."""
    return (FILE, root) if db is None else (db, None)


def _open_to_read(root: str, db: str | None) -> Database:
    file, data_dir = _place(root, db)
    return open_to_read(file, data_dir=data_dir)


@contextmanager
def _kept(database: Database) -> Generator[Database]:
    """Close a database if it turns out to be the wrong one."""
    try:
        yield database
    except BaseException:
        database.close()
        raise


def _check(database: Database, root: str, db: str | None, *, synced: bool) -> None:
    from ..artifacts.log import last_sync

    found, known = _versions(database)
    if found < known:
        state = "is of an older version" if found else "has no index in it"
        raise ProgrammingError(f"{_place(root, db)[0]!r} {state}: {how_to_sync(root, db)}")
    if synced and last_sync(database) is None:
        raise ProgrammingError(
            f"no sync of {root!r} has come to its end yet: {how_to_sync(root, db)}"
        )


def _versions(database: Database) -> tuple[int, int]:
    """As `versions`, of the tables of an index; NotSupportedError for those of a newer holdfast."""
    from ..artifacts.store import COMPONENT, SCHEMA

    found, known = versions(database, COMPONENT, SCHEMA)
    if found > known:
        raise NotSupportedError(
            f"the index in {str(database.path)!r} is at version {found}, and this holdfast works "
            f"with {known}: use the holdfast that made it"
        )
    return found, known


def _tried(root: str, db: str | None, keep: Callable[[TemporaryDirectory[str]], str]) -> Database:
    """A database that a dry run compares with, and that has all the tables."""
    if is_missing(root, db):
        return open(":memory:", vacuum_every=None)
    with _kept(_open_to_read(root, db)) as database:
        found, known = _versions(database)
        if found == known:
            return database
        copy = Path(keep(TemporaryDirectory()), "copy.db")
        database.backup(copy)
    database.close()
    return open_to_write(str(copy))


def make_directory(directory: Path, otherwise: str = "--db") -> None:
    """Make the directory of an index, which is not kept with the files that it is made from."""
    try:
        directory.mkdir()
    except FileExistsError:
        return
    except OSError as error:
        raise OSError(
            f"{str(directory)!r} cannot be made: {error.strerror}; name another place for the "
            f"index with {otherwise}"
        ) from error
    (directory / ".gitignore").write_text("*\n")
