"""The commands of `holdfast artifacts`, but for `query`: sync, show, stats, log, problems."""

from __future__ import annotations

import logging
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from . import artifact_text, output
from .artifact_files import how_to_sync, index_to_read, index_to_sync
from .artifact_query import MOST, query
from .options import Db, Json, Root, number

app = typer.Typer(name="artifacts", no_args_is_help=True)


@app.callback()
def artifacts() -> None:
    """Index the markdown files of a folder, and find them by front matter and text."""
    # That the files are listed instead is told by the command.
    logging.getLogger("holdfast.artifacts").addHandler(logging.NullHandler())
    if find_spec("yaml") is None:
        output.note('error: artifacts needs PyYAML: pip install "holdfast[artifacts]"')
        raise typer.Exit(2)


def sync(
    root: Annotated[str, typer.Argument(metavar="ROOT", help="The folder.")] = ".",
    db: Db = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full/--incremental",
            help="Read all files anew, or those whose size or times have changed.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would change; write nothing.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Write nothing, and exit with 1 when the index is not up to date or a file has "
            "an error.",
        ),
    ] = False,
    pattern: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Which files, as in a .gitignore, instead of **/*.md; give the option again for "
            "each.",
        ),
    ] = None,
    hidden: Annotated[
        bool, typer.Option("--hidden", help="Look at names that begin with a dot too.")
    ] = False,
    no_gitignore: Annotated[
        bool, typer.Option("--no-gitignore", help="Index what .gitignore files leave out too.")
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0, help="How long another sync is waited for."),
    ] = 30,
    as_json: Json = False,
) -> None:
    """Bring the index of a folder up to date; it is made where there is none.

    A file that cannot be indexed is told on standard error, and the rest goes on. So are files of
    equal content.
    """
    with index_to_sync(
        root,
        db,
        dry_run=dry_run or check,
        patterns=pattern or (),
        hidden=hidden,
        gitignore=not no_gitignore,
    ) as index:
        with output.progress("Syncing") as show:
            result = index.sync(
                "full" if full else "incremental",
                dry_run=dry_run or check,
                progress=show,
                timeout=timeout,
            )
        missing = check and index.stats().last_sync is None
    stale = missing or result.changed
    ok = not stale and not result.errors
    if as_json:
        verdict = {"ok": ok, "missing": missing, "stale": stale} if check else {}
        output.document({**result._asdict(), "errors": result.errors, **verdict})
    else:
        output.line(str(result))
        if not missing:
            artifact_text.changes(result)
        artifact_text.warnings(result)
        if check and stale:
            state = "missing" if missing else "stale"
            output.note(f"the index is {state}: {how_to_sync(root, db)}")
        if check and result.errors:
            output.note(f"files that cannot be indexed: {result.errors}")
        if dry_run and not check:
            output.note("nothing was written")
    if check and not ok:
        raise typer.Exit(1)


def show(
    artifact_id: Annotated[
        int,
        typer.Argument(metavar="ID", parser=number, help="The artifact.", show_default=False),
    ],
    root: Root = ".",
    db: Db = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="The text of the file alone, without front matter.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show an artifact: its fields, its front matter, and its text as the file has it now."""
    if raw and as_json:
        raise typer.BadParameter("give --raw or --json, not both")
    with index_to_read(root, db) as index:
        document = index.get(artifact_id)
    if as_json:
        fields = document._asdict()
        output.document({**fields.pop("artifact")._asdict(), **fields})
    elif not raw:
        artifact_text.document(document)
    elif output.on_terminal(sys.stdout):
        artifact_text.body(document.body)
    else:
        print(document.body)


def stats(root: Root = ".", db: Db = None, as_json: Json = False) -> None:
    """Count artifacts, by type, status, category and tag, and what is wrong."""
    with index_to_read(root, db) as index:
        found = index.stats()
    if as_json:
        output.document(found)
    else:
        artifact_text.stats(found)


def log(
    root: Root = ".",
    db: Db = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=MOST, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """Show what syncs did, the newest first; one that was killed is interrupted."""
    with index_to_read(root, db) as index:
        found = index.log(limit)
    if as_json:
        output.document(found)
    else:
        output.rows_as_table(map(artifact_text.run, found))


def problems(root: Root = ".", db: Db = None, as_json: Json = False) -> None:
    """Show the files that could not be indexed, and why."""
    with index_to_read(root, db) as index:
        found = index.problems()
    if as_json:
        output.document(found)
    else:
        output.rows_as_table(each._asdict() for each in found)


for command in (sync, query, show, stats, log, problems):
    app.command()(command)
