"""The same verbs over each library, each as its documentation recommends for speed.

A peer opens one file. `plan.py` says which work it takes part in.
`session` gives what a thread of its own needs: the peer itself where threads may share it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

Point = Callable[[int], Any]
Write = Callable[[int, str], Any]

#: Peer: its module here, and the package that is installed.
PEERS = {
    "holdfast": ("holdfast_", "holdfast"),
    "holdfast-sql": ("holdfast_sql", "holdfast"),
    "stdlib": ("stdlib", None),
    "apsw": ("apsw_", "apsw"),
    "apsw-autocommit": ("apsw_autocommit", "apsw"),
    "cysqlite": ("cysqlite_", "cysqlite"),
    "libsql": ("libsql_", "libsql"),
    "sqlalchemy": ("sqlalchemy_", "SQLAlchemy"),
    "sqlite-utils": ("sqlite_utils_", "sqlite-utils"),
    "msqlite": ("msqlite_", "msqlite"),
    "aiosqlite": ("aiosqlite_", "aiosqlite"),
    "rapsqlite": ("rapsqlite_", "rapsqlite"),
}

SETTINGS = {
    "cache_size": "-32000",
    "foreign_keys": "on",
    "temp_store": "memory",
    "busy_timeout": "5000",
}


def pragmas(durable: bool) -> list[str]:
    """The statements that make a connection like Holdfast's profile `balanced`, or `durable`."""
    level = {"synchronous": "full", "mmap_size": "0"} if durable else {}
    settings = SETTINGS | {"synchronous": "normal", "mmap_size": str(1 << 30)} | level
    return [f"pragma {name} = {value}" for name, value in settings.items()]


#: Read back from each peer's connection and stated in the report.
READ_BACK = ("journal_mode", "synchronous", "cache_size", "mmap_size", "temp_store", "foreign_keys")


def load(peer: str) -> ModuleType:
    """The adapter's module; raises ImportError where the library is missing."""
    return importlib.import_module(f".{PEERS[peer][0]}", __name__)


class Closing:
    """What peers with an SQLite connection a thread have in common."""

    def __init__(self, path: str, durable: bool = False) -> None:
        self.path = path
        self.durable = durable

    def session(self) -> Any:
        """A connection of its own, for another thread."""
        return type(self)(self.path, self.durable)

    def fetch(self, sql: str) -> list[Any]:
        """All rows of any statement."""
        raise NotImplementedError

    def read_back(self) -> dict[str, str]:
        """The settings in force, and the version of SQLite."""
        found = {name: str(self.fetch(f"pragma {name}")[0][0]).lower() for name in READ_BACK}
        return found | {"sqlite": self.fetch("select sqlite_version()")[0][0]}
