"""The engine: what the extension module gives, with the documentation of every verb.

In the examples `db` is a database with a table `note(id integer primary key, body text)` of one
row, `tx` a transaction of it, `snap` a snapshot, and `folder` an empty directory. Those of the
asynchronous verbs run in `python -m asyncio`, where `await` needs no function around it.
"""

from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, Generic, Literal, ParamSpec, Self, TypeVar, final, overload

from typing_extensions import disjoint_base

from .migrations import Migrations
from .reports import (
    BackupReport,
    CheckpointReport,
    CheckReport,
    MigrationReport,
    RestoreReport,
    Stats,
    Upserted,
    VacuumStats,
)

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_P = ParamSpec("_P")

#: A sequence for `?`, a mapping for `:name`. Values: None, int of 64 bits, float, str, bytes-like,
#: bool, datetime, date, time, UUID, Decimal, Enum.
_Parameters = Sequence[Any] | Mapping[str, Any]
#: A mapping, dataclass, NamedTuple, pydantic model or msgspec struct.
_Row = Any

__version__: str

@disjoint_base
class Database:
    """A handle on one SQLite file, opened and verified; see `holdfast.open`.

    All handles of a process on the same file share one engine: a pool of readers and one writer
    lane. Every verb may be called from any thread.
    """

    def __new__(cls, path: str | PathLike[str], **settings: Any) -> Self: ...
    @property
    def path(self) -> Path:
        """The file, absolute."""
    @property
    def closed(self) -> bool:
        """Whether this handle is closed."""
    def pragmas(self, *, timeout: float | None = None) -> dict[str, str | int]:
        """Return the pragmas as they were read back when the connection was opened.

        >>> db.pragmas()["journal_mode"]
        'wal'
        """

    def execute(
        self, sql: str, parameters: _Parameters | None = None, *, timeout: float | None = None
    ) -> int:
        """Run one statement in a transaction of its own and return the number of rows it changed.

        `parameters` is a sequence for `?` or a mapping for `:name`. `timeout` is in seconds, for
        the wait and the run together.

        >>> db.execute("create table tag(name text)")
        0
        >>> db.execute("insert into note(body) values (?)", ["hello"])
        1
        """
    def execute_many(
        self, sql: str, rows: Iterable[_Parameters], *, timeout: float | None = None
    ) -> int:
        """Run one statement for each row of parameters in one transaction; return the rows changed.

        `rows` is any iterable; a generator is consumed in constant memory.

        >>> db.execute_many("insert into note(body) values (:body)", [{"body": "a"}, {"body": "b"}])
        2
        """
    def execute_script(self, sql: str, *, timeout: float | None = None) -> None:
        """Run several statements in one transaction; rows that they give are ignored.

        >>> db.execute_script("create table a(x); create table b(y)")
        """
    def insert(self, table: str, row: _Row, *, timeout: float | None = None) -> int | None:
        """Insert a row, given as mapping, dataclass or the like, and return its row id.

        None for a table without row ids. An unknown table or column is a ProgrammingError that
        lists the known ones.

        >>> db.insert("note", {"body": "hello"}) is not None
        True
        """
    def insert_many(self, table: str, rows: Iterable[_Row], *, timeout: float | None = None) -> int:
        """Insert rows in one transaction and return their number.

        >>> db.insert_many("note", [{"body": "a"}, {"body": "b"}])
        2
        """
    def upsert(
        self,
        table: str,
        row: _Row,
        *,
        key: str | Sequence[str],
        update: str | Sequence[str] | None = None,
        do_nothing: bool = False,
        timeout: float | None = None,
    ) -> int | None:
        """Insert a row, or update the one with the same key; return its row id either way.

        `key` names the columns of a unique constraint. `update` picks the columns to update (all
        others by default); with `do_nothing` an existing row stays as it is.

        >>> db.upsert("note", {"id": 1, "body": "new"}, key="id")
        1
        """
    def upsert_many(
        self,
        table: str,
        rows: Iterable[_Row],
        *,
        key: str | Sequence[str],
        update: str | Sequence[str] | None = None,
        do_nothing: bool = False,
        timeout: float | None = None,
    ) -> Upserted:
        """Upsert rows in one transaction and count what became of them.

        >>> db.upsert_many("note", [{"id": 1, "body": "x"}, {"id": 99, "body": "y"}], key="id")
        Upserted(inserted=1, updated=1, skipped=0)
        """

    @overload
    def fetch_all(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: None = None,
        timeout: float | None = None,
    ) -> list[tuple[Any, ...]]: ...
    @overload
    def fetch_all(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[dict[Any, Any]],
        timeout: float | None = None,
    ) -> list[dict[str, Any]]: ...
    @overload
    def fetch_all(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[_T],
        timeout: float | None = None,
    ) -> list[_T]:
        """Return all rows, as tuples or as what `into` names.

        `into` is `dict`, a dataclass, NamedTuple, TypedDict, pydantic model or msgspec struct; a
        column that does not fit is a DataError that names it. A write with RETURNING goes through
        the writer lane.

        >>> db.fetch_all("select 1 as id, 'a' as body", into=dict)
        [{'id': 1, 'body': 'a'}]
        """
    @overload
    def fetch_one(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: None = None,
        timeout: float | None = None,
    ) -> tuple[Any, ...] | None: ...
    @overload
    def fetch_one(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[dict[Any, Any]],
        timeout: float | None = None,
    ) -> dict[str, Any] | None: ...
    @overload
    def fetch_one(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[_T],
        timeout: float | None = None,
    ) -> _T | None:
        """Return the first row, or None.

        >>> db.fetch_one("select ? + 1", [41])
        (42,)
        """
    def fetch_value(
        self, sql: str, parameters: _Parameters | None = None, *, timeout: float | None = None
    ) -> Any:
        """Return the first column of the first row, or None.

        >>> db.fetch_value("select 6 * 7")
        42
        """
    @overload
    def iterate(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: None = None,
        timeout: float | None = None,
    ) -> Rows[tuple[Any, ...]]: ...
    @overload
    def iterate(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[dict[Any, Any]],
        timeout: float | None = None,
    ) -> Rows[dict[str, Any]]: ...
    @overload
    def iterate(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[_T],
        timeout: float | None = None,
    ) -> Rows[_T]:
        """Return rows one by one: one snapshot, constant memory.

        A reader is held until the iterator is exhausted or closed.

        >>> [n for (n,) in db.iterate("values (1), (2), (3)")]
        [1, 2, 3]
        """

    def transaction(
        self,
        mode: Literal["immediate", "deferred", "exclusive"] = "immediate",
        *,
        timeout: float | None = None,
    ) -> Transaction:
        """Begin a transaction in a with block: commit at its end, roll back on any exception.

        Raises BusyError, which names the holder, when the writer lane or SQLite's lock is not to
        be had within `timeout` seconds.

        >>> with db.transaction() as tx:
        ...     tx.execute("delete from note where id = ?", [7])
        0
        """
    def snapshot(self, *, timeout: float | None = None) -> Snapshot:
        """Fix one moment in time for the reads of a with block.

        >>> with db.snapshot() as snap:
        ...     snap.fetch_value("select 1")
        1
        """
    @overload
    def run(
        self,
        function: Callable[Concatenate[Transaction, _P], _T],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T: ...
    @overload
    def run(
        self,
        function: Callable[..., _T],
        *args: Any,
        timeout: float | None,
        **kwargs: Any,
    ) -> _T:
        """Run `function(tx, ...)` in a transaction; on a retryable error, all of it again.

        So the function may run more than once. How often and how long is the `retry` policy that
        the database was opened with. `timeout` is in seconds, for everything: waits, attempts and
        the statements of the function, which end when it does; it is not passed on.

        >>> db.run(lambda tx, n: tx.fetch_value("select ? + 1", [n]), 41)
        42
        """
    def _migrate(
        self,
        migrations: Migrations,
        component: str,
        dry_run: bool,
        adopt: int | None,
        backup: bool,
        timeout: float | None,
    ) -> MigrationReport: ...
    def schema_version(self, component: str = "app", *, timeout: float | None = None) -> int:
        """Return the number of the last migration that was applied; 0 for none.

        >>> db.schema_version()
        0
        """
    def checkpoint(
        self,
        mode: Literal["passive", "full", "restart", "truncate"] = "passive",
        *,
        timeout: float | None = None,
    ) -> CheckpointReport:
        """Move pages from the write-ahead log into the file; the engine does so by itself, too.

        `"passive"` waits for nobody. `"full"` moves all pages, `"restart"` has the next commit
        begin the log anew, `"truncate"` cuts it to nothing: these wait for readers and for other
        processes up to `timeout` seconds, the `busy_timeout` (5 s) by default. What was in the way
        then is in the report. Raises BusyError when the writer lane is not to be had.

        >>> db.checkpoint("truncate").complete
        True
        """
    def vacuum(
        self, pages: int = 20, *, full: bool = False, timeout: float | None = None
    ) -> VacuumStats:
        """Give up to `pages` free pages (0: all) back to the file system.

        The file itself becomes smaller with the next checkpoint, a moment later. `full=True`
        rewrites the whole file instead, and converts an old one to `auto_vacuum` INCREMENTAL;
        nobody else writes meanwhile.

        >>> db.vacuum().reclaimed
        0
        """
    def backup(
        self,
        path: str | PathLike[str],
        *,
        overwrite: bool = False,
        progress: Callable[[int, int], object] | None = None,
        timeout: float | None = None,
    ) -> BackupReport:
        """Copy the database to `path` while others write; verified before it takes its name.

        `progress` is called with pages done and pages in all. Never over an existing file unless
        `overwrite`.

        >>> db.backup(folder / "copy.db").pages > 0
        True
        """
    def check(self, *, quick: bool = False, timeout: float | None = None) -> CheckReport:
        """Run integrity_check (or quick_check) and foreign_key_check.

        >>> db.check().ok
        True
        """
    def stats(self) -> Stats:
        """Return how the database is doing: sizes in bytes, times in seconds, counts.

        >>> db.stats()["lane"]["holder"] is None
        True
        """
    def close(self) -> None:
        """Close this handle; the last one of the process closes the file.

        New work is refused, running work is waited for (5 s), then interrupted.
        """
    def __enter__(self) -> Self: ...
    def __exit__(self, *details: object) -> None: ...

@disjoint_base
class Session:
    """The verbs that read, of transactions and snapshots alike."""

    @overload
    def fetch_all(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: None = None,
        timeout: float | None = None,
    ) -> list[tuple[Any, ...]]: ...
    @overload
    def fetch_all(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[dict[Any, Any]],
        timeout: float | None = None,
    ) -> list[dict[str, Any]]: ...
    @overload
    def fetch_all(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[_T],
        timeout: float | None = None,
    ) -> list[_T]:
        """Return all rows, as tuples or as what `into` names.

        `into` is `dict`, a dataclass, NamedTuple, TypedDict, pydantic model or msgspec struct; a
        column that does not fit is a DataError that names it.

        >>> snap.fetch_all("select 1 as id, 'a' as body", into=dict)
        [{'id': 1, 'body': 'a'}]
        """
    @overload
    def fetch_one(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: None = None,
        timeout: float | None = None,
    ) -> tuple[Any, ...] | None: ...
    @overload
    def fetch_one(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[dict[Any, Any]],
        timeout: float | None = None,
    ) -> dict[str, Any] | None: ...
    @overload
    def fetch_one(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[_T],
        timeout: float | None = None,
    ) -> _T | None:
        """Return the first row, or None.

        >>> snap.fetch_one("select ? + 1", [41])
        (42,)
        """
    def fetch_value(
        self, sql: str, parameters: _Parameters | None = None, *, timeout: float | None = None
    ) -> Any:
        """Return the first column of the first row, or None.

        >>> snap.fetch_value("select 6 * 7")
        42
        """
    @overload
    def iterate(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: None = None,
        timeout: float | None = None,
    ) -> Rows[tuple[Any, ...]]: ...
    @overload
    def iterate(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[dict[Any, Any]],
        timeout: float | None = None,
    ) -> Rows[dict[str, Any]]: ...
    @overload
    def iterate(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[_T],
        timeout: float | None = None,
    ) -> Rows[_T]:
        """Return rows one by one: one snapshot, constant memory.

        It ends with the transaction or snapshot at the latest.

        >>> [n for (n,) in snap.iterate("values (1), (2), (3)")]
        [1, 2, 3]
        """

@final
class Transaction(Session):
    """A transaction, or one nested in it; used by the thread that began it."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        raised: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Literal[False]: ...
    def transaction(self) -> Transaction:
        """Begin a nested transaction (a savepoint) in a with block.

        >>> with tx.transaction() as inner:
        ...     inner.execute("delete from note where id = ?", [7])
        0
        """

    def execute(
        self, sql: str, parameters: _Parameters | None = None, *, timeout: float | None = None
    ) -> int:
        """Run one statement and return the number of rows it changed.

        `parameters` is a sequence for `?` or a mapping for `:name`. `timeout` is in seconds, for
        the wait and the run together.

        >>> tx.execute("insert into note(body) values (?)", ["hello"])
        1
        """
    def execute_many(
        self, sql: str, rows: Iterable[_Parameters], *, timeout: float | None = None
    ) -> int:
        """Run one statement for each row of parameters; return the rows changed.

        `rows` is any iterable; a generator is consumed in constant memory.

        >>> tx.execute_many("insert into note(body) values (:body)", [{"body": "a"}, {"body": "b"}])
        2
        """
    def execute_script(self, sql: str, *, timeout: float | None = None) -> None:
        """Run several statements; rows that they give are ignored.

        >>> tx.execute_script("create table a(x); create table b(y)")
        """
    def insert(self, table: str, row: _Row, *, timeout: float | None = None) -> int | None:
        """Insert a row, given as mapping, dataclass or the like, and return its row id.

        None for a table without row ids. An unknown table or column is a ProgrammingError that
        lists the known ones.

        >>> tx.insert("note", {"body": "hello"}) is not None
        True
        """
    def insert_many(self, table: str, rows: Iterable[_Row], *, timeout: float | None = None) -> int:
        """Insert rows and return their number.

        >>> tx.insert_many("note", [{"body": "a"}, {"body": "b"}])
        2
        """
    def upsert(
        self,
        table: str,
        row: _Row,
        *,
        key: str | Sequence[str],
        update: str | Sequence[str] | None = None,
        do_nothing: bool = False,
        timeout: float | None = None,
    ) -> int | None:
        """Insert a row, or update the one with the same key; return its row id either way.

        `key` names the columns of a unique constraint. `update` picks the columns to update (all
        others by default); with `do_nothing` an existing row stays as it is.

        >>> tx.upsert("note", {"id": 1, "body": "new"}, key="id")
        1
        """
    def upsert_many(
        self,
        table: str,
        rows: Iterable[_Row],
        *,
        key: str | Sequence[str],
        update: str | Sequence[str] | None = None,
        do_nothing: bool = False,
        timeout: float | None = None,
    ) -> Upserted:
        """Upsert rows and count what became of them.

        >>> tx.upsert_many("note", [{"id": 1, "body": "x"}, {"id": 99, "body": "y"}], key="id")
        Upserted(inserted=1, updated=1, skipped=0)
        """

@final
class Snapshot(Session):
    """Several reads at one moment in time; used by the thread that began it."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *details: object) -> Literal[False]: ...

@final
class Rows(Iterator[_T], Generic[_T]):
    """An iterator over rows; `close` gives its connection back early."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> _T: ...
    def close(self) -> None:
        """End it early and give its connection back."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *details: object) -> None: ...

@final
class Operation(Coroutine[Any, Any, _T_co]):
    """What an asynchronous verb gives: a coroutine that does its work when it is awaited.

    It is awaited once, by `await`, `asyncio.gather`, `TaskGroup.create_task` and the like; one that
    never is does nothing. Cancelled, it ends its work.
    """

    __name__: str
    __qualname__: str
    def __await__(self) -> Generator[Any, Any, _T_co]: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any, /) -> Any: ...
    @overload
    def throw(
        self,
        kind: type[BaseException],
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
        /,
    ) -> Any: ...
    @overload
    def throw(
        self, kind: BaseException, value: None = None, traceback: TracebackType | None = None, /
    ) -> Any: ...
    def close(self) -> None:
        """End it, as cancelling does."""

