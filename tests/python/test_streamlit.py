"""The panel of a job on a Streamlit page."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import holdfast
from holdfast.jobs import JobContext, JobManager, JobState
from holdfast.streamlit import job_manager, job_panel
from streamlit_pages import DEADLINE, bars, managers_ended, texts, until, waiter


def page(folder: str, job_id: int) -> None:
    from holdfast.streamlit import job_manager, job_panel

    job_panel(job_manager(folder), job_id)


@pytest.fixture(autouse=True)
def managers() -> Iterator[None]:
    with managers_ended():
        yield


@pytest.fixture
def jobs(tmp_path: Path) -> JobManager:
    return job_manager(tmp_path)


def shown(folder: Path, job_id: int) -> AppTest:
    return AppTest.from_function(page, args=(str(folder), job_id), default_timeout=DEADLINE).run()


def test_a_job_is_followed_to_its_result(jobs: JobManager, tmp_path: Path) -> None:
    going = threading.Event()

    @jobs.handler("add")
    def add(ctx: JobContext, payload: dict[str, int]) -> dict[str, int]:
        ctx.report(40, "adding", "1 of 2")
        going.wait(DEADLINE)
        return {"sum": payload["a"] + payload["b"]}

    at = shown(tmp_path, jobs.submit("add", {"a": 1, "b": 2}).id)
    until(at, lambda: bars(at) and bars(at)[0].value == 40)
    assert "running" in texts(at)
    assert bars(at)[0].text == "adding · 1 of 2"
    going.set()
    until(at, lambda: "succeeded" in texts(at))
    assert "sum: 3" in texts(at)
    assert not bars(at)
    assert not at.button


def test_a_job_is_cancelled_by_its_button(jobs: JobManager, tmp_path: Path) -> None:
    jobs.handler("wait")(waiter)
    job = jobs.submit("wait", {"percent": 10})
    at = shown(tmp_path, job.id)
    until(at, lambda: "running" in texts(at))
    at.button[0].click().run()
    until(at, lambda: "cancelled" in texts(at))
    assert jobs.wait(job.id, DEADLINE).state is JobState.CANCELLED
    assert not at.button


def test_a_failure_is_shown_without_secrets(jobs: JobManager, tmp_path: Path) -> None:
    @jobs.handler("fail")
    def fail(ctx: JobContext, payload: None) -> None:
        raise ValueError("no access with password=hunter2 ![x](http://example.invalid)")

    at = shown(tmp_path, jobs.submit("fail").id)
    until(at, lambda: "failed" in texts(at))
    # As code: no text of an error is ever Markdown that could load something.
    assert "ValueError: no access with password=***" in at.code[0].value
    assert "hunter2" not in texts(at)


def test_what_a_handler_says_is_shown_as_it_is(jobs: JobManager, tmp_path: Path) -> None:
    jobs.handler("*wait*")(waiter)
    at = shown(tmp_path, jobs.submit("*wait*", {"percent": 10}).id)
    until(at, lambda: bars(at) and bars(at)[0].text)
    assert bars(at)[0].text == r"reading · page\_1\*of\*2"
    assert r"**\*wait\***" in texts(at)


def test_a_job_that_is_not_kept_is_told(tmp_path: Path) -> None:
    at = shown(tmp_path, 99)
    assert "Job 99 is not kept any more" in at.info[0].value


def test_a_panel_looks_each_second_until_the_job_has_ended(
    jobs: JobManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float | None] = []

    def fragment(look: Callable[[], None], *, run_every: float | None) -> Callable[[], None]:
        asked.append(run_every)
        return look

    monkeypatch.setattr(st, "fragment", fragment)
    jobs.handler("wait")(waiter)
    job = jobs.submit("wait", {"percent": 10})
    job_panel(jobs, job.id)
    jobs.cancel(job.id)
    jobs.wait(job.id, DEADLINE)
    job_panel(jobs, job.id)
    assert asked == [1.0, None]


def test_a_database_that_is_away_is_no_error_of_the_page(
    jobs: JobManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise holdfast.BusyError("the file is busy")

    for verb in ("get", "status", "progress"):
        monkeypatch.setattr(JobManager, verb, busy)
    at = shown(tmp_path, 1)
    assert "cannot be looked at just now" in at.warning[0].value
    assert not at.exception


def test_importing_holdfast_and_its_jobs_does_not_import_streamlit() -> None:
    code = "import sys, holdfast, holdfast.jobs; assert 'streamlit' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_streamlit_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['streamlit'] = None; import holdfast.streamlit"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'pip install "holdfast[streamlit]"' in done.stderr.splitlines()[-1]
