"""What can go wrong with a repository of prompts."""

from __future__ import annotations

from typing import NoReturn

from .. import errors
from ..errors import Error


class RepositoryError(Error):
    """The base of the errors of repositories; the error of the database is its `__cause__`."""


class RepositoryConnectionError(RepositoryError):
    """The database cannot be used now: busy, closed, read-only, full, moved or damaged.

    `retryable` tells whether the same call can succeed a moment later.
    """


class RepositoryConstraintError(RepositoryError):
    """The record does not fit those that are there, as an id that is taken."""


_CONNECTION = (errors.OperationalError, errors.CorruptionError, errors.ClosedError)
#: Errors of the database, whatever the record is.
UNUSABLE = (RepositoryConnectionError, *_CONNECTION)


def is_of_the_record(error: Exception) -> bool:
    """Whether it is this record that cannot be kept, however the database is.

    >>> is_of_the_record(RepositoryConstraintError("the id is taken"))
    True
    """
    of_values = isinstance(error.__cause__, errors.DataError)
    return of_values or isinstance(error, RepositoryConstraintError)


def translate(error: Error) -> RepositoryError:
    """Say an error of the database as one of repositories, with its code and `retryable`.

    >>> translate(errors.ClosedError("the database is closed"))
    RepositoryConnectionError('the database is closed')
    """
    kind = RepositoryError
    if isinstance(error, errors.IntegrityError):
        kind = RepositoryConstraintError
    elif isinstance(error, _CONNECTION):
        kind = RepositoryConnectionError
    said = kind(str(error))
    said.sqlite_errorcode = error.sqlite_errorcode
    said.sqlite_errorname = error.sqlite_errorname
    said.retryable = error.retryable
    return said


class _Translated:
    """A block in which errors of the database become those of repositories."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Error) and not isinstance(error, RepositoryError):
            self._raise(error)

    @staticmethod
    def _raise(error: Error) -> NoReturn:
        raise translate(error) from error


translated = _Translated()
