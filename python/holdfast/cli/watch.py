"""The command `holdfast jobs watch`: jobs as they change, live on a terminal, else line by line."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from . import output
from .job_files import jobs_to_read
from .options import File, Json, number
from .times import age

if TYPE_CHECKING:
    from rich.table import Table

    from ..jobs import Job, JobReader, Progress

#: Seconds between two looks.
EVERY = 0.25
#: Jobs that are looked at together, at most: as many as `JobReader.list` takes.
MOST = 1000


def watch(
    file: File,
    job_id: Annotated[
        int | None,
        typer.Argument(
            metavar="ID",
            parser=number,
            help="The job; all if it is left out.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Follow a job until it ends, or all that wait or run until Ctrl-C, whoever runs them.

    On a terminal the view is live, else there is a line for each change; with --json it is an
    object. With an ID the exit code is 0 when the job has succeeded, else 1.
    """
    from ..jobs import JobState

    live = output.on_terminal(sys.stdout) and not as_json and _is_drawn_on()
    with jobs_to_read(file) as jobs:
        if job_id is None:
            if live:
                _table(jobs)
            else:
                _lines(jobs, as_json=as_json)
        elif (_bar if live else _line)(jobs, job_id, as_json=as_json) is not JobState.SUCCEEDED:
            raise typer.Exit(1)


def _is_drawn_on() -> bool:
    from rich.console import Console

    # On one that cannot move its cursor a live view would show at its end only.
    return Console().is_interactive


def how_far(progress: Progress) -> str:
    """Show progress in a few words."""
    percent = None if progress.percent is None else f"{progress.percent:.0f} %"
    return " ".join(part for part in (percent, progress.phase, progress.message) if part)


def told(job: Job) -> str:
    """Tell a job's state in a line."""
    attempt = f", attempt {job.attempt}" if job.attempt > 1 else ""
    asked = ", asked to stop" if job.cancel_requested and not job.state.finished else ""
    more = job.error if job.state.finished else how_far(job.progress)
    return f"job {job.id} ({job.kind}) {job.state}{attempt}{asked}{f': {more}' if more else ''}"


def _seen(job: Job) -> tuple[object, ...]:
    return job.state, job.attempt, job.cancel_requested, job.progress


def _say(job: Job, *, as_json: bool) -> None:
    if as_json:
        output.json_line(job)
    else:
        output.line(told(job))
    # Whoever reads a pipe wants each change when it happens.
    output.flush()


def _changes(jobs: JobReader, job_id: int) -> Iterator[Job]:
    seen = None
    while True:
        job = jobs.get(job_id)
        if seen != (seen := _seen(job)):
            yield job
        if job.state.finished:
            return
        time.sleep(EVERY)


def _line(jobs: JobReader, job_id: int, *, as_json: bool) -> str:
    state = ""
    for job in _changes(jobs, job_id):
        _say(job, as_json=as_json)
        state = job.state
    return state


def _bar(jobs: JobReader, job_id: int, *, as_json: bool) -> str:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    text = TextColumn(
        "{task.description}",
        markup=False,
        table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
    )
    job = jobs.get(job_id)
    with Progress(BarColumn(20), TimeElapsedColumn(), text, transient=True, expand=True) as bar:
        task = bar.add_task("", total=None)
        for job in _changes(jobs, job_id):
            percent = job.progress.percent
            total = None if percent is None else 100
            bar.update(
                task, completed=percent or 0, total=total, description=output.visible(told(job))
            )
    _say(job, as_json=as_json)
    return job.state


def _lines(jobs: JobReader, *, as_json: bool) -> None:
    from ..jobs import UnknownJobError

    seen: dict[int, tuple[object, ...]] = {}
    newest = max((job.id for job in jobs.list(limit=1).items), default=0)
    while True:
        found = {job.id: job for job in _active(jobs, MOST)}
        # One that came and ended between two looks is told too.
        for job in _after(jobs, newest):
            found.setdefault(job.id, job)
            newest = max(newest, job.id)
        for job_id in seen.keys() - found.keys():
            with suppress(UnknownJobError):
                found[job_id] = jobs.get(job_id)
        before, seen = seen, {}
        for job_id in sorted(found):
            job = found[job_id]
            if before.get(job_id) != _seen(job):
                _say(job, as_json=as_json)
            if not job.state.finished:
                seen[job_id] = _seen(job)
        time.sleep(EVERY)


def _active(jobs: JobReader, most: int) -> list[Job]:
    """Running jobs, then queued ones, the newest of each."""
    running = jobs.list(state="running", limit=most).items
    left = most - len(running)
    return [*running, *(jobs.list(state="queued", limit=left).items if left > 0 else ())]


def _after(jobs: JobReader, newest: int) -> Iterator[Job]:
    cursor = None
    while True:
        page = jobs.list(limit=MOST, cursor=cursor)
        yield from (job for job in page.items if job.id > newest)
        cursor = page.cursor
        if cursor is None or cursor <= newest:
            return


def _table(jobs: JobReader) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console()
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(_rows(jobs, min(MOST, max(1, console.height - 4))), refresh=True)
            time.sleep(EVERY)


def _rows(jobs: JobReader, room: int) -> Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    counts: dict[str, int] = {**jobs.counts()}
    title = Text(f"{counts['running']} running, {counts['queued']} queued")
    table = Table(title=title, title_justify="left", box=None, expand=True, pad_edge=False)
    table.add_column("id", justify="right", no_wrap=True)
    for name, ratio in (("kind", 2), ("state", None), ("", None), ("progress", 3), ("age", None)):
        table.add_column(name, ratio=ratio, no_wrap=True, overflow="ellipsis")
    for job in _active(jobs, room):
        percent = job.progress.percent
        bar = "" if percent is None else ProgressBar(100, percent, width=10)
        texts = (job.kind, job.state, how_far(job.progress), age(job.started_at or job.created_at))
        kind, state, far, old = (Text(output.visible(text)) for text in texts)
        table.add_row(str(job.id), kind, state, bar, far, old)
    return table
