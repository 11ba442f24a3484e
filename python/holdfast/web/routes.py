"""What is around every endpoint: the guard, the bound of a body, errors as problems, headers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import Request, Response
from fastapi.params import Depends
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from .problems import Refused, problem_of
from .security import HEADERS, SAFE_METHODS, Guard

#: Bytes of a request's body, at most.
LARGEST = 64 * 1024

#: Where classes of errors come from that are told as problems, whatever the app does with them.
_NOT_OF_THE_APP = frozenset(("builtins", "fastapi", "holdfast", "starlette"))

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def route_class(guard: Guard, hide: Callable[[Any], Any]) -> type[APIRoute]:
    """Make the class of a router's routes: also in an app that includes it, it stays theirs."""

    class GuardedRoute(APIRoute):
        """A route of a router with a guard."""

        def __init__(
            self,
            path: str,
            endpoint: Callable[..., Any],
            *,
            dependencies: Sequence[Depends] | None = None,
            methods: set[str] | list[str] | None = None,
            **settings: Any,
        ) -> None:
            checks = guard.dependencies(path, methods or ["GET"])
            super().__init__(
                path,
                endpoint,
                dependencies=[*checks, *(dependencies or ())],
                methods=methods,
                **settings,
            )

        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                refused = guard.check(request.method, request.headers)
                return finished(refused or await _handled(handle, request, hide))

            return guarded

        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await super().handle(scope, receive, send)
            except HTTPException as error:
                # What is raised here was raised before the handler: a method that there is not.
                foreign = guard.check_host(Headers(scope=scope))
                problem = finished(foreign or problem_of(error, hide))
                await problem(scope, receive, send)

    return GuardedRoute


def finished(response: Response) -> Response:
    """Give an answer the headers that all have."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _handled(handle: Handler, request: Request, hide: Callable[[Any], Any]) -> Response:
    try:
        if request.method not in SAFE_METHODS:
            request = await _bounded(request)
        return await handle(request)
    except Exception as error:
        if _is_for_the_app(request, error):
            raise
        return problem_of(error, hide)


async def _bounded(request: Request) -> Request:
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared[:20]) > LARGEST:
        raise _too_large()
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > LARGEST:
            raise _too_large()
        return message

    bounded = Request(request.scope, receive)
    await bounded.body()
    return bounded


def _too_large() -> Refused:
    return Refused(413, f"a body has {LARGEST} bytes at most")


def _is_for_the_app(request: Request, error: Exception) -> bool:
    """Whether the app has a handler for a class of its own, as of what its login raises."""
    handlers: dict[Any, Any] = getattr(request.scope.get("app"), "exception_handlers", {})
    kinds = type(error).__mro__
    return any(
        kind in handlers and kind.__module__.split(".")[0] not in _NOT_OF_THE_APP for kind in kinds
    )
