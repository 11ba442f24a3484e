"""The dashboard's page and its files."""

from __future__ import annotations

import hashlib
from html import escape
from importlib import resources
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from .problems import Refused
from .security import Guard
from .service import Service

PAGE = "dashboard.html"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


def add(router: APIRouter, service: Service, guard: Guard) -> None:
    """Add the endpoints."""
    folder = resources.files(__package__ or "holdfast.web") / "static"
    # A name from outside is looked up here, and never becomes a path.
    files = {
        file.name: (file, TYPES[suffix])
        for file in folder.iterdir()
        if (suffix := f".{file.name.rpartition('.')[2]}") in TYPES
    }

    @router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    def page(request: Request) -> Response:
        """Show the dashboard."""
        html = (folder / PAGE).read_text("utf-8")
        found = {
            "holdfast-base": base_of(request, "/"),
            "holdfast-stores": " ".join(service.stores),
            "holdfast-token": guard.page_token,
        }
        metas = "".join(
            f'<meta name="{name}" content="{escape(value)}">\n'
            for name, value in found.items()
            if value is not None
        )
        return Response(html.replace("</head>", f"{metas}</head>", 1), media_type="text/html")

    @router.api_route("/static/{name}", methods=["GET", "HEAD"], include_in_schema=False)
    def static(name: str, request: Request) -> Response:
        """Give a file of the dashboard."""
        if name not in files:
            raise Refused(404, "there is no such file")
        file, media_type = files[name]
        content = file.read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        given = request.headers.get("if-none-match", "")
        if tag in (each.strip().removeprefix("W/") for each in given.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=media_type)


def base_of(request: Request, path: str) -> str:
    """The path below which a browser finds the router, with `/` at the end.

    `path` is that of the route, which the request has ended in. A server puts what a proxy has
    taken away into `root_path`; some put it into the path too.
    """
    root = str(request.scope.get("root_path", "")).rstrip("/")
    whole = request.scope["path"]
    if root and not whole.startswith(f"{root}/"):
        whole = root + whole
    return quote(f"{whole.removesuffix(path)}/", safe="/:@!$&'()*+,;=~")
