"""Durable local state for Python apps: SQLite with the production work already done.

>>> with holdfast.open(folder / "app.db") as db:
...     db.execute("create table note(id integer primary key, body text)")
...     db.execute("insert into note(body) values (?)", ["hello"])
...     db.fetch_all("select * from note")
0
1
[(1, 'hello')]
"""

from ._core import (
    AsyncRows,
    AsyncSnapshot,
    AsyncTransaction,
    Rows,
    Snapshot,
    Transaction,
    __version__,
    restore,
)
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
    MovedError,
    NotSupportedError,
    OperationalError,
    PathError,
    PragmaError,
    ProgrammingError,
    TimeoutError,
    Warning,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._retry import RetryClass, RetryPolicy, RetryStats, retry, retry_async
    from .aio import AsyncDatabase, open_async
    from .migrations import Migration
    from .rotation import backup_rotated, backup_rotated_async, restore_newest
else:
    # What these need to be imported costs more than all the rest: at their first use.
    _LATER = {
        "AsyncDatabase": "aio",
        "Migration": "migrations",
        "RetryClass": "_classify",
        "RetryPolicy": "_retry",
        "RetryStats": "_retry",
        "backup_rotated": "rotation",
        "backup_rotated_async": "rotation",
        "open_async": "aio",
        "restore_newest": "rotation",
        "retry": "_retry",
        "retry_async": "_retry",
    }

    def __getattr__(name):
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
        return value

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "AsyncDatabase",
    "AsyncRows",
    "AsyncSnapshot",
    "AsyncTransaction",
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
    "MovedError",
    "NotSupportedError",
    "OperationalError",
    "PathError",
    "PragmaError",
    "ProgrammingError",
    "RetryClass",
    "RetryPolicy",
    "RetryStats",
    "Rows",
    "Snapshot",
    "TimeoutError",
    "Transaction",
    "Warning",
    "__version__",
    "backup_rotated",
    "backup_rotated_async",
    "open",
    "open_async",
    "restore",
    "restore_newest",
    "retry",
    "retry_async",
]
