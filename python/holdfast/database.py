"""Opening databases, and the typed face of what they do."""

from __future__ import annotations

from os import PathLike

from . import _core
from .errors import MigrationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Literal

    from ._retry import RetryPolicy
    from .migrations import Migrations
    from .reports import MigrationReport

DAY = 24 * 60 * 60.0


class Database(_core.Database):
    """A handle on one SQLite file, opened and verified; made by `holdfast.open`."""

    # So that a setting of another library, as `db.row_factory = dict`, is an error.
    __slots__ = ("_migrations",)

    _migrations: Migrations

    def migrate(
        self,
        migrations: Migrations | None = None,
        *,
        component: str = "app",
        dry_run: bool = False,
        adopt: int | None = None,
        backup: bool = True,
        timeout: float | None = None,
    ) -> MigrationReport:
        """Apply the steps that are pending, all or none, and report.

        Without `migrations`, those that the database was opened with. `dry_run` tries them on a
        copy. `adopt=N` records steps 1 to N as done on a file that has their tables already. A
        file with data is backed up first, unless `backup=False`. `timeout` is in seconds, for the
        waits, the backup and the steps together; without it, another process that migrates is
        waited for 5 minutes.

        >>> steps = [holdfast.Migration(1, "tag", "create table tag(name text)")]
        >>> with holdfast.open(folder / "app.db") as app:
        ...     app.migrate(steps).to_version
        1
        """
        steps = steps_of(self, migrations)
        return self._migrate(steps, component, dry_run, adopt, backup, timeout)


def open(
    path: str | PathLike[str],
    *,
    profile: Literal["balanced", "durable"] = "balanced",
    pool_size: int = 10,
    migrations: Migrations | None = None,
    pragmas: Mapping[str, str | int | bool] | None = None,
    data_dir: str | PathLike[str] | None = None,
    create: bool = True,
    read_only: bool = False,
    retry: RetryPolicy | None = None,
    vacuum_every: float | None = DAY,
    hold_warning: float | None = 1.0,
    extensions: Iterable[str | PathLike[str]] = (),
) -> Database:
    """Open a database file, or make it, and verify every setting on every connection.

    Args:
        path: The file; `":memory:"` is a private temporary file that is gone after `close`.
        profile: `"balanced"` survives any crash of the program; `"durable"` waits for the disk at
            every commit and survives a power cut too.
        pool_size: How many readers there are at most.
        migrations: A directory of `0001_name.sql` files, or a list; applied before this returns.
        pragmas: Settings that replace or add to the profile's.
        data_dir: The directory that the file must lie in, made if missing; a relative path is
            taken below it.
        create: Make the file if it is missing.
        read_only: Never write.
        retry: How often and how long a busy file is tried again.
        vacuum_every: Seconds between two rounds of the vacuum in the background; None for never.
        hold_warning: Seconds after which a hold of the writer lane is logged as a warning; None for
            never.
        extensions: SQLite extensions that every connection loads.

    Raises:
        PathError: The path may not be opened.
        PragmaError: Settings did not take effect; lists each.
        BusyError: Another process kept the file for too long.
        MigrationError: The file does not fit the migrations.
        CorruptionError: The file is damaged, or is no database.
        MovedError: A handle on it is open here that has lost its file; close that one first.

    >>> with holdfast.open(folder / "app.db") as app:
    ...     app.pragmas()["synchronous"]
    'normal'
    """
    settings = engine_settings(
        profile=profile,
        pool_size=pool_size,
        pragmas=pragmas,
        data_dir=data_dir,
        create=create,
        read_only=read_only,
        retry=retry,
        vacuum_every=vacuum_every,
        hold_warning=hold_warning,
        extensions=extensions,
    )
    database = Database(path, **settings)
    if migrations is not None:
        database._migrations = keep_steps(migrations)
        try:
            database.migrate()
        except BaseException:
            database.close()
            raise
    return database


def engine_settings(
    *,
    pragmas: Mapping[str, str | int | bool] | None,
    extensions: Iterable[str | PathLike[str]],
    **others: object,
) -> dict[str, Any]:
    """What the engine is opened with, read once from what the caller gave."""
    pragmas = None if pragmas is None else dict(pragmas)
    return {**others, "pragmas": pragmas, "extensions": list(extensions)}


def keep_steps(migrations: Migrations) -> Migrations:
    """The migrations for later calls of `migrate`, which an iterator would not survive."""
    return migrations if isinstance(migrations, str | PathLike) else tuple(migrations)


def steps_of(database: object, given: Migrations | None) -> Migrations:
    """The migrations that were given now, or when the database was opened."""
    steps = getattr(database, "_migrations", None) if given is None else given
    if steps is None:
        raise MigrationError(
            "no migrations were given: pass a directory or a list, here or to open()"
        )
    return steps
