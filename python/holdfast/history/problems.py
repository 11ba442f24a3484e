"""Answers as JSON, and errors as problem JSON (RFC 9457) that tell nothing of the host."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from .errors import RepositoryConnectionError, RepositoryConstraintError, RepositoryError
from .telling import kind_of

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
    """Make the problem of an error. What the database says has paths in it: the log has that."""
    if isinstance(error, RequestValidationError):
        fields = {".".join(map(str, each["loc"][1:])): each["msg"] for each in error.errors()}
        return _problem(422, f"not valid: {', '.join(fields)}", fields=fields)
    if isinstance(error, HTTPException):
        return _problem(error.status_code, str(error.detail), headers=error.headers)
    if isinstance(error, RepositoryConnectionError):
        wait = {"Retry-After": str(SOON if error.retryable else LATER)}
        return _problem(503, "the history cannot be used now", headers=wait, **_kind(error))
    if isinstance(error, RepositoryConstraintError):
        return _problem(409, "that does not fit what is there", **_kind(error))
    return _problem(500, "the history failed; its log tells why", **_kind(error))


def _kind(error: RepositoryError) -> dict[str, Any]:
    return {"error": kind_of(error), "retryable": error.retryable}


def _problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **fields: Any
) -> Response:
    title = HTTPStatus(status).phrase
    told = {} if detail == title else {"detail": detail}
    document = {"type": "about:blank", "title": title, "status": status, **told, **fields}
    made = Json(document, status, dict(headers or {}))
    made.headers["content-type"] = "application/problem+json"
    return made
