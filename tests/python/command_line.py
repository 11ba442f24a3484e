"""The command line as a shell runs it: a process of its own."""

import hashlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

COMMAND = (sys.executable, "-W", "error", "-m", "holdfast")


class Done(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        assert self.err == ""
        return json.loads(self.out)


def holdfast(*words: object, stdin: str | bytes = b"", **environment: str) -> Done:
    """Run a command with standard input from a pipe."""
    sent = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [*COMMAND, *map(str, words)],
        input=sent,
        capture_output=True,
        env=os.environ | environment,
        timeout=60,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def failure(done: Done, code: int = 1) -> str:
    """Return the one line that a failure wrote, after checking that there was no more."""
    assert (done.code, done.out) == (code, ""), done
    assert "Traceback" not in done.err
    assert done.err.count("\n") == 1
    assert done.err.startswith("error: ")
    return done.err


def on_terminal(
    *words: object, typed: str = "", until: str = "", **environment: str
) -> tuple[int, str]:
    """Run a command on a terminal, type into it, and return its code and what showed.

    It is interrupted once it has shown `until`.
    """
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *map(str, words)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "60"} | environment,
        start_new_session=True,
    )
    os.close(follower)
    if typed:
        os.write(leader, typed.encode())
    shown = b""
    try:
        while select.select([leader], [], [], 30)[0]:
            # The last process to leave the terminal ends it with EIO.
            if not (read := os.read(leader, 65536)):
                break
            shown += read
            if until and until in shown.decode(errors="ignore"):
                process.send_signal(signal.SIGINT)
                until = ""
    except OSError:
        pass
    finally:
        os.close(leader)
    return process.wait(30), shown.decode()


def make(path: Path, *statements: str, **pragmas: object) -> Path:
    """Make a database with another SQLite, which a file made elsewhere would come from."""
    path.touch()
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    code += "for s in sys.argv[2:]: c.execute(s)\n"
    code += "c.close()"
    # Once in WAL mode, a file takes no other auto_vacuum: sorted by name it comes first.
    settings = [f"pragma {name} = {value}" for name, value in sorted(pragmas.items())]
    subprocess.run([sys.executable, "-c", code, path, *settings, *statements], check=True)
    return path


FILL = (
    "create table note(id integer primary key, body)",
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 3000) "
    "insert into note select n, randomblob(500) from c",
    "delete from note where id % 100",
)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
