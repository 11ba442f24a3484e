"""The commands of `holdfast runs`: status, backfill, verify, cutover, list, show."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from . import output, run_text
from .options import File, Json, number
from .run_files import both_to_read, both_to_write, runs_to_read
from .times import moment

if TYPE_CHECKING:
    from ..runs import Finding

app = typer.Typer(name="runs", no_args_is_help=True)

#: Runs of a page, and mismatches that are shown, at most.
MOST = 1000

DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what would be done; write nothing.")]


@app.callback()
def runs() -> None:
    """Look at runs of agents, and move them from the old schema to the new one."""


def status(file: File, as_json: Json = False) -> None:
    """Show how far a file has come from the old schema to the new one."""
    from ..runs import status as look

    with both_to_read(file) as database:
        found = look(database)
    if as_json:
        output.document(found)
    else:
        run_text.status(found, file)


def backfill(
    file: File,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Then compare, and make the new tables follow the old ones where they differ.",
        ),
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Copy the rows of the old tables into the new ones, while others write.

    The new tables are made where they are missing; the old ones stay. One that was interrupted or
    killed goes on when it is run again, and where all is copied nothing changes. Rows that cannot
    be copied are told on standard error, and the rest goes on. With --dry-run a temporary copy of
    the file is backfilled.
    """
    from ..runs import backfill as copy

    opened = both_to_read if dry_run else both_to_write
    with opened(file) as database, output.progress("Copying") as show_progress:
        report = copy(database, repair=repair, dry_run=dry_run, progress=show_progress)
    if as_json:
        output.document(report)
        return
    run_text.backfill(report)
    if dry_run:
        output.note("nothing was written")


def verify(
    file: File,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Keep no mismatches: write nothing.")
    ] = False,
    limit: Annotated[
        int, typer.Option(metavar="N", min=0, max=MOST, help="How many mismatches are shown.")
    ] = 20,
    as_json: Json = False,
) -> None:
    """Compare all rows of both schemas by content hash, both ways; exit code 1 if they differ.

    Mismatches are kept in the table run_mismatches with both sides, until a later verify finds that
    they are no more. Rows that were not copied, or cannot be, are counted, and make it 1 too. With
    --json the mismatches that are shown are in "items".
    """
    from ..runs import verify as compare

    shown: list[Finding] = []

    def keep(found: Finding) -> None:
        if len(shown) < limit:
            shown.append(found)

    opened = both_to_read if dry_run else both_to_write
    with opened(file) as database, output.progress("Comparing") as show_progress:
        report = compare(database, dry_run=dry_run, progress=show_progress, found=keep)
    if as_json:
        output.document({"ok": report.ok, **report._asdict(), "items": shown})
    else:
        run_text.verify(report, shown)
    if not report.ok:
        raise typer.Exit(1)


def cutover(
    file: File,
    undo: Annotated[
        bool,
        typer.Option(
            "--undo",
            help="Let both schemas be written again, after what came since is in the old one too.",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Whatever differs, was not copied, or cannot be."),
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Move reads to the new tables, and make the old ones read-only for every program.

    First all is compared as by verify: it is refused, with exit code 1, while rows are not copied
    or mismatches are open.
    """
    from ..runs import cutover as cut_over
    from ..runs import undo_cutover

    if undo and force:
        raise typer.BadParameter("--undo needs no --force")
    opened = both_to_read if dry_run else both_to_write
    with opened(file) as database, output.progress("Comparing") as show_progress:
        if undo:
            report = undo_cutover(database, dry_run=dry_run)
        else:
            report = cut_over(database, force=force, dry_run=dry_run, progress=show_progress)
    if as_json:
        output.document(report)
        return
    run_text.cutover(report)
    if dry_run:
        output.note("nothing was written")


def list_(
    file: File,
    spec: Annotated[str | None, typer.Option(metavar="ID", help="Runs of one spec.")] = None,
    stage: Annotated[str | None, typer.Option(metavar="NAME", help="Runs at one stage.")] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Runs of one name, the run_id of the old schema."),
    ] = None,
    agent: Annotated[
        str | None, typer.Option(metavar="NAME", help="Runs with an output of one agent.")
    ] = None,
    consensus: Annotated[
        bool | None,
        typer.Option("--consensus/--no-consensus", help="Runs that came to one, or did not."),
    ] = None,
    degraded: Annotated[
        bool | None,
        typer.Option("--degraded/--not-degraded", help="Runs that are degraded, or are not."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            parser=moment,
            help="From then on: 2026-11-20T18:30, UTC if it names no zone, or 2h, 3d for as long "
            "ago.",
        ),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(metavar="TIME", parser=moment, help="Before then.")
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=MOST, help="How many runs.")] = 50,
    cursor: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on where the page before has ended.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show runs, the newest first.

    With --json the runs are in "items", and "cursor" is for those that follow, null at the end.
    """
    with runs_to_read(file) as store:
        try:
            page = store.query(
                spec_id=spec,
                stage=stage,
                name=name,
                agent_name=agent,
                consensus_ok=consensus,
                degraded=degraded,
                since=since,
                until=until,
                limit=limit,
                cursor=cursor,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    if as_json:
        output.document({**page._asdict(), "items": [run_text.plain(run) for run in page.items]})
        return
    output.rows_as_table(map(run_text.row, page.items))
    if page.cursor is not None:
        output.note(f"there are more, {page.total} in all: --cursor {page.cursor}")


def show(
    file: File,
    run_id: Annotated[
        int, typer.Argument(metavar="ID", parser=number, help="The run.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Show all about one run: its fields, its synthesis, what each agent has put out."""
    with runs_to_read(file) as store:
        run = store.get(run_id)
    if as_json:
        output.document(run)
    else:
        run_text.run(run)


for command in (status, backfill, verify, cutover):
    app.command()(command)
app.command("list")(list_)
app.command("show")(show)
