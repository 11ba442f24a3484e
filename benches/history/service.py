"""The service under load in one of its modes: it on one processor, who asks it on another.

Afterwards every answer is looked for in the file, or among what was dropped and counted.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from peers.harness import ENVIRONMENT

from .texts import PATH, requests

Figures = dict[str, Any]
#: Requests to warm up, at a rate, and in turn; and the rate: far from what the service can do.
WARM, ASKED, CLOSED, RATE = 500, 2000, 2000, 200.0
#: Seconds that anything may take that ought to take moments.
PATIENCE = 60.0


class Mode(NamedTuple):
    """How the service is set, and whether another process holds its database's lock."""

    said: str
    settings: dict[str, str]
    locked: bool = False


MODES = {
    "off": Mode("off", {"SQLITE_ENABLED": "false"}),
    "on": Mode("on", {}),
    # Never left alone: what is measured is a service that keeps trying.
    "locked": Mode(
        "on, the database locked by another process",
        {"SQLITE_BREAKER_FAILURES": "1000000"},
        locked=True,
    ),
    "open": Mode(
        "on, the same with the breaker open",
        {"SQLITE_BREAKER_FAILURES": "1", "SQLITE_BREAKER_SECONDS": "3600"},
        locked=True,
    ),
}


def cores() -> tuple[int, int]:
    """The processor of the service and that of the client; the same where there is only one."""
    found = sorted(os.sched_getaffinity(0))
    return found[0], found[-1]


def environment(mode: Mode, file: Path) -> dict[str, str]:
    """What the service is set by: nothing that happens to be set here."""
    plain = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("SQLITE_")}
    plain.pop("PROMPT_MODEL", None)
    return plain | {"SQLITE_DB_PATH": str(file)} | mode.settings


@contextmanager
def serving(mode: Mode, file: Path) -> Iterator[dict[str, Any]]:
    """The service, until it has ended by itself; what it has said."""
    command = [sys.executable, "-m", "history.serve", str(cores()[0])]
    process = subprocess.Popen(
        command, env=environment(mode, file), cwd=file.parent, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout
        said = json.loads(process.stdout.readline() or "{}")
        if not said:
            raise RuntimeError("the service did not start")
        yield said
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)
        # Once it has ended as it should, uvicorn raises the signal again.
        if code not in (0, -signal.SIGTERM):
            raise RuntimeError(f"the service ended with status {code}")
    finally:
        process.kill()
        process.communicate()


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock to write; the service is another process."""
    with closing(sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)) as db:
        db.execute("begin immediate")
        yield
        db.execute("rollback")


def asked(port: int, method: str, path: str, body: bytes | None = None) -> Any:
    """An answer of the service."""
    kind = {"Content-Type": "application/json"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request(method, path, body, kind)
        answer = connection.getresponse()
        content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} answers {answer.status}: {content[:200]!r}")
    return json.loads(content)


def health(port: int) -> Any:
    return asked(port, "GET", "/health/repository")


def see_failure(port: int) -> int:
    """Have it find out that its database cannot be written; how many requests that took."""
    body = requests(1)[0].partition(b"\r\n\r\n")[2]
    asked(port, "POST", PATH, body)
    ends = time.monotonic() + PATIENCE
    while not health(port)["failures"]:
        if time.monotonic() > ends:
            raise RuntimeError("the service does not see that its database is locked")
        time.sleep(0.05)
    return 1


def load(port: int) -> Figures:
    """The figures of a client, a process of its own."""
    arguments = (port, cores()[1], WARM, ASKED, RATE, CLOSED)
    command = [sys.executable, "-m", "history.client", *map(str, arguments)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the client ended with status {done.returncode}: {done.stderr}")
    found = json.loads(done.stdout)
    if "failed" in found:
        raise RuntimeError(f"the client: {found['failed']}")
    return found


def measure(name: str, path: str) -> Figures:
    """Serve, be asked, end; then prove that every answer is where it has to be."""
    mode, file, others = MODES[name], Path(path), 0
    with serving(mode, file) as said:
        port = said["port"]
        status = health(port)["status"]
        with locked(file) if mode.locked else nullcontext():
            if mode.locked:
                others = see_failure(port)
            found = load(port)
            after = health(port)
        figures = found | {"on": said["on"], "dropped": after["dropped"]}
    prove(name, file, found["asked"] + others, status, after)
    return figures


def prove(name: str, file: Path, answers: int, status: str, after: dict[str, Any]) -> None:
    """The mode was as it is called, and nothing is missing; the service has ended."""
    wanted = {
        "off": ("disabled", "disabled", "closed", 0, 0),
        "on": ("healthy", "healthy", "closed", answers, 0),
        "locked": ("healthy", "degraded", "closed", answers, 0),
        "open": ("healthy", "degraded", "open", 1, answers - 1),
    }[name]
    if file.exists():
        with closing(sqlite3.connect(file)) as db:
            (rows,) = db.execute("select count(*) from prompt_history").fetchone()
    else:
        rows = 0
    found = (status, after["status"], after["breaker"], rows, after["dropped"])
    if found != wanted or (name == "off" and file.exists()):
        raise AssertionError(f"{name}: {found} after {answers} answers, not {wanted}")
