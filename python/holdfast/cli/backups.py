"""Commands about copies of a file: backup, restore."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import restore as restore_backup
from ..database import Database
from ..reports import BackupReport, CheckReport, NewestReport, RestoreReport, Skipped
from ..rotation import backup_rotated, restore_newest
from . import output
from .files import is_new, open_to_read
from .options import File, Json


def backup(
    file: File,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="The copy to make; with --keep, the directory for it.",
            show_default=False,
        ),
    ],
    keep: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Name the copy by file and time, and keep the newest N of such copies.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that has the name.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a verified copy, while others go on reading and writing.

    With --keep, the oldest copies are removed once this one was verified: only plain files that
    --keep named for this database. Exit code 1 when one of them had to be left.
    """
    if keep is not None and overwrite:
        raise typer.BadParameter("--keep never replaces a copy: leave out --overwrite")
    with open_to_read(file) as database:
        if keep is not None:
            _rotate(database, target, keep, as_json=as_json)
            return
        with output.progress("Backing up") as show:
            report = database.backup(target, overwrite=overwrite, progress=show)
    if as_json:
        output.document(report)
    else:
        _made(report)


def _rotate(database: Database, directory: str, keep: int, *, as_json: bool) -> None:
    with output.progress("Backing up") as show:
        report = backup_rotated(database, directory, keep=keep, progress=show)
    if as_json:
        output.document(report)
    else:
        _made(report.backup)
        for path in report.removed:
            output.line(f"{path}: removed")
        output.line(f"copies kept: {len(report.kept)}")
        _skipped(report.skipped, "left")
    if report.skipped:
        raise typer.Exit(1)


def restore(
    backup: Annotated[
        str,
        typer.Argument(
            metavar="BACKUP",
            help="The copy to restore, or the directory of backup --keep: then its newest good "
            "copy of a file of that name.",
            show_default=False,
        ),
    ],
    file: File,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Replace an existing database without asking.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a backup in the place of a database that nobody has open.

    The backup is verified first, and a database that it replaces is kept beside it. That is asked
    about; where standard input is no terminal, it needs --yes.
    """
    if not yes and not is_new(file):
        _confirm(file)
    with output.progress("Restoring") as show:
        if Path(backup).is_dir():
            report = restore_newest(backup, file, progress=show)
        else:
            copy = Path(backup).absolute()
            report = NewestReport(copy, (), restore_backup(copy, file, progress=show))
    if as_json:
        found = {"backup": report.backup, "skipped": report.skipped}
        output.document({**report.restored._asdict(), **found})
    else:
        _skipped(report.skipped, "skipped")
        _restored(report.backup, report.restored)


def _made(report: BackupReport) -> None:
    output.line(f"{report.path}: {output.size(report.size)}, verified")
    _orphans(report.check)


def _restored(backup: Path, report: RestoreReport) -> None:
    output.line(f"{report.path}: {output.size(report.size)}, restored from {backup}")
    if report.safety_copy is not None:
        output.line(f"what was there before: {report.safety_copy}")
    _orphans(report.check)


def _skipped(copies: tuple[Skipped, ...], what: str) -> None:
    for path, why in copies:
        output.note(f"{path}: {what}: {why}")


def _orphans(report: CheckReport) -> None:
    if report.violations:
        output.line(f"rows without their parent: {len(report.violations)}, as in what was copied")


def _confirm(file: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{file!r} would be replaced: add --yes if it shall be")
    question = f"Replace {output.visible(file)}? It is kept beside the restored one."
    if not typer.confirm(question, err=True):
        output.note("nothing was changed")
        raise typer.Exit(1)
