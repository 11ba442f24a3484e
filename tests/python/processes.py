"""Other processes, seen over pipes: run Python code, talk by lines, look at a live database."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEADLINE = 30.0


class Child:
    """A Python process that runs `code` with `args` in `sys.argv[1:]`."""

    def __init__(self, code: str, *args: object) -> None:
        command = [sys.executable, "-W", "error", "-c", code, *map(str, args)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self.pid = self.process.pid
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._errors: list[str] = []
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._drain)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _drain(self) -> None:
        assert self.process.stderr
        self._errors.extend(self.process.stderr)

    @property
    def errors(self) -> str:
        return "".join(self._errors)

    def line(self, timeout: float = DEADLINE) -> str:
        """Return the next line that the child prints."""
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            self.kill()
            raise AssertionError(f"the child printed nothing; {self.errors}") from None
        assert line is not None, f"the child ended; {self.errors}"
        return line

    def send(self, line: str = "") -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def finish(self, timeout: float = DEADLINE) -> list[str]:
        """Wait for the end; the child must not have failed or complained."""
        code = self.wait(timeout)
        assert code == 0, f"exit code {code}: {self.errors}"
        assert self.errors == ""
        return self.rest()

    def wait(self, timeout: float = DEADLINE) -> int:
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the child did not end in {timeout} s") from None
        self._close()
        return code

    def rest(self) -> list[str]:
        """Return the lines not read yet, after the end."""
        return list(iter(self._lines.get_nowait, None))

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._close()

    def _close(self) -> None:
        for thread in self._threads:
            thread.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream and not stream.closed:
                stream.close()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def run(code: str, *args: object, timeout: float = DEADLINE) -> list[str]:
    """Run code in a process of its own; return the lines that it printed."""
    with Child(code, *args) as child:
        return child.finish(timeout)


_LOOK = """
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=20)
print(json.dumps(connection.execute(sys.argv[2], json.loads(sys.argv[3])).fetchall()))
connection.commit()
connection.close()
"""


def look(path: Path, sql: str, *parameters: Any) -> list[list[Any]]:
    """Run one statement with the standard library's sqlite3, in another process."""
    return json.loads(run(_LOOK, path, sql, json.dumps(parameters))[0])


_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
connection.execute("begin immediate")
print("held", flush=True)
sys.stdin.readline()
connection.execute("commit")
connection.close()
"""


@contextmanager
def lock_held(path: Path) -> Iterator[Child]:
    """Another process holds the write lock; `send()` ends that early."""
    with Child(_HOLD, path) as child:
        assert child.line() == "held"
        yield child


def fork(work: Callable[[], object]) -> int:
    """Run `work` in a forked child, which must end by itself soon."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        # The handler of the tests' own timeout would only be called between two bytecodes.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(30)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def join(pid: int) -> None:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
