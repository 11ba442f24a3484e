"""The example service that has a history, as a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from handlers import WAIT
from job_processes import eventually

EXAMPLES = Path(__file__).parents[2] / "examples"
SERVE = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), "prompt_service:app"]
SERVE += ["--port", "0"]
#: So that a test sees a breaker open and close soon.
BREAKER = {"SQLITE_BREAKER_FAILURES": "2", "SQLITE_BREAKER_SECONDS": "0.3"}


class Service:
    """A process that serves the example, and a client of it."""

    def __init__(self, folder: Path, before: Sequence[str], settings: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [*before, *SERVE],
            cwd=folder,
            env={**_plain(), **settings},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self._said: list[str] = []
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stderr
        self._said.extend(iter(self.process.stderr.readline, ""))

    @property
    def said(self) -> str:
        """What the process has logged."""
        return "".join(self._said)

    def url(self) -> str:
        """Wait until it serves; where."""
        found = eventually(lambda: self._running() or self.process.poll() is not None)
        assert isinstance(found, re.Match), self.said
        return found[1]

    def _running(self) -> re.Match[str] | None:
        return re.search(r"running on (http://[\d.]+:\d+)", self.said)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(WAIT)
        self._thread.join()
        if self.process.stderr:
            self.process.stderr.close()
        return code


class Client:
    """Somebody who uses the service."""

    def __init__(self, web: httpx.Client, service: Service) -> None:
        self.web = web
        self.service = service

    def improve(self, idea: str = "a poem about the sea", **fields: Any) -> dict[str, Any]:
        """Have a prompt improved, which never fails."""
        answer = self.web.post("/api/v1/improve-prompt", json={"idea": idea, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def health(self) -> dict[str, Any]:
        """Ask how the history is doing, which never fails."""
        answer = self.web.get("/health/repository")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def is_(self, status: str) -> bool:
        """Whether the history is doing so."""
        return self.health()["status"] == status

    def has(self, idea: str) -> bool:
        """Whether the history has a record, now or soon."""
        answer = self.web.get("/api/v1/history/search", params={"q": f'"{idea}"'})
        return answer.status_code == 200 and answer.json()["total"] > 0


@contextmanager
def service(folder: Path, *, before: Sequence[str] = (), **settings: object) -> Iterator[Client]:
    """Serve the example in a folder, with settings of the history; `before` is a command for it."""
    named = {f"SQLITE_{name.upper()}": str(value) for name, value in settings.items()}
    process = Service(folder, before, {**BREAKER, **named})
    try:
        with httpx.Client(base_url=process.url(), timeout=WAIT, trust_env=False) as web:
            yield Client(web, process)
    finally:
        process.end(signal.SIGKILL)


def refused(folder: Path, **settings: str) -> str:
    """Serve it with settings that cannot be; what it says before it ends."""
    process = Service(folder, (), settings)
    code = process.process.wait(WAIT)
    process.end()
    assert code != 0
    return process.said


def _plain() -> dict[str, str]:
    """The environment without settings of a history."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SQLITE_", "PROMPT_"))
    }
