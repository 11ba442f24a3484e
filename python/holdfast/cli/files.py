"""Opening files as they are: a command converts nothing that it was not asked to."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..database import Database, open
from ..errors import DataError, NotSupportedError, PragmaError

#: The settings that a file keeps, and that opening it with other ones would change or refuse.
KEPT = ("journal_mode", "auto_vacuum")


def open_to_read(file: str, *, pool_size: int = 2, data_dir: str | None = None) -> Database:
    """Open a file without changing it, in whichever mode it is."""
    # Rollback mode is tried first: WAL is refused on a network before the file is looked at.
    settings = {"journal_mode": "delete"}
    while True:
        try:
            return _open(file, settings, read_only=True, pool_size=pool_size, data_dir=data_dir)
        except PragmaError as error:
            found = {each.name: each.found for each in error.mismatches if each.name in KEPT}
            if len(found) < len(error.mismatches) or settings.items() >= found.items():
                raise
            settings |= found


def open_to_write(file: str, *, pool_size: int = 2, data_dir: str | None = None) -> Database:
    """Open an existing file to write, and leave it in the mode in which it is."""
    with open_to_read(file, data_dir=data_dir) as database:
        pragmas = database.pragmas()
    kept = {name: str(pragmas[name]) for name in KEPT}
    return _open(file, kept, read_only=False, pool_size=pool_size, data_dir=data_dir)


def is_new(file: str) -> bool:
    """Whether there is nothing in the file yet that could be in another mode."""
    try:
        return Path(file).stat().st_size == 0
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        # Opening it says what is wrong.
        return False


def versions(database: Database, component: str, schema: Path) -> tuple[int, int]:
    """The version of a store's tables, 0 for none, and the one that this holdfast works with."""
    return database.schema_version(component), len(list(schema.glob("*.sql")))


def has_tables(database: Database, file: str, what: str, component: str, schema: Path) -> bool:
    """Whether there are the tables of a store; NotSupportedError for those of another version."""
    found, known = versions(database, component, schema)
    if found not in (0, known):
        # An app that runs with the older tables could not go on with newer ones.
        raise NotSupportedError(
            f"the tables of {what} in {file!r} are at version {found}, and this holdfast works "
            f"with {known}: use the holdfast that the app uses"
        )
    return found > 0


@contextmanager
def readable(what: str) -> Generator[None]:
    """Raise DataError for rows whose values are not what their store writes."""
    try:
        yield
    except UnicodeError:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{what} cannot be read: {error}") from error


def _open(
    file: str, pragmas: dict[str, str], *, read_only: bool, pool_size: int, data_dir: str | None
) -> Database:
    # The durable profile maps no memory: a file that is cut short raises, and does not kill.
    return open(
        file,
        profile="durable",
        pool_size=pool_size,
        pragmas=pragmas,
        data_dir=data_dir,
        create=False,
        read_only=read_only,
        vacuum_every=None,
    )
