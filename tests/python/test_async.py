"""The asynchronous verbs: the results and signatures of the synchronous ones."""

import inspect
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

import holdfast
from holdfast.errors import ProgrammingError

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
