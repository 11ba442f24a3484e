"""Arguments and options that several commands take."""

import logging
import re
from typing import Annotated

import typer

#: Where a command's context keeps whether it was asked for JSON, for the report of a failure.
JSON = "holdfast.json"


def _remember(context: typer.Context, as_json: bool) -> bool:
    context.meta[JSON] = as_json
    if as_json:
        # Warnings of the engine would stand beside the JSON of an error.
        logging.getLogger("holdfast").addHandler(logging.NullHandler())
    return as_json


def number(text: str) -> int:
    """Read an id; typer.BadParameter for what SQLite cannot hold as one."""
    if re.fullmatch(r"-?[0-9]{1,19}", text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    raise typer.BadParameter(f"{text!r} is not a number that could be an id")


File = Annotated[str, typer.Argument(metavar="FILE", help="The database.", show_default=False)]
Json = Annotated[
    bool, typer.Option("--json", callback=_remember, help="Write JSON to standard output.")
]
Root = Annotated[str, typer.Option("--root", metavar="FOLDER", help="The folder that is indexed.")]
Db = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="FILE",
        help="The database, if it is not .holdfast/artifacts.db in the folder.",
    ),
]