@final
class Opened:
    """A database that was opened on a worker, to be taken by an `AsyncDatabase`."""

def open_later(
    path: str | PathLike[str], settings: dict[str, Any]
) -> Coroutine[Any, Any, Opened]: ...

@disjoint_base
class AsyncDatabase:
    """A handle on one SQLite file for the tasks of event loops; see `holdfast.open_async`."""

    def __new__(cls, opened: Opened) -> Self: ...
    @property
    def path(self) -> Path:
        """The file, absolute."""
    @property
    def closed(self) -> bool:
        """Whether this handle is closed."""
    def pragmas(self, *, timeout: float | None = None) -> Coroutine[Any, Any, dict[str, str | int]]:
        """Return the pragmas as they were read back when the connection was opened.

        >>> (await db.pragmas())["journal_mode"]
        'wal'
        """
    def execute(
        self, sql: str, parameters: _Parameters | None = None, *, timeout: float | None = None
    ) -> Coroutine[Any, Any, int]:
        """Run one statement in a transaction of its own and return the number of rows it changed.

        `parameters` is a sequence for `?` or a mapping for `:name`. `timeout` is in seconds, for
        the wait and the run together.

        >>> await db.execute("create table tag(name text)")
        0
        >>> await db.execute("insert into note(body) values (?)", ["hello"])
        1
        """
    def execute_script(
        self, sql: str, *, timeout: float | None = None
    ) -> Coroutine[Any, Any, None]:
        """Run several statements in one transaction; rows that they give are ignored.

        >>> await db.execute_script("create table a(x); create table b(y)")
        """
    def insert(
        self, table: str, row: _Row, *, timeout: float | None = None
    ) -> Coroutine[Any, Any, int | None]:
        """Insert a row, given as mapping, dataclass or the like, and return its row id.

        None for a table without row ids. An unknown table or column is a ProgrammingError that
        lists the known ones.

        >>> await db.insert("note", {"body": "hello"}) is not None
        True
        """
    def upsert(
        self,
        table: str,
        row: _Row,
        *,
        key: str | Sequence[str],
        update: str | Sequence[str] | None = None,
        do_nothing: bool = False,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, int | None]:
        """Insert a row, or update the one with the same key; return its row id either way.

        `key` names the columns of a unique constraint. `update` picks the columns to update (all
        others by default); with `do_nothing` an existing row stays as it is.

        >>> await db.upsert("note", {"id": 1, "body": "new"}, key="id")
        1
        """
    @overload
    def fetch_all(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: None = None,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, list[tuple[Any, ...]]]: ...
    @overload
    def fetch_all(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[dict[Any, Any]],
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, list[dict[str, Any]]]: ...
    @overload
    def fetch_all(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[_T],
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, list[_T]]:
        """Return all rows, as tuples or as what `into` names.

        `into` is `dict`, a dataclass, NamedTuple, TypedDict, pydantic model or msgspec struct; a
        column that does not fit is a DataError that names it. A write with RETURNING goes through
        the writer lane.

        >>> await db.fetch_all("select 1 as id, 'a' as body", into=dict)
        [{'id': 1, 'body': 'a'}]
        """
    @overload
    def fetch_one(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: None = None,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, tuple[Any, ...] | None]: ...
    @overload
    def fetch_one(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[dict[Any, Any]],
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, dict[str, Any] | None]: ...
    @overload
    def fetch_one(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[_T],
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, _T | None]:
        """Return the first row, or None.

        >>> await db.fetch_one("select ? + 1", [41])
        (42,)
        """
    def fetch_value(
        self, sql: str, parameters: _Parameters | None = None, *, timeout: float | None = None
    ) -> Coroutine[Any, Any, Any]:
        """Return the first column of the first row, or None.

        >>> await db.fetch_value("select 6 * 7")
        42
        """
    @overload
    def iterate(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: None = None,
        timeout: float | None = None,
    ) -> AsyncRows[tuple[Any, ...]]: ...
    @overload
    def iterate(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[dict[Any, Any]],
        timeout: float | None = None,
    ) -> AsyncRows[dict[str, Any]]: ...
    @overload
    def iterate(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[_T],
        timeout: float | None = None,
    ) -> AsyncRows[_T]:
        """Return rows one by one: one snapshot, constant memory.

        A reader is held from the first row until the iterator is exhausted or closed.

        >>> [n async for (n,) in db.iterate("values (1), (2), (3)")]
        [1, 2, 3]
        """
    def transaction(
        self,
        mode: Literal["immediate", "deferred", "exclusive"] = "immediate",
        *,
        timeout: float | None = None,
    ) -> AsyncTransaction:
        """Begin a transaction in an async with block: commit at its end, roll back on an exception.

        Raises BusyError, which names the holder, when the writer lane or SQLite's lock is not to
        be had within `timeout` seconds.

        >>> async with db.transaction() as tx:
        ...     await tx.execute("delete from note where id = ?", [7])
        0
        """
    def snapshot(self, *, timeout: float | None = None) -> AsyncSnapshot:
        """Fix one moment in time for the reads of an async with block.

        >>> async with db.snapshot() as snap:
        ...     await snap.fetch_value("select 1")
        1
        """
    def _migrate(
        self,
        migrations: Migrations,
        component: str,
        dry_run: bool,
        adopt: int | None,
        backup: bool,
        timeout: float | None,
    ) -> Coroutine[Any, Any, MigrationReport]: ...
    def schema_version(
        self, component: str = "app", *, timeout: float | None = None
    ) -> Coroutine[Any, Any, int]:
        """Return the number of the last migration that was applied; 0 for none.

        >>> await db.schema_version()
        0
        """
    def checkpoint(
        self,
        mode: Literal["passive", "full", "restart", "truncate"] = "passive",
        *,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, CheckpointReport]:
        """Move pages from the write-ahead log into the file; the engine does so by itself, too.

        `"passive"` waits for nobody. `"full"` moves all pages, `"restart"` has the next commit
        begin the log anew, `"truncate"` cuts it to nothing: these wait for readers and for other
        processes up to `timeout` seconds, the `busy_timeout` (5 s) by default. What was in the way
        then is in the report. Raises BusyError when the writer lane is not to be had.

        >>> (await db.checkpoint("truncate")).complete
        True
        """
    def vacuum(
        self, pages: int = 20, *, full: bool = False, timeout: float | None = None
    ) -> Coroutine[Any, Any, VacuumStats]:
        """Give up to `pages` free pages (0: all) back to the file system.

        The file itself becomes smaller with the next checkpoint, a moment later. `full=True`
        rewrites the whole file instead, and converts an old one to `auto_vacuum` INCREMENTAL;
        nobody else writes meanwhile.

        >>> (await db.vacuum()).reclaimed
        0
        """
    def backup(
        self,
        path: str | PathLike[str],
        *,
        overwrite: bool = False,
        progress: Callable[[int, int], object] | None = None,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, BackupReport]:
        """Copy the database to `path` while others write; verified before it takes its name.

        `progress` is called by the event loop with pages done and pages in all, the latest when
        there are several. Never over an existing file unless `overwrite`.

        >>> (await db.backup(folder / "copy.db")).pages > 0
        True
        """
    def check(
        self, *, quick: bool = False, timeout: float | None = None
    ) -> Coroutine[Any, Any, CheckReport]:
        """Run integrity_check (or quick_check) and foreign_key_check.

        >>> (await db.check()).ok
        True
        """
    def stats(self) -> Coroutine[Any, Any, Stats]:
        """Return how the database is doing: sizes in bytes, times in seconds, counts.

        >>> (await db.stats())["lane"]["holder"] is None
        True
        """
    def close(self) -> Coroutine[Any, Any, None]:
        """Close this handle; the last one of the process closes the file.

        New work is refused, running work is waited for (5 s), then interrupted.
        """

