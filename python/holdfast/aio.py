"""The asynchronous face: the same verbs, awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

from . import _core
from .database import DAY, engine_settings, keep_steps, steps_of

if TYPE_CHECKING:
    from types import TracebackType

    from .migrations import Migrations
    from .reports import MigrationReport, Upserted
    from ._retry import RetryPolicy

P = ParamSpec("P")
T = TypeVar("T")


class AsyncDatabase(_core.AsyncDatabase):
    """A handle on one SQLite file for the tasks of an event loop; made by `holdfast.open_async`."""

    __slots__ = ("_migrations", "_policy")

    _migrations: Migrations
    _policy: RetryPolicy | None

    async def execute_many(
        self, sql: str, rows: Iterable[Any], *, timeout: float | None = None
    ) -> int:
        """Run one statement for each row of parameters, in one transaction."""
        async with self.transaction(timeout=timeout) as tx:
            return await tx.execute_many(sql, rows, timeout=timeout)

    async def insert_many(
        self, table: str, rows: Iterable[Any], *, timeout: float | None = None
    ) -> int:
        """Insert rows in one transaction; gives their number."""
        async with self.transaction(timeout=timeout) as tx:
            return await tx.insert_many(table, rows, timeout=timeout)

    async def upsert_many(
        self,
        table: str,
        rows: Iterable[Any],
        *,
        key: str | Iterable[str],
        update: str | Iterable[str] | None = None,
        do_nothing: bool = False,
        timeout: float | None = None,
    ) -> Upserted:
        """Insert or update rows in one transaction; gives how many came to which end."""
        async with self.transaction(timeout=timeout) as tx:
            return await tx.upsert_many(
                table, rows, key=key, update=update, do_nothing=do_nothing, timeout=timeout
            )

    async def run(
        self,
        function: Callable[Concatenate[_core.AsyncTransaction, P], Awaitable[T]],
        *arguments: P.args,
        **keywords: P.kwargs,
    ) -> T:
        """Await a function in a transaction, all of it again on a retryable error."""
        from ._retry import retry_async

        async def attempt() -> T:
            async with self.transaction() as tx:
                return await function(tx, *arguments, **keywords)

        return await retry_async(attempt, self._policy, classify=_of_holdfast)

    async def migrate(
        self,
        migrations: Migrations | None = None,
        *,
        component: str = "app",
        dry_run: bool = False,
        adopt: int | None = None,
        backup: bool = True,
    ) -> MigrationReport:
        """Apply the steps that are pending, all or none, and report."""
        steps = steps_of(self, migrations)
        return await self._migrate(steps, component, dry_run, adopt, backup)

    async def __aenter__(self) -> AsyncDatabase:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


def _of_holdfast(error: Exception) -> Any:
    from .errors import Error
    from ._classify import RetryClass

    again = isinstance(error, Error) and error.retryable
    return RetryClass.RETRYABLE if again else RetryClass.PERMANENT


class Opening:
    """A database that is being opened: to be awaited, or entered with `async with`."""

    __slots__ = ("_database", "_migrations", "_path", "_settings")

    def __init__(
        self,
        path: str | PathLike[str],
        migrations: Migrations | None,
        settings: dict[str, Any],
    ) -> None:
        self._path = path
        self._migrations = None if migrations is None else keep_steps(migrations)
        self._settings = settings
        self._database: AsyncDatabase | None = None

    async def _open(self) -> AsyncDatabase:
        database = AsyncDatabase(await _core.open_later(self._path, self._settings))
        database._policy = self._settings["retry"]
        if self._migrations is not None:
            database._migrations = self._migrations
            try:
                await database.migrate()
            except BaseException:
                await database.close()
                raise
        return database

    def __await__(self) -> Generator[Any, Any, AsyncDatabase]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncDatabase:
        self._database = await self._open()
        return self._database

    async def __aexit__(self, *details: object) -> None:
        if self._database is not None:
            await self._database.close()


def open_async(
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
) -> Opening:
    """Open a database for an event loop; the arguments and errors are those of `holdfast.open`.

    >>> async def main():
    ...     async with holdfast.open_async(folder / "app.db") as app:
    ...         await app.execute("create table note(body text)")
    ...         await app.execute("insert into note values (?)", ["hello"])
    ...         return await app.fetch_value("select body from note")
    >>> asyncio.run(main())
    'hello'
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
    return Opening(path, migrations, settings)
