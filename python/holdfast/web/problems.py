"""Errors as problem JSON (RFC 9457), without a traceback or a path of the host."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ..artifacts import ArtifactFileError, UnknownArtifactError
from ..errors import (
    ClosedError,
    CorruptionError,
    DataError,
    Error,
    InternalError,
    MovedError,
    OperationalError,
)
from ..history import RepositoryConstraintError, RepositoryError
from ..jobs import JobStateError, UnknownHandlerError, UnknownJobError
from ..runs import RunError, UnknownRunError, UnmappableError
from .answers import Answer

_logger = logging.getLogger("holdfast.web")
#: Seconds after which a client may try again: what is busy, and what is away.
SOON, LATER = 1, 5

_CODES: tuple[tuple[tuple[type[Error], ...], int], ...] = (
    ((UnknownJobError, UnknownArtifactError, UnknownRunError), 404),
    ((UnmappableError,), 422),
    (
        (
            JobStateError,
            UnknownHandlerError,
            ArtifactFileError,
            RepositoryConstraintError,
            RunError,
        ),
        409,
    ),
    (
        (
            ClosedError,
            CorruptionError,
            DataError,
            InternalError,
            MovedError,
            OperationalError,
            RepositoryError,
        ),
        503,
    ),
)


class Refused(Exception):
    """What an endpoint does not do, and why; `fields` are further members of the problem."""

    def __init__(self, status: int, detail: str, **fields: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.fields = fields
        self.headers: dict[str, str] = {}
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.headers["Retry-After"] = str(SOON)


class Problem(Answer):
    """A problem as an answer."""

    media_type = "application/problem+json"

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> None:
        document = {"type": "about:blank", "title": phrase(status), "status": status}
        told = {} if detail is None else {"detail": detail}
        super().__init__({**document, **told, **fields}, status, dict(headers or {}))


def phrase(status: int) -> str:
    """What a status is called."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def problem_of(error: Exception, hide: Callable[[Any], Any]) -> Problem:
    """Make a problem of an error; one that nobody expects is logged and tells nothing."""
    match error:
        case Refused():
            return Problem(error.status, error.detail, error.headers, **error.fields)
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            return of_http(error)
        case Error() if (status := _status(error)) is not None:
            return _of_database(error, status, hide)
        case _:
            _logger.error("a request failed", exc_info=error)
            return Problem(500, "the server failed; its log tells why")


def of_http(error: HTTPException) -> Problem:
    """Make a problem of an error of the framework, or of the app's own login."""
    detail = str(error.detail)
    told = None if detail == phrase(error.status_code) else detail
    return Problem(error.status_code, told, error.headers)


def _status(error: Error) -> int | None:
    name = error.sqlite_errorname or ""
    if name == "SQLITE_READONLY_DBMOVED":
        return 503
    if name.startswith("SQLITE_READONLY") or "opened read_only" in str(error):
        return 403
    if name == "SQLITE_FULL":
        return 507
    if error.retryable:
        return 503
    return next((status for kinds, status in _CODES if isinstance(error, kinds)), None)


def _of_database(error: Error, status: int, hide: Callable[[Any], Any]) -> Problem:
    headers: dict[str, str] = {}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(SOON if error.retryable else LATER)
    return Problem(
        status,
        hide(str(error)),
        headers,
        error=type(error).__name__,
        retryable=error.retryable,
    )


def _invalid(error: RequestValidationError) -> Problem:
    found = [
        {
            "in": str(each["loc"][0]),
            "field": ".".join(map(str, each["loc"][1:])),
            "message": str(each["msg"]),
        }
        for each in error.errors()
    ]
    if any(each["type"] == "json_invalid" for each in error.errors()):
        return Problem(400, "the body is no JSON")
    fields = ", ".join(each["field"] or each["in"] for each in found)
    return Problem(422, f"not valid: {fields}", errors=found)
