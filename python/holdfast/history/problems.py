"""Answers as JSON, and errors as problem JSON (RFC 9457) that tell nothing of the host."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from .error_text import kind_of, said
from .errors import RepositoryConnectionError, RepositoryConstraintError, RepositoryError

_logger = logging.getLogger("holdfast.history")
#: Seconds after which a client may try again.
SOON, LATER = 1, 5


class Json(Response):
    """A value as JSON: times in ISO form and UTC."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write the JSON."""
        return json.dumps(content, default=_plain, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is no JSON")


class HistoryRoute(APIRoute):
    """A route whose errors are problems."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the handler into one that answers errors."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except (RepositoryError, HTTPException, RequestValidationError) as error:
                return problem_of(error)

        return handled


def problem_of(error: RepositoryError | HTTPException | RequestValidationError) -> Response:
    """Make the problem of an error. What the database says has paths in it: the log alone has it.

    >>> problem_of(RepositoryConnectionError("/srv/history.db is busy")).status_code
    503
    """
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _problem(error.status_code, str(error.detail), headers=error.headers)
    status, detail = _found(error)
    failed = status in {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.INSUFFICIENT_STORAGE}
    level = logging.ERROR if failed else logging.WARNING
    _logger.log(level, "a request about the history is answered by %d: %s", status, said(error))
    wait: dict[str, str] = {}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        wait["Retry-After"] = str(SOON if error.retryable else LATER)
    fields = {"error": kind_of(error), "retryable": error.retryable}
    return _problem(status, detail, headers=wait, **fields)


def _found(error: RepositoryError) -> tuple[int, str]:
    name = error.sqlite_errorname or ""
    moved = name == "SQLITE_READONLY_DBMOVED"
    if not moved and (name.startswith("SQLITE_READONLY") or "opened read_only" in str(error)):
        return 403, "the history can only be read"
    if name == "SQLITE_FULL":
        return 507, "there is no room for that"
    if isinstance(error, RepositoryConnectionError) or error.retryable:
        return 503, "the history cannot be used now"
    if isinstance(error, RepositoryConstraintError):
        return 409, "that does not fit what is there"
    return 500, "the history failed; its log tells why"


def _invalid(error: RequestValidationError) -> Response:
    found = [
        {
            "in": str(each["loc"][0]),
            "field": ".".join(map(str, each["loc"][1:])),
            "message": str(each["msg"]),
        }
        for each in error.errors()
    ]
    names = ", ".join(each["field"] or each["in"] for each in found)
    return _problem(422, f"not valid: {names}", errors=found)


def _problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **fields: Any
) -> Response:
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        # An app's own login may use one that is its own.
        title = "Error"
    told = {} if detail == title else {"detail": detail}
    document = {"type": "about:blank", "title": title, "status": status, **told, **fields}
    made = Json(document, status, dict(headers or {}))
    made.headers["content-type"] = "application/problem+json"
    return made