@disjoint_base
class AsyncSession:
    """The verbs that read, of transactions and snapshots of tasks alike."""

    @overload
    def fetch_all(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: None = None,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, list[tuple[Any, ...]]]: ...
    @overload
    def fetch_all(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[dict[Any, Any]],
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, list[dict[str, Any]]]: ...
    @overload
    def fetch_all(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[_T],
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, list[_T]]:
        """Return all rows, as tuples or as what `into` names.

        `into` is `dict`, a dataclass, NamedTuple, TypedDict, pydantic model or msgspec struct; a
        column that does not fit is a DataError that names it.

        >>> await snap.fetch_all("select 1 as id, 'a' as body", into=dict)
        [{'id': 1, 'body': 'a'}]
        """
    @overload
    def fetch_one(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: None = None,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, tuple[Any, ...] | None]: ...
    @overload
    def fetch_one(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[dict[Any, Any]],
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, dict[str, Any] | None]: ...
    @overload
    def fetch_one(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[_T],
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, _T | None]:
        """Return the first row, or None.

        >>> await snap.fetch_one("select ? + 1", [41])
        (42,)
        """
    def fetch_value(
        self, sql: str, parameters: _Parameters | None = None, *, timeout: float | None = None
    ) -> Coroutine[Any, Any, Any]:
        """Return the first column of the first row, or None.

        >>> await snap.fetch_value("select 6 * 7")
        42
        """
    @overload
    def iterate(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: None = None,
        timeout: float | None = None,
    ) -> AsyncRows[tuple[Any, ...]]: ...
    @overload
    def iterate(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[dict[Any, Any]],
        timeout: float | None = None,
    ) -> AsyncRows[dict[str, Any]]: ...
    @overload
    def iterate(
        self,
        sql: str,
        parameters: _Parameters | None = None,
        *,
        into: type[_T],
        timeout: float | None = None,
    ) -> AsyncRows[_T]:
        """Return rows one by one: one snapshot, constant memory.

        It ends with the transaction or snapshot at the latest.

        >>> [n async for (n,) in snap.iterate("values (1), (2), (3)")]
        [1, 2, 3]
        """

