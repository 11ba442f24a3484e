"""Durable local state for Python apps: SQLite with the production work already done.

>>> with holdfast.open(folder / "app.db") as db:
...     db.execute("create table note(id integer primary key, body text)")
...     db.execute("insert into note(body) values (?)", ["hello"])
...     db.fetch_all("select * from note")
0
1
[(1, 'hello')]
"""

from ._core import Rows, Snapshot, Transaction, __version__, restore
from .aio import AsyncDatabase, open_async
from .database import Database, open
from .errors import (
    BusyError,
    ClosedError,
    CorruptionError,
    DatabaseError,
    DataError,
    Error,
    ForkError,
    IntegrityError,
    InterfaceError,
    InternalError,
    MigrationError,
    NotSupportedError,
    OperationalError,
    PathError,
    PragmaError,
    ProgrammingError,
    TimeoutError,
    Warning,
)
from .migrations import Migration
from .retry import RetryClass, RetryPolicy, retry, retry_async

__all__ = [
    "AsyncDatabase",
    "BusyError",
    "ClosedError",
    "CorruptionError",
    "DataError",
    "Database",
    "DatabaseError",
    "Error",
    "ForkError",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "Migration",
    "MigrationError",
    "NotSupportedError",
    "OperationalError",
    "PathError",
    "PragmaError",
    "ProgrammingError",
    "RetryClass",
    "RetryPolicy",
    "Rows",
    "Snapshot",
    "TimeoutError",
    "Transaction",
    "Warning",
    "__version__",
    "open",
    "open_async",
    "restore",
    "retry",
    "retry_async",
]
