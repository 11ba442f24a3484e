"""The asynchronous verbs: the results, errors and signatures of the synchronous ones."""

import inspect
from dataclasses import dataclass
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
BODIES = "select body from note order by id"


@dataclass
class Note:
    id: int
    body: str


class Pair(NamedTuple):
    id: int
    body: str


def verbs(face: type) -> dict[str, inspect.Signature]:
    found = {name: getattr(face, name) for name in dir(face) if not name.startswith("_")}
    methods = {name: value for name, value in found.items() if callable(value)}
    return {name: inspect.signature(method) for name, method in methods.items()}


def parameters(signature: inspect.Signature) -> list[tuple[str, Any, Any]]:
    given = list(signature.parameters.values())
    return [(p.name, p.kind, p.default) for p in given if p.name != "self"]


@pytest.mark.parametrize(
    ("plain", "later"),
    [
        (holdfast.Database, holdfast.AsyncDatabase),
        (holdfast.Transaction, holdfast.AsyncTransaction),
        (holdfast.Snapshot, holdfast.AsyncSnapshot),
    ],
)
def test_both_faces_have_the_same_verbs(plain: type, later: type) -> None:
    mine, theirs = verbs(later), verbs(plain)
    assert mine.keys() == theirs.keys()
    for name, signature in theirs.items():
        assert parameters(mine[name]) == parameters(signature), name
    assert parameters(inspect.signature(holdfast.open_async)) == parameters(
        inspect.signature(holdfast.open)
    )


async def test_a_statement_gives_what_it_changed(adb: holdfast.AsyncDatabase) -> None:
    assert await adb.execute(INSERT, ["a"]) == 1
    assert await adb.execute("insert into note(body) values (:body)", {"body": "b"}) == 1
    assert await adb.execute("update note set body = body || '!'") == 2
    assert await adb.execute("delete from note where id = 7") == 0
    assert await adb.fetch_all(BODIES) == [("a!",), ("b!",)]


async def test_the_verbs_that_read(adb: holdfast.AsyncDatabase) -> None:
    await adb.execute_many(INSERT, [["a"], ["b"], ["c"]])
    assert await adb.fetch_all("select id, body from note where id > ?", [1]) == [
        (2, "b"),
        (3, "c"),
    ]
    assert await adb.fetch_all("select 1 where 0") == []
    assert await adb.fetch_one(BODIES) == ("a",)
    assert await adb.fetch_one("select 1 where 0") is None
    assert await adb.fetch_value("select count(*) from note") == 3
    assert await adb.fetch_value("select 1 where 0") is None
    assert [row async for row in adb.iterate(BODIES)] == [("a",), ("b",), ("c",)]


async def test_a_write_with_returning_is_committed(adb: holdfast.AsyncDatabase) -> None:
    sql = f"{INSERT} returning id, body"
    assert await adb.fetch_one(sql, ["a"]) == (1, "a")
    assert await adb.fetch_value(sql, ["b"]) == 2
    assert await adb.fetch_all(sql, ["c"], into=dict) == [{"id": 3, "body": "c"}]
    assert await adb.fetch_value("select count(*) from note") == 3


async def test_rows_by_column(adb: holdfast.AsyncDatabase) -> None:
    assert await adb.insert("note", {"body": "a"}) == 1
    assert await adb.insert("note", Note(5, "five")) == 5
    assert await adb.insert_many("note", (Pair(n, "x") for n in (6, 7))) == 2
    assert await adb.upsert("note", {"id": 5, "body": "V"}, key="id") == 5
    assert await adb.upsert("note", {"id": 5, "body": "no"}, key=["id"], do_nothing=True) == 5
    done = await adb.upsert_many("note", [Pair(7, "seven"), Pair(8, "eight")], key="id")
    assert (done.inserted, done.updated, done.skipped) == (1, 1, 0)
    rows = await adb.fetch_all("select body from note order by id")
    assert [body for (body,) in rows] == ["a", "V", "x", "seven", "eight"]


async def test_a_script_is_one_transaction(adb: holdfast.AsyncDatabase) -> None:
    assert await adb.execute_script("create table a(x); insert into a values (1), (2)") is None
    with pytest.raises(ProgrammingError, match="no such table"):
        await adb.execute_script("insert into a values (3); insert into missing values (1)")
    assert await adb.fetch_value("select count(*) from a") == 2


@pytest.mark.parametrize("into", [dict, Note, Pair])
async def test_every_verb_makes_rows_into_it(adb: holdfast.AsyncDatabase, into: Any) -> None:
    await adb.insert("note", {"body": "a"})
    sql, wanted = "select id, body from note", into(id=1, body="a")
    assert await adb.fetch_all(sql, into=into) == [wanted]
    assert await adb.fetch_one(sql, into=into) == wanted
    assert [row async for row in adb.iterate(sql, into=into)] == [wanted]
    async with adb.snapshot() as snap:
        assert await snap.fetch_all(sql, into=into) == [wanted]
        assert await snap.fetch_one(sql, into=into) == wanted
        assert [row async for row in snap.iterate(sql, into=into)] == [wanted]


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