@final
class AsyncTransaction(AsyncSession):
    """A transaction of a task, or one nested in it.

    Cancelling an operation in it, or the block, rolls it back.
    """

    def __aenter__(self) -> Coroutine[Any, Any, Self]: ...
    def __aexit__(
        self,
        raised: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> Coroutine[Any, Any, None]: ...
    def transaction(self) -> AsyncTransaction:
        """Begin a nested transaction (a savepoint) in an async with block.

        >>> async with tx.transaction() as inner:
        ...     await inner.execute("delete from note where id = ?", [7])
        0
        """
    def execute(
        self, sql: str, parameters: _Parameters | None = None, *, timeout: float | None = None
    ) -> Coroutine[Any, Any, int]:
        """Run one statement and return the number of rows it changed.

        `parameters` is a sequence for `?` or a mapping for `:name`. `timeout` is in seconds, for
        the wait and the run together.

        >>> await tx.execute("insert into note(body) values (?)", ["hello"])
        1
        """
    def execute_many(
        self, sql: str, rows: Iterable[_Parameters], *, timeout: float | None = None
    ) -> Coroutine[Any, Any, int]:
        """Run one statement for each row of parameters; return the rows changed.

        `rows` is any iterable; a generator is consumed in constant memory, some rows in each turn
        of the loop.

        >>> await tx.execute_many("insert into note(body) values (?)", [["a"], ["b"]])
        2
        """
    def execute_script(
        self, sql: str, *, timeout: float | None = None
    ) -> Coroutine[Any, Any, None]:
        """Run several statements; rows that they give are ignored.

        >>> await tx.execute_script("create table a(x); create table b(y)")
        """
    def insert(
        self, table: str, row: _Row, *, timeout: float | None = None
    ) -> Coroutine[Any, Any, int | None]:
        """Insert a row, given as mapping, dataclass or the like, and return its row id.

        None for a table without row ids. An unknown table or column is a ProgrammingError that
        lists the known ones.

        >>> await tx.insert("note", {"body": "hello"}) is not None
        True
        """
    def insert_many(
        self, table: str, rows: Iterable[_Row], *, timeout: float | None = None
    ) -> Coroutine[Any, Any, int]:
        """Insert rows and return their number.

        >>> await tx.insert_many("note", [{"body": "a"}, {"body": "b"}])
        2
        """
    def upsert(
        self,
        table: str,
        row: _Row,
        *,
        key: str | Sequence[str],
        update: str | Sequence[str] | None = None,
        do_nothing: bool = False,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, int | None]:
        """Insert a row, or update the one with the same key; return its row id either way.

        `key` names the columns of a unique constraint. `update` picks the columns to update (all
        others by default); with `do_nothing` an existing row stays as it is.

        >>> await tx.upsert("note", {"id": 1, "body": "new"}, key="id")
        1
        """
    def upsert_many(
        self,
        table: str,
        rows: Iterable[_Row],
        *,
        key: str | Sequence[str],
        update: str | Sequence[str] | None = None,
        do_nothing: bool = False,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, Upserted]:
        """Upsert rows and count what became of them.

        >>> await tx.upsert_many("note", [{"id": 1, "body": "x"}, {"id": 9, "body": "y"}], key="id")
        Upserted(inserted=1, updated=1, skipped=0)
        """

@final
class AsyncSnapshot(AsyncSession):
    """Several reads of a task at one moment in time."""

    def __aenter__(self) -> Coroutine[Any, Any, Self]: ...
    def __aexit__(self, *details: object) -> Coroutine[Any, Any, None]: ...

@final
class AsyncRows(AsyncIterator[_T], Generic[_T]):
    """An asynchronous iterator over rows; `aclose` gives its connection back early."""

    def __aiter__(self) -> Self: ...
    def __anext__(self) -> Coroutine[Any, Any, _T]: ...
    def aclose(self) -> Coroutine[Any, Any, None]:
        """End it early and give its connection back.

        >>> rows = db.iterate("values (1), (2), (3)")
        >>> await anext(rows)
        (1,)
        >>> await rows.aclose()
        """
    def __aenter__(self) -> Coroutine[Any, Any, Self]: ...
    def __aexit__(self, *details: object) -> Coroutine[Any, Any, None]: ...

def restore(
    backup: str | PathLike[str],
    path: str | PathLike[str],
    *,
    data_dir: str | PathLike[str] | None = None,
    progress: Callable[[int, int], object] | None = None,
    timeout: float | None = None,
) -> RestoreReport:
    """Put a backup in the place of a database that nobody has open.

    The backup is verified first; the database it replaces is kept beside it as a safety copy. A
    restore that takes longer than `timeout` seconds ends, and what was there is there then.
    Raises BusyError while another process has the database open, ProgrammingError while this one
    has, CorruptionError for a damaged backup.

    >>> db.backup(folder / "copy.db").check.ok
    True
    >>> holdfast.restore(folder / "copy.db", folder / "other.db").safety_copy is None
    True
    """

@final
class Walk:
    """A walk that goes on in threads of its own; see `holdfast.walk.Walk`."""

    def __new__(
        cls,
        root: str | PathLike[str],
        patterns: Sequence[str],
        hidden: bool,
        gitignore: bool,
        max_size: int,
        known: Sequence[tuple[str, int, int, int]],
    ) -> Self: ...
    def _next(self, bytes: int) -> list[tuple[Any, ...]] | None: ...
    def _progress(self) -> tuple[int, int]: ...
    def _summary(self) -> tuple[int, int, list[str]]: ...
    def close(self) -> None:
        """End its threads."""

def read_markdown(root: str | PathLike[str], path: str, max_size: int) -> tuple[Any, ...]:
    """Read one file below a folder; see `holdfast.walk.read_markdown`."""

def split_front_matter(text: str) -> tuple[dict[str, Any] | None, str | None, str]:
    """Split a text; see `holdfast.walk.split_front_matter`."""
