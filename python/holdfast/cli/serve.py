"""The command `holdfast serve`: the dashboard of a file, for as long as it runs."""

from __future__ import annotations

import ipaddress
import signal
import socket
import sys
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..database import Database, open
from ..errors import NotSupportedError
from . import output
from .artifact_files import DIRECTORY, FILE, make_directory
from .content import content_of
from .files import is_new, open_to_read, open_to_write
from .job_files import has_jobs

if TYPE_CHECKING:
    from ..artifacts import ArtifactIndex
    from ..jobs import JobReader

#: Seconds that requests and jobs have to end.
GRACE = 5
READERS = 10


def serve(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="The database; it is made if it is missing. If left out: holdfast.db, or with "
            "--root .holdfast/artifacts.db in the folder.",
        ),
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Show an index of the markdown files below it."),
    ] = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="0 for any that is free.")
    ] = 8765,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Change nothing, and let nobody change anything.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name by which others reach it; give the option again for each. Needed to "
            "listen where others can connect, who may then read and change what the page shows.",
        ),
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option(metavar="DIRECTORY", help="The directory that FILE must lie in."),
    ] = None,
) -> None:
    """Show the dashboard of a file in a browser: its health, and the stores in it.

    It needs the extra web. Only this machine can connect, unless --host and --allow-host say
    otherwise. Ctrl-C ends it.
    """
    uvicorn, web = _needed(index=root is not None)
    names = _names(host, allow_host or [])
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(host, port))
        file, folder = _place(file, root, data_dir)
        if file == FILE and not read_only:
            make_directory(Path(folder or ".", DIRECTORY), "FILE")
        database = stack.enter_context(_opened(file, folder, read_only=read_only))
        index = None
        if root is not None:
            index = stack.enter_context(_index(database, file, root, read_only=read_only))
        jobs = _jobs(stack, database, file, data_dir, run=index is not None, look=read_only)
        made = web.app(
            database,
            index=index,
            jobs=jobs,
            **content_of(database, file),
            allowed_hosts=names,
            read_only=read_only,
        )
        server = uvicorn.Server(
            uvicorn.Config(
                made,
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE,
                ws="none",
            )
        )
        # Ended by a signal, the process would leave its jobs as in a crash.
        signal.signal(signal.SIGTERM, _end)
        shown = allow_host[0] if allow_host else host
        output.line(f"http://{f'[{shown}]' if ':' in shown else shown}:{_port(listener)}/")
        output.flush()
        server.run(sockets=[listener])


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)


def _needed(*, index: bool) -> tuple[Any, Any]:
    try:
        import uvicorn

        from .. import web

        if index:
            import_module("yaml")
    except ModuleNotFoundError as missing:
        name = missing.name or "a package"
        output.note(f'error: serve needs {name}: pip install "holdfast[web]"')
        raise typer.Exit(2) from None
    return uvicorn, web


def _names(host: str, allowed: list[str]) -> list[str]:
    from ..web.security import LOCAL, host_of

    if wrong := [name for name in allowed if host_of(name) is None]:
        raise typer.BadParameter(f"--allow-host is a name without port or *, not {wrong[0]!r}")
    if host == "localhost" or _is_loopback(host):
        return [host, *LOCAL, *allowed]
    if not allowed:
        raise typer.BadParameter(
            f"others could connect to {host!r}: name the hosts by which they reach it with "
            "--allow-host"
        )
    return [*LOCAL, *allowed]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        raise OSError(f"{host!r} is no address of this machine") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise OSError(f"port {port} of {host} is not to be had: {error.strerror}") from error
    return listener


def _port(listener: socket.socket) -> int:
    return listener.getsockname()[1]


def _place(file: str | None, root: str | None, data_dir: str | None) -> tuple[str, str | None]:
    """The file, and the folder that it must not lead out of."""
    if file is None and root is not None and data_dir is None:
        return FILE, root
    return file or "holdfast.db", data_dir


def _opened(file: str, data_dir: str | None, *, read_only: bool) -> Database:
    if read_only:
        return open_to_read(file, pool_size=READERS, data_dir=data_dir)
    if is_new(str(Path(data_dir or ".", file))):
        return open(
            file, profile="durable", pool_size=READERS, data_dir=data_dir, vacuum_every=None
        )
    return open_to_write(file, pool_size=READERS, data_dir=data_dir)


def _index(database: Database, file: str, root: str, *, read_only: bool) -> ArtifactIndex:
    from ..artifacts import ArtifactIndex

    if read_only and database.schema_version("artifacts") == 0:
        raise NotSupportedError(f"{file!r} has no index yet: serve it once without --read-only")
    return ArtifactIndex(database, root)


def _jobs(
    stack: ExitStack,
    database: Database,
    file: str,
    data_dir: str | None,
    *,
    run: bool,
    look: bool,
) -> JobReader | None:
    """The jobs of a file; their tables are only made for what runs here, the sync of an index."""
    from ..jobs import JobManager, JobReader

    found = has_jobs(database, file)
    if look or not (found or run):
        return JobReader(database, data_dir=data_dir) if found else None
    # How long jobs and snapshots are kept is for the app to say whose they are.
    kept: dict[str, Any] = {"keep_jobs": None, "max_job_age": None, "keep_snapshots": sys.maxsize}
    manager = JobManager(
        database, data_dir=data_dir, workers=2 if run else 0, **(kept if found else {})
    )
    stack.callback(manager.shutdown, cancel=True, timeout=GRACE)
    return manager
