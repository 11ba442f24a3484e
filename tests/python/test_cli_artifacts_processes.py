"""Syncs of several processes, and syncs that end before they are through."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command_line import COMMAND, failure, holdfast, on_terminal
from markdown_folder import database_of, fill_with
from processes import Child

COUNT = 5_000
#: Stops a process, once its sync has written something, and lets it go on when it reads a line.
HOLD = """
import os, signal, sqlite3, sys, time
from pathlib import Path
process = int(input())
while not Path(sys.argv[1]).exists():
    time.sleep(0.001)
c = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=20)
while True:
    try:
        if c.execute("select 1 from sync_log where status = 'running' and added > 0").fetchone():
            break
    except sqlite3.OperationalError:
        pass
    time.sleep(0.001)
os.kill(process, signal.SIGSTOP)
print("held", flush=True)
if input() == "go on":
    os.kill(process, signal.SIGCONT)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill_with(tmp_path / "docs", COUNT)


def started(*words: object) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [*COMMAND, "artifacts", *map(str, words)]
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


@contextmanager
def held(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Child]]:
    """A sync that has written a part and cannot go on, and the process that keeps it from that."""
    with Child(HOLD, database_of(folder)) as holder:
        sync = started("sync", folder)
        holder.send(str(sync.pid))
        try:
            assert holder.line() == "held"
            yield sync, holder
        finally:
            sync.kill()
            sync.communicate()


def log(folder: Path) -> list[str]:
    runs = holdfast("artifacts", "log", "--root", folder, "--json").json
    return [run["status"] for run in runs]


def goes_on(folder: Path) -> None:
    """The next sync does what is left."""
    result = holdfast("artifacts", "sync", folder, "--json").json
    assert 0 < result["added"] < COUNT
    assert result["added"] + result["unchanged"] == COUNT
    assert holdfast("artifacts", "sync", folder, "--check").code == 0


def test_ctrl_c_ends_a_sync_and_what_it_wrote_stays(folder: Path) -> None:
    with held(folder) as (sync, holder):
        sync.send_signal(signal.SIGINT)
        holder.send("go on")
        holder.finish()
        out, err = sync.communicate(timeout=30)
        assert (sync.returncode, out, err) == (130, "", "")
    assert log(folder) == ["cancelled"]
    assert "come to its end" in failure(holdfast("artifacts", "query", "--root", folder))
    assert 0 < holdfast("artifacts", "stats", "--root", folder, "--json").json["total"] < COUNT
    goes_on(folder)
    assert log(folder) == ["completed", "cancelled"]


def test_a_sync_that_was_killed_shows_in_the_log_and_the_next_one_goes_on(folder: Path) -> None:
    with held(folder) as (sync, holder):
        assert log(folder) == ["running"]
        sync.kill()
        sync.wait(30)
        holder.send()
        holder.finish()
    assert log(folder) == ["interrupted"]
    lines = holdfast("artifacts", "log", "--root", folder).out.splitlines()
    assert lines[2].split()[:3] == ["1", "incremental", "interrupted"]
    goes_on(folder)
    assert log(folder) == ["completed", "interrupted"]


def test_two_syncs_at_once_do_the_work_once(folder: Path) -> None:
    syncs = [started("sync", folder, "--json") for _ in range(2)]
    done = [sync.communicate(timeout=60) for sync in syncs]
    assert [sync.returncode for sync in syncs] == [0, 0], done
    assert log(folder) == ["completed", "completed"]
    runs = holdfast("artifacts", "log", "--root", folder, "--json").json
    assert sorted(run["added"] for run in runs) == [0, COUNT]
    assert holdfast("artifacts", "sync", folder, "--check").code == 0


def test_a_sync_shows_progress_on_a_terminal_only(folder: Path) -> None:
    code, shown = on_terminal("artifacts", "sync", folder)
    assert (code, "Syncing" in shown) == (0, True)
    assert f"{COUNT} new" in shown
    assert holdfast("artifacts", "sync", folder, "--full").err == ""


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_closed_pipe_is_quiet(folder: Path, option: list[str]) -> None:
    holdfast("artifacts", "sync", folder)
    with started("query", "--root", folder, "--limit", 1000, *option) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) == 0
