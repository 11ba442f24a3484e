"""Jobs on a Streamlit page: one manager for the process, and a panel that follows a job.

It comes with an extra: `pip install "holdfast[streamlit]"`. `docs/streamlit.md` is the guide.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import Any, cast

from .database import open as open_database
from .errors import Error
from .jobs import Job, JobManager, JobState, UnknownJobError

try:
    import streamlit as st
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        'holdfast.streamlit needs Streamlit: pip install "holdfast[streamlit]"', name=missing.name
    ) from missing

__all__ = ["job_manager", "job_panel"]

#: Seconds between two looks of a panel at a job that has not ended.
EVERY = 1.0

_LOOKS = {
    JobState.QUEUED: (":material/schedule:", "gray"),
    JobState.RUNNING: (":material/play_arrow:", "blue"),
    JobState.SUCCEEDED: (":material/check:", "green"),
    JobState.FAILED: (":material/error:", "red"),
    JobState.CANCELLED: (":material/block:", "orange"),
    JobState.INTERRUPTED: (":material/power_off:", "orange"),
}

# By path: the cache of Streamlit can be cleared at any time, while jobs run.
_managers: dict[Path, tuple[dict[str, Any], JobManager]] = {}
_lock = threading.Lock()


def job_manager(
    data_dir: str | os.PathLike[str], *, database: str = "jobs.db", **settings: Any
) -> JobManager:
    """Return the manager of the jobs in a directory, the same one in all runs, pages and sessions.

    `database` is its file in `data_dir`, both made if missing; `settings` are those of `JobManager`
    and count when it is made. The manager outlasts changes of the code and a cleared cache. Where
    the cache was cleared and the settings have changed, a new one takes its place as after a
    restart: jobs that run are asked to stop, and are run again. It is shut down at exit.

    >>> jobs = job_manager(folder, workers=1)
    >>> jobs is job_manager(folder, workers=1)
    True
    >>> jobs.shutdown()
    """
    folder = str(Path(data_dir).resolve())
    if (manager := _manager(folder, database, settings)).closed:
        _manager.clear(folder, database, settings)
        manager = _manager(folder, database, settings)
    return manager


@st.cache_resource(show_spinner=False)
def _manager(folder: str, database: str, _settings: dict[str, Any]) -> JobManager:
    path = Path(folder, database)
    with _lock:
        settings, former = _managers.get(path, (None, None))
        if former is not None and settings == _settings and not former.closed:
            return former
        db = open_database(database, data_dir=folder)
        try:
            manager = JobManager(db, data_dir=folder, **_settings)
        except BaseException:
            db.close()
            raise
        _managers[path] = _settings, manager
    if former is not None:
        former.shutdown(wait=False, cancel=True)
    return manager


def job_panel(manager: JobManager, job_id: int) -> None:
    """Show a job: state, progress, a button to cancel it, and in the end its result or its error.

    Looks at the job every second, without running the rest of the page. When the job has ended the
    page is run once more, and the panel stops looking.
    """
    polls = not _has_ended(manager, job_id)

    def look() -> None:
        if polls and _has_ended(manager, job_id):
            st.rerun()
        _show(manager, job_id)

    st.fragment(look, run_every=EVERY if polls else None)()


def _has_ended(manager: JobManager, job_id: int) -> bool:
    try:
        return manager.status(job_id).finished
    except UnknownJobError:
        return True
    except Error:
        # The database is busy or away: look again.
        return False


def _show(manager: JobManager, job_id: int) -> None:
    try:
        job = manager.get(job_id)
        progress = job.progress if job.state.finished else manager.progress(job_id)
    except UnknownJobError:
        st.info(f"Job {job_id} is not kept any more.")
        return
    except Error:
        st.warning(f"Job {job_id} cannot be looked at just now. It goes on meanwhile.")
        return
    with st.container(border=True):
        _head(job)
        if not job.state.finished:
            steps = [_plain(text) for text in (progress.phase, progress.message) if text]
            text = " · ".join(steps) or None
            st.progress((progress.percent or 0.0) / 100, text)
            if not job.saved:
                st.caption("The database cannot be written just now: kept in memory.")
            st.button(
                "Stopping …" if job.cancel_requested else "Cancel",
                key=f"holdfast_cancel_{job_id}",
                on_click=_cancel,
                args=(manager, job_id),
                disabled=job.cancel_requested,
            )
        elif job.error is not None:
            st.code(job.error, language=None, wrap_lines=True)
        elif job.state is JobState.SUCCEEDED:
            _result(job.result)


def _head(job: Job) -> None:
    icon, color = _LOOKS[job.state]
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.markdown(f"**{_plain(job.kind)}** :gray[#{job.id}]", width="content")
        st.markdown(f":{color}-badge[{icon} {job.state}]", width="content")


def _result(result: Any) -> None:
    match result:
        case None:
            return
        case dict():
            values = cast("dict[str, Any]", result)
            if any(isinstance(value, dict | list) for value in values.values()):
                st.json(values)
            else:
                st.text("\n".join(f"{name}: {value}" for name, value in values.items()))
        case list():
            st.json(cast("list[Any]", result))
        case _:
            st.text(result)


def _cancel(manager: JobManager, job_id: int) -> None:
    try:
        manager.cancel(job_id)
    except UnknownJobError:
        pass
    except Error:
        st.toast(f"Job {job_id} could not be cancelled just now: try again.")


def _plain(text: str) -> str:
    """Return Markdown that shows a text as it is: it may come from a file's name."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
