"""Who may ask for what: the Host of every request, the origin and the token of each that writes."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fastapi import Depends
from fastapi.params import Depends as Dependency
from starlette.datastructures import Headers

from .problems import Problem

TOKEN = "X-Holdfast-Token"
LOCAL = ("localhost", "127.0.0.1", "::1")
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
#: What asks whether the server lives has no login.
OPEN = "/health"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*")
_PORTS = {"http": 80, "https": 443}


class Authority(NamedTuple):
    """A host, as it is compared, and its port, None where it is the usual one."""

    host: str
    port: int | None

    @classmethod
    def of(cls, text: str) -> Authority | None:
        """Read a Host header: `localhost:8765`, `[::1]:8765`; None for what is none."""
        found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@/\\?#\s]+)(?::([0-9]{1,5}))?", text)
        host = found and host_of(found[1])
        if not found or host is None:
            return None
        port = None if found[2] is None else int(found[2])
        return None if port is not None and port > 65535 else cls(host, port)


def host_of(text: str) -> str | None:
    """Bring a host name or an address into one form; None for what is neither."""
    text = text.lower().removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text if len(text) <= 253 and _NAME.fullmatch(text) else None


class Guard:
    """The rules of one router."""

    def __init__(
        self,
        allowed_hosts: Iterable[str],
        token: str | None,
        read: Callable[..., Any] | None,
        write: Callable[..., Any] | None,
        *,
        read_only: bool,
    ) -> None:
        if isinstance(allowed_hosts, str):
            raise TypeError(f"allowed_hosts is a list of names, not {allowed_hosts!r}")
        hosts = {name: host_of(name) for name in allowed_hosts}
        if wrong := [name for name, host in hosts.items() if host is None]:
            raise ValueError(f"allowed_hosts has names without port or *, not {wrong[0]!r}")
        if not hosts:
            raise ValueError("allowed_hosts is empty: nobody could reach anything")
        if token is not None and not re.fullmatch(r"[\x21-\x7e]{16,}", token):
            raise ValueError("token has 16 or more visible ASCII characters")
        self.hosts = frozenset(hosts.values())
        self.read_only = read_only
        self._token = secrets.token_urlsafe(32) if token is None else token
        self._read = read
        self._write = write

    @property
    def page_token(self) -> str | None:
        """What the page is given to write with: "" where the app's own login does, None for no."""
        if self.read_only:
            return None
        return self._token if self._write is None else ""

    def dependencies(self, path: str, methods: Iterable[str]) -> list[Dependency]:
        """The app's own checks for a route."""
        found: list[Dependency] = []
        if self._read is not None and not path.endswith(OPEN):
            found.append(Depends(self._read))
        if self._write is not None and not SAFE_METHODS.issuperset(methods):
            found.append(Depends(self._write))
        return found

    def check_host(self, headers: Headers) -> Problem | None:
        """Refuse a request that came by a foreign name, as by a name that was bent to this host."""
        authority = _authority(headers)
        if authority is None or authority.host not in self.hosts:
            return Problem(421, "this host is not served here by that name: allowed_hosts has none")
        return None

    def check(self, method: str, headers: Headers) -> Problem | None:
        """Tell why a request is refused, None for one that is not."""
        if (foreign := self.check_host(headers)) is not None:
            return foreign
        if method in SAFE_METHODS:
            return None
        if self.read_only:
            return Problem(403, "nothing can be changed here: it is read-only")
        if not is_same_origin(headers):
            return Problem(
                403, "a request that writes comes from the page itself: Origin is not this host"
            )
        if self._write is None:
            given = headers.getlist(TOKEN)
            if len(given) != 1 or not hmac.compare_digest(given[0].encode(), self._token.encode()):
                detail = f"a request that writes has the token of this run in {TOKEN}"
                return Problem(403, detail, error="TokenError")
        return None


def is_same_origin(headers: Headers) -> bool:
    """Whether a browser says that a page of this host sent it; without a word of it, no."""
    sites, origins = headers.getlist("sec-fetch-site"), headers.getlist("origin")
    if any(site not in ("same-origin", "none") for site in sites):
        return False
    if not origins:
        return bool(sites)
    authority = _authority(headers)
    return len(origins) == 1 and authority is not None and _is_at(origins[0], authority)


def _is_at(origin: str, authority: Authority) -> bool:
    try:
        scheme, netloc, *rest = urlsplit(origin)
    except ValueError:
        return False
    found = Authority.of(netloc)
    if found is None or scheme not in _PORTS or any(rest) or found.host != authority.host:
        return False
    # Behind a proxy that ends TLS the scheme of the request is not the browser's.
    usual = _PORTS[scheme]
    return (found.port or usual) == (authority.port or usual)


def _authority(headers: Headers) -> Authority | None:
    given = headers.getlist("host")
    return Authority.of(given[0]) if len(given) == 1 else None
