"""upsert and upsert_many: what is inserted, updated, skipped, and the ids of all."""

from dataclasses import dataclass
from typing import Any

import pytest

import holdfast
from holdfast.errors import IntegrityError, ProgrammingError
from holdfast.reports import Upserted


@pytest.fixture
def db(db: holdfast.Database) -> holdfast.Database:
    db.execute(
        "create table run(id integer primary key, spec text, stage text, state text, n integer"
        " default 0, unique (spec, stage))"
    )
    return db


def row(spec: str, stage: str, **others: Any) -> dict[str, Any]:
    return {"spec": spec, "stage": stage, **others}


KEY = ("spec", "stage")


def test_it_gives_the_id_of_inserted_and_updated_rows(db: holdfast.Database) -> None:
    assert db.upsert("run", row("a", "x", state="new"), key=KEY) == 1
    assert db.upsert("run", row("a", "y", state="new"), key=KEY) == 2
    assert db.upsert("run", row("a", "x", state="done"), key=KEY) == 1
    assert db.upsert("run", row("b", "x", state="new"), key=KEY) == 3
    assert db.fetch_all("select id, state from run order by id") == [
        (1, "done"),
        (2, "new"),
        (3, "new"),
    ]


def test_columns_not_given_stay_as_they_are(db: holdfast.Database) -> None:
    db.upsert("run", row("a", "x", state="new", n=5), key=KEY)
    db.upsert("run", row("a", "x", state="done"), key=KEY)
    assert db.fetch_one("select state, n from run") == ("done", 5)


def test_update_picks_the_columns(db: holdfast.Database) -> None:
    db.upsert("run", row("a", "x", state="new", n=5), key=KEY)
    assert db.upsert("run", row("a", "x", state="done", n=6), key=KEY, update=["n"]) == 1
    assert db.fetch_one("select state, n from run") == ("new", 6)
    with pytest.raises(ProgrammingError, match='column to update "nope" is not among'):
        db.upsert("run", row("a", "x"), key=KEY, update=["nope"])


def test_do_nothing_skips_and_still_gives_the_id(db: holdfast.Database) -> None:
    assert db.upsert("run", row("a", "x", n=1), key=KEY, do_nothing=True) == 1
    assert db.upsert("run", row("a", "x", n=2), key=KEY, do_nothing=True) == 1
    assert db.fetch_value("select n from run") == 1
    with pytest.raises(ProgrammingError, match="exclude each other"):
        db.upsert("run", row("a", "x"), key=KEY, update=["n"], do_nothing=True)
    with pytest.raises(ProgrammingError, match='key column "stage" is not among'):
        db.upsert("run", {"spec": "a"}, key=KEY, do_nothing=True)


def test_a_row_of_its_key_alone_gives_the_id(db: holdfast.Database) -> None:
    assert db.upsert("run", row("a", "x"), key=KEY) == 1
    assert db.upsert("run", row("a", "x"), key=KEY) == 1


def test_the_key_may_be_the_row_id(db: holdfast.Database) -> None:
    assert db.upsert("note", {"id": 9, "body": "a"}, key="id") == 9
    assert db.upsert("note", {"id": 9, "body": "b"}, key=["id"]) == 9
    assert db.fetch_all("select * from note") == [(9, "b")]


def test_a_batch_counts_each_outcome(db: holdfast.Database) -> None:
    rows = [row("a", "x", n=1), row("a", "y", n=2), row("a", "x", n=3)]
    counts = db.upsert_many("run", rows, key=KEY)
    assert (counts.inserted, counts.updated, counts.skipped) == (2, 1, 0)
    assert db.upsert_many("run", iter(rows), key=KEY, do_nothing=True) == (0, 0, 3)
    assert db.upsert_many("run", [], key=KEY) == (0, 0, 0)
    assert db.fetch_all("select n from run order by stage") == [(3,), (2,)]


def test_a_batch_is_one_transaction_and_names_the_row(db: holdfast.Database) -> None:
    db.execute("create unique index one on run(state)")
    rows = [row("a", "x", state="new"), row("a", "y", state="old"), row("b", "x", state="new")]
    with pytest.raises(IntegrityError, match="row 2"):
        db.upsert_many("run", rows, key=KEY)
    assert db.fetch_value("select count(*) from run") == 0


