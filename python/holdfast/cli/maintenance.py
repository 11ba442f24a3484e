"""Commands that change a file: migrate, checkpoint, vacuum."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from ..database import Database, open
from ..errors import NotSupportedError
from ..reports import MigrationReport, VacuumStats
from ..upkeep import vacuum_in_cycles
from . import output
from .files import is_new, open_to_write
from .options import File, Json


def migrate(
    file: File,
    directory: Annotated[
        str,
        typer.Argument(
            metavar="DIRECTORY", help="The steps: 0001_name.sql, 0002_...", show_default=False
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Try the steps on a copy; change nothing.")
    ] = False,
    component: Annotated[
        str, typer.Option(metavar="NAME", help="The set of migrations that the steps are.")
    ] = "app",
    adopt: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Record steps 1 to N as done: the file has their tables already.",
        ),
    ] = None,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Make no backup before the first step.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Apply the migrations that are pending, all or none.

    A file that does not exist is made, so that one command sets up a new database; with --dry-run
    the steps are tried on a temporary one instead. An existing file keeps its journal mode.
    """
    with output.progress("Migrating"):
        report = _migrate(
            file,
            directory,
            component=component,
            dry_run=dry_run,
            adopt=adopt,
            backup=not no_backup,
        )
    if as_json:
        output.document(report)
        return
    would = "would be " if dry_run else ""
    if report.adopted:
        output.line(f"steps up to {report.from_version} {would}adopted")
    for version, name, seconds in report.applied:
        output.line(f"{version:04}_{name} {would}applied ({seconds:.2f} s)")
    if report.backup is not None:
        output.line(f"backup: {report.backup}")
    if report.applied:
        ending = "would go" if dry_run else "went"
        output.line(f"{component} {ending} from {report.from_version} to {report.to_version}")
    else:
        output.line(f"{component} is at {report.to_version}, nothing to apply")


def _migrate(file: str, directory: str, *, dry_run: bool, **settings: Any) -> MigrationReport:
    if is_new(file):
        # No file is made for steps that do not work.
        with open(":memory:", vacuum_every=None) as trial:
            report = trial.migrate(directory, dry_run=True, **settings)
        if dry_run:
            return report
        database = open(file, vacuum_every=None)
    else:
        database = open_to_write(file)
    with database:
        return database.migrate(directory, dry_run=dry_run, **settings)


class Mode(StrEnum):
    """How far a checkpoint goes."""

    PASSIVE = "passive"
    FULL = "full"
    RESTART = "restart"
    TRUNCATE = "truncate"


def checkpoint(
    file: File,
    mode: Annotated[
        Mode,
        typer.Option(
            metavar="MODE",
            help="passive waits for nobody; full moves all; restart begins the log anew; truncate "
            "cuts it to nothing.",
        ),
    ] = Mode.PASSIVE,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="How long others are waited for; 5 by default."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Move pages from the write-ahead log into the file; exit code 1 when somebody is in the way.

    The last program that closes a file does so anyway: this is for files that others have open.
    """
    with open_to_write(file) as database, output.progress("Moving"):
        report = database.checkpoint(mode.value, timeout=timeout)
    if as_json:
        output.document(report)
    else:
        output.line(f"{report.moved} of {report.pages} pages moved")
        for pid in report.processes:
            output.line(f"in the way: process {pid}")
    if not report.complete:
        raise typer.Exit(1)


def vacuum(
    file: File,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Rewrite the whole file, and make it auto_vacuum incremental if it is not.",
        ),
    ] = False,
    pages: Annotated[
        int, typer.Option(metavar="N", min=1, help="Pages to free before others may write again.")
    ] = 200,
    as_json: Json = False,
) -> None:
    """Give free pages back to the file system, in short cycles beside other writers.

    A file that was made without auto_vacuum incremental needs --full once; nobody else writes
    while that runs, and it needs free disk space of twice the size of the file.
    """
    with open_to_write(file) as database:
        found = database.pragmas()["auto_vacuum"]
        if full:
            with output.progress("Rewriting"):
                report = database.vacuum(full=True)
        elif found == "incremental":
            report = _cycles(database, pages)
        else:
            raise NotSupportedError(
                f"{file!r} was made with auto_vacuum {found}, so its pages cannot be freed a few "
                "at a time; vacuum it with --full once, while nobody needs to write"
            )
    if as_json:
        output.document(report)
        return
    output.fields(
        [
            ("given back", output.size(report.reclaimed)),
            ("size", f"{output.size(report.size_before)} -> {output.size(report.size_after)}"),
            ("still free", output.size(report.free_after)),
            ("time", f"{report.seconds:.2f} s"),
        ]
    )


def _cycles(database: Database, pages: int) -> VacuumStats:
    with output.progress("Giving back") as show:

        def go_on(done: VacuumStats) -> bool:
            show(done.reclaimed, done.reclaimed + done.free_after)
            return True

        return vacuum_in_cycles(database, pages, go_on=go_on)
