"""The command `holdfast artifacts query`: filters, words, pages, facets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from . import artifact_text, output
from .artifact_files import index_to_read
from .options import Db, Json, Root
from .times import moment

#: Rows of a table, at most.
MOST = 1000

After = Annotated[
    datetime | None, typer.Option(metavar="TIME", parser=moment, help="From then on.")
]
Before = Annotated[
    datetime | None, typer.Option(metavar="TIME", parser=moment, help="Before then.")
]


def query(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORD",
            help='Words that all occur; "a phrase", begin*, and -without after a --.',
            show_default=False,
        ),
    ] = None,
    root: Root = ".",
    db: Db = None,
    type_: Annotated[
        list[str] | None,
        typer.Option(
            "--type", metavar="NAME", help="Of this type; give the option again for others."
        ),
    ] = None,
    status: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="In this status; again for others.")
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Of this category; again for others.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="With this tag; again for those that it must have too."),
    ] = None,
    path: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Below a folder of the root.")
    ] = None,
    created_after: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            parser=moment,
            help="From then on: 2026-11-20T18:30, UTC if it names no zone, or 2h, 3d for as long "
            "ago.",
        ),
    ] = None,
    created_before: Before = None,
    updated_after: After = None,
    updated_before: Before = None,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="ORDER",
            help="relevance, or updated, created, title, path, which with a - begin with the "
            "greatest. By default relevance where there are words, else -updated.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=MOST, help="How many.")] = 50,
    offset: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="How many to pass over.")
    ] = None,
    cursor: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on where the page before has ended.")
    ] = None,
    facets: Annotated[
        bool, typer.Option("--facets", help="Count the values among all that are found, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find artifacts by their front matter and their text.

    Where the database cannot be used the files are listed, with a warning on standard error. With
    --json the artifacts are in "items", and "cursor" is for those that follow, null at the end.
    """
    with index_to_read(root, db, synced=True) as index:
        try:
            page = index.query(
                type=type_,
                status=status,
                category=category,
                tags=tag or (),
                text=" ".join(text) if text else None,
                path=path,
                created_after=created_after,
                created_before=created_before,
                updated_after=updated_after,
                updated_before=updated_before,
                sort=sort,
                limit=limit,
                offset=offset or 0,
                cursor=cursor,
                facets=facets,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    if as_json:
        output.document({**page._asdict(), "facets": page.facets if facets else None})
        return
    if page.warning:
        output.note(f"warning: {page.warning}; these are the files")
    artifact_text.page(page)
    if facets:
        output.line()
        artifact_text.facets(page.facets)
    if page.cursor is not None:
        output.note(f"there are more, {page.total} in all: --cursor {page.cursor}")
