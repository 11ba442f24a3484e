"""Where records go: a repository that is opened when it is needed, and anew where it was lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from ..database import Database
from ..errors import BusyError, Error, TimeoutError
from .errors import RepositoryConnectionError, translated
from .exits import come_first
from .repository import PromptRepository
from .sqlite import HoldfastRepository

Given = Database | PromptRepository | Callable[[], Database | PromptRepository]


class Source:
    """The repository of a writer.

    What a function opened is closed here, and opened again after an error that an open handle may
    not get over; what was given open stays its owner's.
    """

    def __init__(self, given: Given) -> None:
        if not isinstance(given, Database | PromptRepository) and not callable(given):
            raise TypeError(
                "db is a Database, a PromptRepository or a function that opens one, not "
                f"{type(given).__name__}"
            )
        self._given = given
        self.forked()

    def forked(self) -> None:
        """Begin anew, as in a forked child; nothing that the parent has open is closed."""
        self._lock = threading.Lock()
        self._opened: Database | PromptRepository | None = None
        self._repository: PromptRepository | None = None
        self._closed = False

    @property
    def repository(self) -> PromptRepository | None:
        """The repository, where it is open; nothing is waited for."""
        return self._repository

    @property
    def database(self) -> Database | None:
        """The database, where there is one and it is open."""
        return self._opened if isinstance(self._opened, Database) else None

    def open(self) -> PromptRepository:
        """Return the repository, and open it and make its table where that was not done yet."""
        repository = self._repository
        return self._open() if repository is None else repository

    def _open(self) -> PromptRepository:
        given = self._given
        opened = given if isinstance(given, Database | PromptRepository) else given()
        come_first()
        try:
            with translated:
                made = _repository_of(opened)
                try_to_write(opened)
                if isinstance(made, HoldfastRepository):
                    made.migrate()
        except BaseException:
            self._close(opened)
            raise
        with self._lock:
            if not self._closed:
                self._opened, self._repository = opened, made
                return made
        self._close(opened)
        raise RepositoryConnectionError("the history is closed")

    def probe(self) -> None:
        """Look whether it can be written, without a record."""
        self.open()
        if self._opened is not None:
            with translated:
                try_to_write(self._opened)

    def failed(self, error: BaseException) -> None:
        """Close what an error may have made useless; the next `open` opens it anew."""
        if not _stays_open(error):
            self._forget()

    def close(self) -> None:
        """Close what was opened here; it is not opened again."""
        with self._lock:
            self._closed = True
        self._forget()

    def _forget(self) -> None:
        with self._lock:
            opened, self._opened, self._repository = self._opened, None, None
        self._close(opened)

    def _close(self, opened: Database | PromptRepository | None) -> None:
        if opened is None or opened is self._given:
            return
        close = getattr(opened, "close", None)
        if callable(close):
            # Its file may be gone, or the disk full: there is nothing left to do about it.
            with suppress(Exception):
                close()


def try_to_write(opened: Database | PromptRepository) -> None:
    """Take the lock to write and let go of it: what is read-only, locked or damaged shows."""
    if isinstance(opened, Database):
        with opened.transaction():
            pass


def _repository_of(opened: object) -> PromptRepository:
    if isinstance(opened, Database):
        return HoldfastRepository(opened)
    if isinstance(opened, PromptRepository):
        return opened
    raise TypeError(
        f"what opens the history returned {type(opened).__name__}, no Database or PromptRepository"
    )


def _stays_open(error: BaseException) -> bool:
    """Whether an open handle works again by itself once the cause is gone."""
    cause = error.__cause__ if isinstance(error.__cause__, Error) else error
    full = isinstance(cause, Error) and cause.sqlite_errorname == "SQLITE_FULL"
    return full or isinstance(cause, BusyError | TimeoutError)
