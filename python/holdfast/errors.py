"""The errors of Holdfast: the tree of PEP 249, with the cases that an app handles below it."""

from __future__ import annotations

import builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .reports import Holder, PragmaMismatch


class Warning(Exception):
    """An important warning; part of PEP 249, not raised by Holdfast."""


class Error(Exception):
    """The base of every error of Holdfast.

    `sqlite_errorcode` is SQLite's extended result code and `sqlite_errorname` its name, where there
    is one; `retryable` tells whether running the whole operation again can succeed.
    """

    sqlite_errorcode: int | None = None
    sqlite_errorname: str | None = None
    retryable: bool = False


class InterfaceError(Error):
    """A failure of the interface rather than of the database."""


class DatabaseError(Error):
    """A failure of the database."""


class DataError(DatabaseError):
    """A value that SQLite cannot store, or that does not fit where it is to go."""


class OperationalError(DatabaseError):
    """A failure of the database's surroundings: disk, memory, permissions, other processes."""


class IntegrityError(DatabaseError):
    """A constraint that the statement would break; nothing of the statement was kept."""


class InternalError(DatabaseError):
    """A failure inside SQLite or the engine."""


class ProgrammingError(DatabaseError):
    """A mistake in the statement, its parameters or the order of calls."""


class NotSupportedError(DatabaseError):
    """Something that SQLite or this build cannot do."""


class BusyError(OperationalError):
    """The writer lane, a reader or SQLite's lock was not to be had in time; says who holds it.

    `holders` are the threads of this process that hold it; `pid` is the process that holds the
    file's lock, where the system tells.
    """

    holders: tuple[Holder, ...] = ()
    pid: int | None = None


class TimeoutError(OperationalError, builtins.TimeoutError):
    """The operation's own deadline passed while it ran; nothing of it was kept."""


class PragmaError(OperationalError):
    """Settings that did not take effect; `mismatches` has each with what was wanted and found."""

    mismatches: tuple[PragmaMismatch, ...] = ()


class MigrationError(OperationalError):
    """A migration that cannot be applied, or a file that does not fit the code."""


class CorruptionError(DatabaseError):
    """A file that is damaged, or is no database."""


class PathError(OperationalError):
    """A path that may not be opened."""


class MovedError(OperationalError):
    """The file or its log was moved, replaced or deleted while it was open; save, and open anew.

    The commit that raises it, and those of the last moments before, may be in no file that others
    find; `db.backup()` still saves them.
    """


class ForkError(ProgrammingError):
    """A transaction, snapshot or iterator that belongs to the parent process."""


class ClosedError(ProgrammingError):
    """The database, transaction, snapshot or iterator is closed."""
