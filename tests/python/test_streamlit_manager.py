"""One manager for a Streamlit server, whatever is run again, changed or cleared."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from holdfast.jobs import JobManager, JobState
from holdfast.streamlit import job_manager
from processes import Child
from streamlit_pages import DEADLINE, job_threads, managers_ended, waiter

PAGE = """
import streamlit as st
from holdfast.streamlit import job_manager, job_panel

jobs = job_manager({folder!r})

@jobs.handler("version")
def version(ctx, payload):
    return {version!r}

st.session_state.result = jobs.wait(jobs.submit("version").id, 20).result
st.session_state.manager = id(jobs)
"""


@pytest.fixture(autouse=True)
def managers() -> Iterator[None]:
    with managers_ended():
        yield


def run(folder: Path, version: str) -> AppTest:
    source = PAGE.format(folder=str(folder), version=version)
    at = AppTest.from_string(source, default_timeout=DEADLINE).run()
    assert not at.exception
    return at


def until_one_is_left() -> None:
    """Wait until one manager has threads: each has one of the name `holdfast-jobs`."""
    deadline = time.monotonic() + DEADLINE
    while job_threads().count("holdfast-jobs") != 1:
        assert time.monotonic() < deadline, job_threads()
        time.sleep(0.01)


def until_it_works(jobs: JobManager, job_id: int) -> None:
    assert any(progress.percent for progress in jobs.subscribe(job_id))


def test_sessions_and_runs_share_a_manager_and_its_threads(tmp_path: Path) -> None:
    first, second = run(tmp_path, "1"), run(tmp_path, "1")
    first.run()
    assert first.session_state.manager == second.session_state.manager
    assert len(job_threads()) <= 3


def test_changed_code_runs_on_the_same_threads(tmp_path: Path) -> None:
    for version in map(str, range(10)):
        assert run(tmp_path, version).session_state.result == version
    assert len(job_threads()) <= 3


def test_a_cleared_cache_leaves_the_manager_and_its_jobs_alone(tmp_path: Path) -> None:
    jobs = job_manager(tmp_path)
    jobs.handler("wait")(waiter)
    job = jobs.submit("wait", {"percent": 1})
    until_it_works(jobs, job.id)
    for version in map(str, range(5)):
        st.cache_resource.clear()
        assert run(tmp_path, version).session_state.manager == id(jobs)
    assert len(job_threads()) <= 3
    assert jobs.status(job.id) is JobState.RUNNING


def test_changed_settings_count_once_the_cache_is_cleared(tmp_path: Path) -> None:
    former = job_manager(tmp_path, workers=1)
    former.handler("wait")(waiter)
    job = former.submit("wait", {"percent": 1})
    until_it_works(former, job.id)
    assert job_manager(tmp_path, workers=3) is former
    st.cache_resource.clear()
    manager = job_manager(tmp_path, workers=3)
    assert manager is not former
    # As after a restart: the job is run again, and the threads of the former manager end.
    manager.handler("wait")(lambda ctx, payload: ctx.attempt)
    assert manager.result(job.id, DEADLINE) == 2
    until_one_is_left()


def test_a_database_has_one_manager_whatever_it_is_called(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "data")
    jobs = job_manager(tmp_path / "data")
    assert job_manager(str(link)) is jobs
    assert job_manager(tmp_path / "data" / ".." / "data") is jobs
    assert job_manager(tmp_path / "data", database="other.db") is not jobs


def test_sessions_that_start_together_get_one_manager(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def start(_: int) -> int:
        barrier.wait(DEADLINE)
        return id(job_manager(tmp_path))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(8)))) == 1


def test_modules_that_are_imported_anew_find_the_manager(tmp_path: Path) -> None:
    # What the server does with modules outside of site-packages when a file changes.
    code = """
import logging, sys, threading
logging.disable()
for _ in range(3):
    import holdfast.streamlit
    jobs = holdfast.streamlit.job_manager(sys.argv[1])
    jobs.handler("add")(lambda ctx, payload: 3)
    assert jobs.result(jobs.submit("add").id, 20) == 3
    print(id(jobs), flush=True)
    for name in [name for name in sys.modules if name.partition(".")[0] == "holdfast"]:
        del sys.modules[name]
assert len([t for t in threading.enumerate() if t.name.startswith("holdfast-")]) <= 3
"""
    with Child(code, tmp_path) as child:
        assert child.wait() == 0, child.errors
        assert len(set(child.rest())) == 1


def test_the_server_can_exit_while_a_job_runs(tmp_path: Path) -> None:
    code = """
import logging, sys, time
logging.disable()
from holdfast.streamlit import job_manager
jobs = job_manager(sys.argv[1])
@jobs.handler("wait")
def wait(ctx, payload):
    while True:
        ctx.check()
        time.sleep(0.01)
job = jobs.submit("wait")
while jobs.status(job.id) != "running":
    time.sleep(0.01)
"""
    with Child(code, tmp_path) as child:
        assert child.wait() == 0
    # Queued again, for the next start of the server.
    assert job_manager(tmp_path).status(1) is JobState.QUEUED


def test_a_manager_that_was_shut_down_is_replaced(tmp_path: Path) -> None:
    former = job_manager(tmp_path)
    former.shutdown()
    manager = job_manager(tmp_path)
    assert manager is not former
    assert job_manager(tmp_path) is manager
    assert manager.result(manager.submit(lambda ctx, payload: 1).id, DEADLINE) == 1
