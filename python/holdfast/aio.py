"""The asynchronous face: the same verbs, awaited.

The examples run in `python -m asyncio`, where `await` needs no function around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Self, TypeVar, overload

from . import _core, errors
from .database import DAY, engine_settings, keep_steps, steps_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
    from os import PathLike
    from types import TracebackType

    from ._retry import RetryClass, RetryPolicy
    from .migrations import Migrations
    from .reports import MigrationReport, Upserted

P = ParamSpec("P")
T = TypeVar("T")


class AsyncDatabase(_core.AsyncDatabase):
    """A handle on one SQLite file for the tasks of event loops; made by `holdfast.open_async`.

    It may be used by every task, by every loop of the process, and by one loop after the other.
    """

    __slots__ = ("_migrations", "_policy")

    _migrations: Migrations
    _policy: RetryPolicy | None

    async def execute_many(
        self,
        sql: str,
        rows: Iterable[Sequence[Any] | Mapping[str, Any]],
        *,
        timeout: float | None = None,
    ) -> int:
        """Run one statement for each row of parameters in one transaction; return the rows changed.

        `rows` is any iterable; a generator is consumed in constant memory, some rows in each turn
        of the loop.

        >>> await db.execute_many("insert into note(body) values (?)", [["a"], ["b"]])
        2
        """
        left = _Left(timeout)
        async with self.transaction(timeout=timeout) as tx:
            return await tx.execute_many(sql, rows, timeout=left())

    async def insert_many(
        self, table: str, rows: Iterable[Any], *, timeout: float | None = None
    ) -> int:
        """Insert rows in one transaction and return their number.

        >>> await db.insert_many("note", [{"body": "a"}, {"body": "b"}])
        2
        """
        left = _Left(timeout)
        async with self.transaction(timeout=timeout) as tx:
            return await tx.insert_many(table, rows, timeout=left())

    async def upsert_many(
        self,
        table: str,
        rows: Iterable[Any],
        *,
        key: str | Sequence[str],
        update: str | Sequence[str] | None = None,
        do_nothing: bool = False,
        timeout: float | None = None,
    ) -> Upserted:
        """Upsert rows in one transaction and count what became of them.

        >>> await db.upsert_many("note", [{"id": 1, "body": "x"}, {"id": 9, "body": "y"}], key="id")
        Upserted(inserted=1, updated=1, skipped=0)
        """
        left = _Left(timeout)
        async with self.transaction(timeout=timeout) as tx:
            return await tx.upsert_many(
                table, rows, key=key, update=update, do_nothing=do_nothing, timeout=left()
            )

    @overload
    async def run(
        self,
        function: Callable[Concatenate[_core.AsyncTransaction, P], Awaitable[T]],
        *arguments: P.args,
        **keywords: P.kwargs,
    ) -> T: ...
    @overload
    async def run(
        self,
        function: Callable[..., Awaitable[T]],
        *arguments: Any,
        timeout: float | None,
        **keywords: Any,
    ) -> T: ...
    async def run(
        self,
        function: Callable[..., Awaitable[Any]],
        *arguments: Any,
        timeout: float | None = None,
        **keywords: Any,
    ) -> Any:
        """Await `function(tx, ...)` in a transaction; on a retryable error, all of it again.

        So the function may run more than once. How often and how long is the `retry` policy that
        the database was opened with. `timeout` is in seconds, for everything but the commit; the
        function is cancelled when it is over.

        >>> async def add(tx, body):
        ...     return await tx.insert("note", {"body": body})
        >>> await db.run(add, "hello")
        2
        """
        from asyncio import timeout as limit
        from dataclasses import replace
        from inspect import isawaitable

        from ._retry import RetryPolicy, retry_async

        policy = self._policy or RetryPolicy()
        left = _Left(timeout)
        if timeout is not None:
            policy = replace(policy, deadline=min(policy.deadline, timeout))

        async def attempt() -> Any:
            async with self.transaction(timeout=left()) as tx:
                limited = limit(left())
                try:
                    async with limited:
                        work = function(tx, *arguments, **keywords)
                        if not isawaitable(work):
                            raise TypeError("run takes a coroutine function: write async def")
                        return await work
                except TimeoutError as error:
                    if not limited.expired():
                        raise
                    text = f"the function was cancelled after {timeout} s, its timeout"
                    raise errors.TimeoutError(f"{text}; nothing of it was kept") from error

        return await retry_async(attempt, policy, classify=_of_holdfast)

    async def migrate(
        self,
        migrations: Migrations | None = None,
        *,
        component: str = "app",
        dry_run: bool = False,
        adopt: int | None = None,
        backup: bool = True,
        timeout: float | None = None,
    ) -> MigrationReport:
        """Apply the steps that are pending, all or none, and report; see `Database.migrate`.

        >>> steps = [holdfast.Migration(1, "tag", "create table tag(name text)")]
        >>> async with holdfast.open_async(folder / "app.db") as app:
        ...     (await app.migrate(steps)).to_version
        1
        """
        steps = steps_of(self, migrations)
        return await self._migrate(steps, component, dry_run, adopt, backup, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A coroutine that is closed cannot wait; the handle is closed when it is let go of.
        if kind is not GeneratorExit:
            await self.close()


class _Left:
    """What is left of a timeout, in seconds."""

    __slots__ = ("_end",)

    def __init__(self, timeout: float | None) -> None:
        from time import monotonic

        self._end = None if timeout is None else monotonic() + timeout

    def __call__(self) -> float | None:
        from time import monotonic

        return None if self._end is None else max(0.0, self._end - monotonic())


def _of_holdfast(error: Exception) -> RetryClass:
    from ._retry import RetryClass

    again = isinstance(error, errors.Error) and error.retryable
    return RetryClass.RETRYABLE if again else RetryClass.PERMANENT


class Opening:
    """A database that is being opened: to be awaited, or entered with `async with`."""

    __slots__ = ("_database", "_entered", "_migrations", "_path", "_settings")

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
        self._entered = False

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(
                f"there is no {name} before the database is open: "
                "use db = await holdfast.open_async(...), or async with"
            )

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
        if self._entered:
            raise errors.ProgrammingError("it is entered already; call open_async again")
        self._entered = True
        try:
            self._database = database = await self._open()
        finally:
            self._entered = self._database is not None
        return database

    async def __aexit__(self, *details: Any) -> None:
        database, self._database, self._entered = self._database, None, False
        if database is not None:
            await database.__aexit__(*details)


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
    """Open a database for event loops; the arguments and errors are those of `holdfast.open`.

    >>> async with holdfast.open_async(folder / "app.db") as app:
    ...     await app.execute("create table note(body text)")
    ...     await app.execute("insert into note values (?)", ["hello"])
    ...     await app.fetch_value("select body from note")
    0
    1
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
