"""The service under load in all its modes: it on one processor, who asks it on another.

All run at once, and those that are not asked are stopped: the modes take turns of seconds, so that
a slow minute of the machine hits all of them. Afterwards every answer is looked for in the file, or
among what was dropped and counted.
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
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from peers.harness import ENVIRONMENT
from peers.timing import percentiles

from .client import Client, arrivals
from .texts import PATH, requests

Figures = dict[str, Any]
#: Turns of each mode, and requests before the first.
TURNS, WARM = 6, 500
#: Requests of a turn: to come round, at a rate, and one after the other; and the rate, which is far
#: from what the service can do.
AWAKE, ASKED, CLOSED, RATE = 20, 400, 300, 200.0
#: Seconds that anything may take that ought to take moments.
PATIENCE = 60.0


class Mode(NamedTuple):
    """How the service is set, and whether another process holds its database's lock.

    `longer` is how many times as long a turn is as those of others.
    """

    said: str
    settings: dict[str, str]
    locked: bool = False
    longer: float = 1.0


MODES = {
    "off": Mode("off", {"SQLITE_ENABLED": "false"}),
    # What two services differ by that do the same.
    "again": Mode("off, another service", {"SQLITE_ENABLED": "false"}),
    "on": Mode("on", {}),
    # Never left alone: what is measured is a service that keeps trying, for a second of about six.
    # Each turn begins with a try.
    "locked": Mode(
        "on, the database locked by another process",
        {"SQLITE_BREAKER_FAILURES": "1000000"},
        locked=True,
        longer=2.5,
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


class Service(NamedTuple):
    """A service that runs, and what it has said."""

    process: subprocess.Popen[bytes]
    port: int
    on: list[str]

    def rest(self) -> None:
        """Stop: all of its threads."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def serving(mode: Mode, file: Path, core: int) -> Iterator[Service]:
    """A service on a processor, until it has ended by itself."""
    command = [sys.executable, "-m", "history.serve", str(core)]
    process = subprocess.Popen(
        command, env=environment(mode, file), cwd=file.parent, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout
        said = json.loads(process.stdout.readline() or "{}")
        if not said:
            raise RuntimeError("the service did not start")
        yield Service(process, **said)
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


class Turns:
    """A mode in its turns: how long its answers took, and how many there were in how long."""

    def __init__(self, name: str, file: Path, core: int, stack: ExitStack) -> None:
        mode = MODES[name]
        self.name, self.file = name, file
        self.asked = int(ASKED * mode.longer)
        self.service = stack.enter_context(serving(mode, file, core))
        self.status = health(self.service.port)["status"]
        self.others = 0
        if mode.locked:
            stack.enter_context(locked(file))
            self.others = see_failure(self.service.port)
        self.client = stack.enter_context(closing(Client(self.service.port)))
        self.client.in_turn(WARM)
        asked(self.service.port, "GET", "/saves")
        self.service.rest()
        self.took, self.seconds = array("Q"), 0.0

    def take(self, turn: int) -> None:
        """Ask for a while, at the times of this turn."""
        self.service.go_on()
        self.client.at_times(arrivals(AWAKE, RATE, turn))
        self.took += self.client.at_times(arrivals(self.asked, RATE, turn))
        self.seconds += self.client.in_turn(CLOSED)
        self.service.rest()

    def end(self) -> Figures:
        """The figures; how it is doing is kept for the proof."""
        self.service.go_on()
        self.after = health(self.service.port)
        figures = percentiles(self.took) | {"rate": CLOSED * TURNS / self.seconds}
        figures |= {"asked": self.client.asked, "dropped": self.after["dropped"]}
        saves = asked(self.service.port, "GET", "/saves")
        figures |= {f"save {name}": value for name, value in saves.items()}
        return figures | {"on": self.service.on}

    def prove(self) -> None:
        answers = self.client.asked + self.others
        prove(self.name, self.file, answers, self.status, self.after)


def measure(core: int, folder: Path) -> dict[str, Figures]:
    """The figures of every mode, with the services on one processor; all is proven."""
    with ExitStack() as stack:
        modes: list[Turns] = []
        for name in MODES:
            (folder / name).mkdir()
            modes.append(Turns(name, folder / name / "history.db", core, stack))
        for turn in range(TURNS):
            for mode in (*modes[turn % len(modes) :], *modes[: turn % len(modes)]):
                mode.take(turn)
        figures = {mode.name: mode.end() for mode in modes}
    for mode in modes:
        mode.prove()
    return figures


def prove(name: str, file: Path, answers: int, status: str, after: dict[str, Any]) -> None:
    """The mode was as it is called, and nothing is missing; the service has ended."""
    wanted = {
        "off": ("disabled", "disabled", "closed", 0, 0),
        "again": ("disabled", "disabled", "closed", 0, 0),
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
    if found != wanted or (status == "disabled" and file.exists()):
        raise AssertionError(f"{name}: {found} after {answers} answers, not {wanted}")
