"""The engine: what the extension module gives, with the documentation of every verb.

In the examples `db` is a database with a table `note(id integer primary key, body text)` of one
row, `tx` a transaction of it, `snap` a snapshot, and `folder` an empty directory.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
        timeout: float | None = None,
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
