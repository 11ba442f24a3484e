"""The commands of `holdfast jobs`, but for `watch`: list, show, cancel, retry, prune, counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import output
from .job_files import jobs_to_read, jobs_to_write
from .options import File, Json, number
from .times import age, duration, in_utc, moment
from .watch import MOST, how_far, watch

if TYPE_CHECKING:
    from ..jobs import Job, JobState

app = typer.Typer(name="jobs", no_args_is_help=True)
#: The id of a job that was accepted during an outage is negative, and looks like an option.
IDS: dict[str, Any] = {"ignore_unknown_options": True}

Id = Annotated[
    int, typer.Argument(metavar="ID", parser=number, help="The job.", show_default=False)
]
Ids = Annotated[
    list[int], typer.Argument(metavar="ID", parser=number, help="The jobs.", show_default=False)
]


@app.callback()
def jobs() -> None:
    """Look at background jobs, and cancel, retry or prune them, while others run them."""


def list_(
    file: File,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            help="queued, running, succeeded, failed, cancelled or interrupted; give the option "
            "again for each.",
        ),
    ] = None,
    owner: Annotated[str | None, typer.Option(metavar="NAME", help="Jobs of one owner.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="NAME", help="Jobs of one kind.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            parser=moment,
            help="Jobs submitted since then: 2026-11-20T18:30, UTC if it names no zone, or 2h, "
            "3d for as long ago.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=MOST, help="How many jobs.")] = 50,
    cursor: Annotated[
        int | None,
        typer.Option(metavar="ID", parser=number, help="Go on after this job, the last of a list."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show jobs, the newest first.

    With --json the jobs are in "items", and "cursor" is for those that follow, null at the end.
    """
    states = _states(state or [])
    with jobs_to_read(file) as reader:
        page = reader.list(
            state=states, owner=owner, kind=kind, since=since, limit=limit, cursor=cursor
        )
        if as_json:
            output.document(page)
            return
        output.rows_as_table(map(_row, page.items))
    if page.cursor is not None:
        output.note(f"there are more: --cursor {page.cursor}")


def _row(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "progress": how_far(job.progress),
        "attempts": job.attempt,
        "age": age(job.created_at),
    }


def _states(names: list[str]) -> list[JobState]:
    from ..jobs import JobState

    for name in names:
        if name not in set(JobState):
            raise typer.BadParameter(f"no state is called {name!r}: one of {', '.join(JobState)}")
    return [JobState(name) for name in names]


def show(
    file: File,
    job_id: Id,
    data_dir: Annotated[
        str | None,
        typer.Option(
            metavar="DIRECTORY",
            help="Where the app keeps snapshots, if not beside the database.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show all about one job: its fields, its history, what it has published."""
    with jobs_to_read(file, data_dir) as reader:
        job = reader.get(job_id)
        events = reader.events(job_id)
        snapshots = [each for each in reader.snapshots() if each.job_id == job_id]
        if as_json:
            output.document({**job._asdict(), "events": events, "snapshots": snapshots})
            return
        output.fields(_fields(job))
    output.line()
    output.rows_as_table({**each._asdict(), "at": in_utc(each.at)} for each in events)
    if snapshots:
        output.line()
        output.rows_as_table(
            {"snapshot": each.name, "files": each.files, "bytes": each.size, "path": each.path}
            for each in snapshots
        )


def _fields(job: Job) -> list[tuple[str, object]]:
    fields: list[tuple[str, object]] = []
    for name, value in job._asdict().items():
        if name == "saved":  # What is read from a file is.
            continue
        if isinstance(value, datetime):
            value = in_utc(value)
        elif name == "progress":
            value = how_far(value) or None
        elif name in ("payload", "result") and value is not None:
            value = json.dumps(value, ensure_ascii=False)
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        fields.append((name.replace("_", " "), "-" if value is None else value))
    return fields


def cancel(file: File, ids: Ids, as_json: Json = False) -> None:
    """Cancel jobs: at once while they are queued; those that run are asked to stop.

    Exit code 1 when one has ended already, or has published its result and is past that.
    """
    from ..jobs import JobState, JobStateError

    with jobs_to_write(file) as manager:

        def change(job_id: int) -> Job:
            job = manager.cancel(job_id)
            if job.state is JobState.CANCELLED or (job.cancel_requested and not job.state.finished):
                return job
            why = "has ended" if job.state.finished else "has published its result"
            raise JobStateError(f"job {job_id} is {job.state}; it {why}, and cannot be cancelled")

        _each(ids, change, as_json=as_json)


def retry(file: File, ids: Ids, as_json: Json = False) -> None:
    """Queue jobs again that have failed, were cancelled or interrupted."""
    with jobs_to_write(file) as manager:
        _each(ids, manager.retry, as_json=as_json)


def _each(ids: list[int], change: Callable[[int], Job], *, as_json: bool) -> None:
    """Change jobs one by one: one that cannot be changed is told, and the others still are."""
    from ..jobs import JobError

    done: list[Job] = []
    try:
        for job_id in dict.fromkeys(ids):
            try:
                job = change(job_id)
            except JobError as error:
                output.failure(error, as_json=as_json)
                continue
            done.append(job)
            if not as_json:
                asked = job.cancel_requested and not job.state.finished
                output.line(f"job {job_id} is {'asked to stop' if asked else job.state}")
    finally:
        if as_json and done:
            output.document(done)
    if len(done) < len(set(ids)):
        raise typer.Exit(1)


def prune(
    file: File,
    older_than: Annotated[
        timedelta | None,
        typer.Option(
            metavar="DURATION",
            parser=duration,
            help="Jobs that ended longer ago: 90s, 5m, 2h, 30d, 1w.",
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="All but the newest N that have ended."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Delete jobs that have ended; with both options, those that either of them names.

    The newest job stays, so that its number is not given again. Files that jobs have published stay
    too.
    """
    if older_than is None and keep is None:
        raise typer.BadParameter("give --older-than, --keep or both")
    with jobs_to_write(file) as manager, output.progress("Pruning"):
        pruned = manager.prune(older_than=older_than, keep=keep)
    if as_json:
        output.document({"pruned": pruned})
    else:
        output.line(f"{pruned} job{'' if pruned == 1 else 's'} deleted")


def counts(file: File, as_json: Json = False) -> None:
    """Count the jobs in each state."""
    with jobs_to_read(file) as reader:
        found = reader.counts()
    if as_json:
        output.document(found)
    else:
        output.fields(found.items())


app.command("list")(list_)
app.command("show", context_settings=IDS)(show)
app.command("cancel", context_settings=IDS)(cancel)
app.command("retry", context_settings=IDS)(retry)
app.command("prune")(prune)
app.command("counts")(counts)
app.command("watch", context_settings=IDS)(watch)