def test_a_batch_in_a_transaction_joins_it(db: holdfast.Database) -> None:
    with pytest.raises(KeyError), db.transaction() as tx:
        tx.upsert_many("run", [row("a", "x"), row("a", "y")], key=KEY)
        assert tx.upsert("run", row("a", "x", n=1), key=KEY) == 1
        raise KeyError
    assert db.fetch_value("select count(*) from run") == 0


def test_a_table_without_row_ids_counts_too(db: holdfast.Database) -> None:
    db.execute("create table kv(k primary key, v) without rowid")
    assert db.upsert("kv", {"k": 1, "v": 1}, key="k") is None
    rows = [{"k": 1, "v": 2}, {"k": 2, "v": 2}]
    assert db.upsert_many("kv", rows, key="k") == (1, 1, 0)
    assert db.upsert_many("kv", rows, key="k", do_nothing=True) == (0, 0, 2)
    assert db.fetch_all("select * from kv order by k") == [(1, 2), (2, 2)]


def test_a_null_in_the_key_never_conflicts(db: holdfast.Database) -> None:
    first = db.upsert("run", row("a", None), key=KEY)
    assert db.upsert("run", row("a", None), key=KEY) != first
    assert db.fetch_value("select count(*) from run") == 2


def test_triggers_do_not_blur_the_outcome(db: holdfast.Database) -> None:
    db.execute("create table log(x)")
    for event in ("insert", "update"):
        db.execute(
            f"create trigger t_{event} after {event} on run begin"
            " insert into log values (1); insert into log values (2); end"
        )
    assert db.upsert_many("run", [row("a", "x"), row("a", "x", n=2)], key=KEY) == (1, 1, 0)
    assert db.upsert("run", row("a", "x", n=3), key=KEY) == 1
    assert db.upsert("run", row("b", "x"), key=KEY) == 2


def test_names_ignore_case(db: holdfast.Database) -> None:
    assert db.upsert("Run", {"SPEC": "a", "Stage": "x", "n": 1}, key=("SPEC", "Stage")) == 1
    assert db.upsert("run", {"Spec": "a", "stage": "x", "N": 2}, key=KEY) == 1
    assert db.fetch_all("select spec, stage, n from run") == [("a", "x", 2)]


@dataclass
class Run:
    spec: str
    stage: str
    state: str


def test_it_takes_dataclasses(db: holdfast.Database) -> None:
    assert db.upsert("run", Run("a", "x", "new"), key=KEY) == 1
    assert db.upsert_many("run", [Run("a", "x", "old"), Run("b", "x", "new")], key=KEY)[:2] == (
        1,
        1,
    )


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("state", "no unique constraint"),
        (("spec", "nope"), "nope"),
        ((), "needs the columns of a unique key"),
        ("n", 'key column "n" is not among the columns of the row'),
    ],
)
def test_a_key_that_is_none_is_explained(db: holdfast.Database, key: Any, problem: str) -> None:
    with pytest.raises(ProgrammingError, match=problem):
        db.upsert("run", row("a", "x", state="new"), key=key)


@pytest.mark.parametrize("value", ["a\0b", b"\0\xff", "x" * 100_000, 1.5, None])
def test_values_of_any_kind_can_be_the_key(db: holdfast.Database, value: Any) -> None:
    db.execute("create table any_(k unique, v)")
    first = db.upsert("any_", {"k": value, "v": 1}, key="k")
    assert first == 1
    assert db.upsert("any_", {"k": value, "v": 2}, key="k") == (1 if value is not None else 2)


@pytest.mark.parametrize("kind", ["", "without rowid"])
def test_a_table_that_is_made_anew_may_be_of_the_other_kind(
    db: holdfast.Database, kind: str
) -> None:
    other = "" if kind else "without rowid"
    for now in (kind, other, kind):
        db.execute_script(f"drop table if exists t; create table t(k text primary key, v) {now}")
        first = None if now else 1
        for value in (1, 2):
            assert db.upsert("t", {"k": "a", "v": value}, key="k") == first
        rows = [{"k": "a", "v": 3}, {"k": "b", "v": 3}]
        assert db.upsert_many("t", rows, key="k") == Upserted(inserted=1, updated=1, skipped=0)
        rows = [{"k": "a", "v": 4}, {"k": "c", "v": 4}]
        skipped = db.upsert_many("t", rows, key="k", do_nothing=True)
        assert skipped == Upserted(inserted=1, updated=0, skipped=1)
        assert db.fetch_all("select k, v from t order by k") == [("a", 3), ("b", 3), ("c", 4)]
