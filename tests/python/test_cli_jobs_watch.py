"""The command `holdfast jobs watch`, on jobs of other processes."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast as library
from command_line import COMMAND, failure, holdfast, on_terminal
from holdfast.jobs import JobManager
from job_processes import end, worker

HANDLERS = """
@jobs.handler("steps")
def steps(ctx, payload):
    for percent in (10, 50, 90):
        ctx.report(percent, "step", "[bold]\\x1b[2J")
        time.sleep(0.6)
    if payload:
        raise ValueError(payload)
    return "done"
"""


@pytest.fixture
def jobs(path: Path) -> Iterator[JobManager]:
    with library.open(path) as database, JobManager(database, workers=0) as manager:
        yield manager


@pytest.fixture
def working(path: Path, jobs: JobManager) -> Iterator[None]:
    assert jobs
    with worker(path, HANDLERS) as child:
        yield
        end(child)


def started(*words: object) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*COMMAND, *map(str, words)], stdout=pipe, stderr=pipe, text=True)


def interrupted(process: subprocess.Popen[str]) -> str:
    """What it wrote that was not read yet, after Ctrl-C."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    return out


@pytest.mark.usefixtures("working")
def test_a_line_for_each_change_until_the_job_ends(path: Path, jobs: JobManager) -> None:
    job = jobs.submit("steps").id
    done = holdfast("jobs", "watch", path, job)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[-1] == f"job {job} (steps) succeeded"
    assert rf"job {job} (steps) running: 50 % step [bold]\x1b[2J" in lines
    assert len(lines) == len(set(lines)) >= 3


@pytest.mark.usefixtures("working")
def test_the_exit_code_tells_that_a_job_did_not_succeed(path: Path, jobs: JobManager) -> None:
    job = jobs.submit("steps", "broken").id
    done = holdfast("jobs", "watch", path, job, "--json")
    assert (done.code, done.err) == (1, "")
    changes = [json.loads(line) for line in done.out.splitlines()]
    assert [changes[-1][name] for name in ("id", "state")] == [job, "failed"]
    assert changes[-1]["error"].startswith("ValueError: broken")
    assert 50 in [each["progress"]["percent"] for each in changes]
    assert "no job 99" in failure(holdfast("jobs", "watch", path, 99))


def test_a_queued_job_is_waited_for_until_ctrl_c(path: Path, jobs: JobManager) -> None:
    job = jobs.submit("steps").id
    with started("jobs", "watch", path, job) as process:
        assert process.stdout
        assert process.stdout.readline() == f"job {job} (steps) queued\n"
        jobs.cancel(job)
        assert process.stdout.readline() == f"job {job} (steps) cancelled\n"
        assert process.wait(30) == 1
    second = jobs.submit("steps").id
    with started("jobs", "watch", path, second) as process:
        assert process.stdout
        process.stdout.readline()
        assert interrupted(process) == ""


def test_without_an_id_all_jobs_are_followed(path: Path, jobs: JobManager) -> None:
    ended = jobs.submit("steps").id
    jobs.cancel(ended)
    first = jobs.submit("steps").id
    with started("jobs", "watch", path) as process:
        assert process.stdout
        assert process.stdout.readline() == f"job {first} (steps) queued\n"
        # What has come and gone between two looks is told as well.
        brief = jobs.submit("steps").id
        jobs.cancel(brief)
        with worker(path, HANDLERS) as child:
            jobs.wait(first, 30)
            end(child)
        last = jobs.submit("steps", delay=1000).id
        shown = ""
        while not shown.endswith(f"job {last} (steps) queued\n"):
            shown += process.stdout.readline()
        assert interrupted(process) == ""
    lines = shown.splitlines()
    assert f"job {brief} (steps) cancelled" in lines
    assert f"job {first} (steps) succeeded" in lines
    assert any("50 %" in line for line in lines)
    assert not any(f"job {ended} " in line for line in lines)


def test_a_reader_that_goes_away_ends_it_quietly(path: Path, jobs: JobManager) -> None:
    jobs.submit("steps")
    with started("jobs", "watch", path) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        jobs.submit("steps")
        assert process.wait(30) == 0
        assert process.stderr.read() == ""


@pytest.mark.usefixtures("working")
def test_on_a_terminal_there_is_a_bar(path: Path, jobs: JobManager) -> None:
    code, shown = on_terminal("jobs", "watch", path, jobs.submit("steps").id, COLUMNS="90")
    assert code == 0
    assert "━" in shown
    assert "50 % step" in shown
    assert "\x1b[2J" not in shown
    assert re.search(r"job \d+ \(steps\) succeeded\r\n", shown)


def test_on_a_terminal_a_table_of_all_until_ctrl_c(path: Path, jobs: JobManager) -> None:
    for number in range(100):
        jobs.submit(f"kind {number} \x1b[2J", owner="ann")
    with worker(path, HANDLERS) as child:
        jobs.submit("steps", priority=1)
        code, shown = on_terminal("jobs", "watch", path, until="50 % step")
        end(child)
    assert code == 130
    assert "running" in shown
    assert "100 queued" in shown
    assert r"kind 99" in shown
    assert "\x1b[2J" not in shown
    assert "Traceback" not in shown


def test_a_terminal_that_cannot_be_drawn_on_gets_lines(path: Path, jobs: JobManager) -> None:
    job = jobs.submit("steps").id
    code, shown = on_terminal("jobs", "watch", path, until="queued", TERM="dumb")
    assert (code, shown.partition("\r\n")[0]) == (130, f"job {job} (steps) queued")


def test_watching_changes_nothing(path: Path, jobs: JobManager) -> None:
    job = jobs.submit("steps").id
    jobs.cancel(job)
    before = path.read_bytes()
    assert holdfast("jobs", "watch", path, job).code == 1
    assert path.read_bytes() == before
