"""What goes wrong in an asynchronous verb: the errors of the synchronous face."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import holdfast
from holdfast import _core
from holdfast.errors import (
    ClosedError,
    DataError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
)

INSERT = "insert into note(body) values (?)"


class Note(NamedTuple):
    id: int
    body: str


SORTED = "select id, body from (select 1 as id, 'a' as body union select 2, 'b') order by body"


@pytest.mark.parametrize(
    ("verb", "arguments", "error", "says"),
    [
        ("execute", ["delete from nowhere"], ProgrammingError, "no such table"),
        ("execute", ["select 1"], ProgrammingError, "fetch_all"),
        ("execute", ["begin"], ProgrammingError, "transactions are begun"),
        ("execute", [INSERT], ProgrammingError, "takes 1 parameters, 0 were given"),
        ("execute", [INSERT, "x"], TypeError, "sequence"),
        ("execute", [INSERT, [2**64]], DataError, "64 bits"),
        ("execute", [INSERT, [object()]], ProgrammingError, "cannot be stored"),
        ("execute", ["insert into note(id) values ('x')"], DataError, "mismatch"),
        ("execute_many", [INSERT, [["a"], []]], ProgrammingError, "takes 1 parameters"),
        ("execute_many", [INSERT, 7], TypeError, "not iterable"),
        ("execute_script", ["select 1; begin"], ProgrammingError, "transactions are begun"),
        ("fetch_all", ["create table t(x)"], ProgrammingError, "gives no rows"),
        ("fetch_all", [SORTED, [1]], ProgrammingError, "takes 0 parameters"),
        ("fetch_one", ["select"], ProgrammingError, "incomplete"),
        ("insert", ["missing", {"x": 1}], ProgrammingError, "missing"),
        ("insert", ["note", {"nothing": 1}], ProgrammingError, "nothing"),
        ("insert", ["note", 7], ProgrammingError, "int"),
        ("insert_many", ["note", [{"nothing": 1}]], ProgrammingError, "row 0: .*nothing"),
        ("insert_many", ["note", [{"body": 1}, {"nothing": 1}]], ProgrammingError, "row 1"),
        ("insert_many", ["note", [{"id": 1}, {"id": 1}]], IntegrityError, "row 1: UNIQUE"),
        ("insert_many", ["note", [{"body": object()}]], ProgrammingError, "row 0: column 'body'"),
    ],
)
async def test_errors_are_those_of_the_synchronous_face(
    adb: holdfast.AsyncDatabase,
    opened: Any,
    verb: str,
    arguments: list[Any],
    error: type[Exception],
    says: str,
) -> None:
    with pytest.raises(error, match=says) as mine:
        await getattr(adb, verb)(*arguments)
    with pytest.raises(error) as theirs:
        getattr(opened(), verb)(*arguments)
    assert (type(mine.value), str(mine.value)) == (type(theirs.value), str(theirs.value))
    for name in ("sqlite_errorcode", "sqlite_errorname", "retryable"):
        assert getattr(mine.value, name, None) == getattr(theirs.value, name, None)
    assert await adb.fetch_value("select count(*) from note") == 0


@pytest.mark.parametrize("timeout", [None, 5])
async def test_a_write_whose_row_cannot_be_read_is_undone(
    adb: holdfast.AsyncDatabase, timeout: float | None
) -> None:
    broken = "insert into note(body) values (cast(x'ff' as text)) returning body"
    for verb in (adb.fetch_all, adb.fetch_one, adb.fetch_value):
        with pytest.raises(DataError, match="UTF-8"):
            await verb(broken, timeout=timeout)
    assert await adb.fetch_value("select count(*) from note") == 0


async def test_a_column_that_does_not_fit_is_named(adb: holdfast.AsyncDatabase) -> None:
    with pytest.raises(DataError, match=r"Note\.id: int was wanted"):
        await adb.fetch_all("select 'x' as id, 'a' as body", into=Note)
    with pytest.raises(DataError, match=r"Note\.id: int was wanted"):
        await adb.fetch_all(
            "select 'x' as id, 'a' as body union all select 1, 'b' order by 1", into=Note
        )


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf")])
async def test_a_timeout_must_be_a_time(adb: holdfast.AsyncDatabase, timeout: float) -> None:
    with pytest.raises(ProgrammingError, match="no time in seconds"):
        await adb.execute(INSERT, ["a"], timeout=timeout)
    with pytest.raises(ProgrammingError, match="no time in seconds"):
        adb.transaction(timeout=timeout)


async def test_a_closed_database_refuses_every_verb(adb: holdfast.AsyncDatabase) -> None:
    await adb.close()
    await adb.close()
    assert adb.closed
    for operation in [
        lambda: adb.execute(INSERT, ["a"]),
        lambda: adb.fetch_one("select 1"),
        lambda: adb.insert_many("note", [{"body": "a"}]),
        lambda: adb.stats(),
        lambda: anext(adb.iterate("select 1")),
        lambda: adb.transaction().__aenter__(),
    ]:
        with pytest.raises(ClosedError):
            await operation()


async def test_what_cannot_be_opened_is_said(tmp_path: Any) -> None:
    with pytest.raises(OperationalError, match="missing"):
        await holdfast.open_async(tmp_path / "missing" / "app.db", create=False)
    with pytest.raises(TypeError):
        _core.AsyncDatabase(tmp_path)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("verb", ["fetch_one", "fetch_all"])
async def test_a_row_that_does_not_fit_undoes_its_write(
    adb: holdfast.AsyncDatabase, verb: str
) -> None:
    def write() -> Any:
        sql = "insert into note(id, body) values ('7', 'x') returning body as id, body"
        return getattr(adb, verb)(sql, into=Note)

    async def beside(operation: Any) -> Any:
        async with adb.transaction() as tx:
            await tx.execute(INSERT, ["held"])
            waiting = asyncio.ensure_future(operation)
            while (await adb.stats())["lane"]["waiting"] < 1:
                await asyncio.sleep(0)
        return await waiting

    with pytest.raises(DataError, match=r"Note\.id: int was wanted"):
        await write()
    assert await adb.fetch_value("select count(*) from note") == 0
    with pytest.raises(DataError):
        await beside(write())
    assert await adb.fetch_all("select body from note") == [("held",)]
    sql = "insert into note(body) values ('fits') returning id, body"
    assert await beside(adb.fetch_all(sql, into=Note)) == [Note(3, "fits")]
    assert await adb.fetch_value("select count(*) from note") == 3


async def test_one_that_is_not_open_yet_says_what_is_missing(path: Any) -> None:
    opening = holdfast.open_async(path)
    with pytest.raises(AttributeError, match=r"no execute before .* await"):
        opening.execute("select 1")  # pyright: ignore[reportAttributeAccessIssue]
    async with opening as adb:
        with pytest.raises(ProgrammingError, match="entered already"):
            await opening.__aenter__()
        assert not adb.closed
    assert adb.closed
    async with opening as again:
        assert not again.closed


def test_type_checkers_see_a_forgotten_await(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import holdfast\n"
        "async def main(db: holdfast.AsyncDatabase, tx: holdfast.AsyncTransaction) -> None:\n"
        "    db.insert('note', {})\n"
        "    tx.execute('delete from note')\n"
    )
    mypy = [sys.executable, "-m", "mypy", "--cache-dir", os.devnull, program]
    checked = subprocess.run(mypy, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert checked.stdout.count("[unused-coroutine]") == 2, checked
