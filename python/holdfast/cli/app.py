"""The commands, and what becomes of their failures."""

import logging
import os
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..errors import Error
from . import artifacts, backups, inspection, jobs, maintenance, output, runs, serve
from .options import JSON

INTERRUPTED = 130

EXIT_CODES = (
    "Exit codes: 0 when all is well; 1 when a problem was found or the operation failed, with one "
    "line on standard error; 2 for a mistake on the command line; 130 when interrupted."
)


class Commands(TyperGroup):
    """Commands whose failures are one line on standard error, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            result = super().invoke(ctx)
            # What is still in the buffer can fail too, and at exit nobody would catch it.
            output.flush()
            return result
        except (Error, UnicodeError) as error:
            output.failure(error, as_json=ctx.meta.get(JSON, False))
        except BrokenPipeError:
            # The reader has what it wanted; the flush at exit must not complain either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit from None
        except OSError as error:
            output.failure(error, as_json=ctx.meta.get(JSON, False))
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        raise typer.Exit(1)


app = typer.Typer(
    name="holdfast",
    cls=Commands,
    no_args_is_help=True,
    # Plain help, the same in every terminal.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=EXIT_CODES,
)


def _version(wanted: bool) -> None:
    if wanted:
        output.line(f"holdfast {version('holdfast')}")
        raise typer.Exit


@app.callback()
def holdfast(
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Look after SQLite files: info, check, migrate, checkpoint, vacuum, backup, restore, query.

    And after the background jobs in them: jobs. Runs of agents: runs. An index of markdown files:
    artifacts. A page with all of it: serve.
    """
    # A reader that the pool opens ahead of need may fail without harm; one that is needed raises.
    logging.getLogger("holdfast.pool").addHandler(logging.NullHandler())


for command in (
    inspection.info,
    inspection.check,
    maintenance.migrate,
    maintenance.checkpoint,
    maintenance.vacuum,
    backups.backup,
    backups.restore,
    inspection.query,
    serve.serve,
):
    app.command()(command)
app.add_typer(jobs.app)
app.add_typer(runs.app)
app.add_typer(artifacts.app)
