"""`holdfast serve` as a process of its own."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from command_line import COMMAND
from handlers import WAIT


@contextmanager
def serving(*words: object, cwd: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """Run the command on a free port; a client that may do what the page may."""
    process = subprocess.Popen(
        [*COMMAND, "serve", *map(str, words), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )
    try:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://[\w.\[\]:]+:\d+/", url), process.communicate()
        with httpx.Client(base_url=url, timeout=WAIT, trust_env=False) as web:
            found = re.search(r'name="holdfast-token" content="([^"]*)"', web.get("/").text)
            if found:
                web.headers.update({"Origin": url[:-1], "X-Holdfast-Token": found[1]})
            yield web, process
    finally:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str], number: signal.Signals, code: int) -> None:
    """End it by a signal; it says nothing and leaves nothing running."""
    process.send_signal(number)
    out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, out, err) == (code, "", "")
