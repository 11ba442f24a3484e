"""Commands that only look: info, check, query. They leave the file as it is."""

import re
import sys
from typing import Annotated, Any

import typer

from ..database import Database
from ..errors import CorruptionError, DatabaseError, MigrationError
from ..reports import CheckReport
from . import output
from .files import open_to_read
from .options import File, Json

_LARGEST = 2**63 - 1


def info(file: File, as_json: Json = False) -> None:
    """Show what is in a file: size, settings, schema version, tables with their row counts.

    Nothing is changed. The pragmas are those of this command's own connection; only journal_mode
    and auto_vacuum are kept in the file.
    """
    with open_to_read(file) as database:
        found = _describe(database)
    if as_json:
        output.document(found)
        return
    pages, free, page_size = found["pages"], found["free_pages"], found["page_size"]
    version = found["schema_version"]
    output.fields(
        [
            ("path", found["path"]),
            ("size", output.size(found["size"])),
            ("WAL", output.size(found["wal_size"])),
            ("pages", f"{pages} of {page_size} bytes, {free} free"),
            ("schema version", "not of this library" if version is None else version),
            ("SQLite", found["sqlite_version"]),
            *((name, value) for name, value in found["pragmas"].items()),
        ]
    )
    output.line()
    tables = [
        {"table": name, "rows": "cannot be read" if rows is None else rows}
        for name, rows in found["tables"].items()
    ]
    output.rows_as_table(iter(tables))


def _describe(database: Database) -> dict[str, Any]:
    stats = database.stats()
    with database.snapshot() as snapshot, output.progress("Counting rows") as show:
        single = {
            name: snapshot.fetch_value(sql)
            for name, sql in (
                ("page_size", "pragma page_size"),
                ("pages", "pragma page_count"),
                ("free_pages", "pragma freelist_count"),
                ("sqlite_version", "select sqlite_version()"),
            )
        }
        names = snapshot.fetch_all(
            "select name from pragma_table_list where schema = 'main' "
            "and type in ('table', 'virtual') and name not like 'sqlite\\_%' escape '\\' "
            "order by name"
        )
        tables: dict[str, int | None] = {}
        for done, (name,) in enumerate(names):
            show(done, len(names))
            quoted = name.replace('"', '""')
            try:
                tables[name] = snapshot.fetch_value(f'select count(*) from "{quoted}"')
            except CorruptionError:
                raise
            except DatabaseError:
                # A virtual table of a module that only the app has.
                tables[name] = None
    try:
        version = database.schema_version()
    except MigrationError:
        version = None
    return {
        "path": str(database.path),
        "size": stats["size"],
        "wal_size": stats["wal_size"],
        **single,
        "schema_version": version,
        "pragmas": database.pragmas(),
        "tables": tables,
    }


def check(
    file: File,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out whether indexes agree with their tables.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look for damage and for rows without their parent; exit code 1 when something is found."""
    try:
        with open_to_read(file) as database, output.progress("Checking"):
            report = database.check(quick=quick)
    except CorruptionError as error:
        report = CheckReport((str(error),), ())
    if as_json:
        output.document({"ok": report.ok, **report._asdict()})
    else:
        for problem in report.problems:
            output.line(f"damaged: {problem}")
        for table, rowid, parent in report.violations:
            row = "a row" if rowid is None else f"row {rowid}"
            output.line(f"foreign key: {row} of {table} has no parent in {parent}")
        if report.ok:
            output.line("ok")
    if not report.ok:
        raise typer.Exit(1)


def query(
    file: File,
    sql: Annotated[
        str,
        typer.Argument(
            metavar="SQL", help="One statement that reads; - reads it from standard input."
        ),
    ],
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VALUE",
            help="The value of the next ?; give the option again for each. A number in its "
            "shortest form (10, -2.5) is bound as a number, all else as text.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run one statement that reads and show its rows, as they come.

    A write is refused. With --json the rows are an array of objects; a BLOB is {"base64": "..."}.
    """
    statement = _standard_input() if sql == "-" else sql
    parameters = [_value(text) for text in param or ()]
    with (
        open_to_read(file) as database,
        database.iterate(statement, parameters or None, into=dict[str, Any]) as rows,
    ):
        if as_json:
            output.rows_as_json(rows)
        else:
            output.rows_as_table(rows)


def _standard_input() -> str:
    return sys.stdin.buffer.read().decode("utf-8-sig")


def _value(text: str) -> str | int | float:
    # 007 and 1.10 are text that a number would not give back.
    if re.fullmatch(r"-?\d+", text, re.ASCII):
        return int(text) if str(int(text)) == text and abs(int(text)) <= _LARGEST else text
    if re.fullmatch(r"-?\d+\.\d+", text, re.ASCII):
        return float(text) if str(float(text)) == text else text
    return text
