"""execute_script: several statements, one transaction."""

import pytest

import holdfast
from holdfast.errors import Error, ProgrammingError

TABLES = "select count(*) from sqlite_schema where type = 'table'"


def test_it_runs_every_statement(db: holdfast.Database) -> None:
    db.execute_script(
        "create table a(x); -- a comment; with a semicolon\n"
        "create trigger t after insert on a begin insert into note(body) values (new.x); end;"
        "insert into a values ('one; two');;"
    )
    assert db.fetch_value("select body from note") == "one; two"


def test_a_failure_keeps_nothing(db: holdfast.Database) -> None:
    with pytest.raises(Error, match="nope"):
        db.execute_script("create table a(x); insert into nope values (1); create table b(x)")
    assert db.fetch_value(TABLES) == 1
    db.execute_script("create table a(x)")


def test_in_a_transaction_it_joins(db: holdfast.Database) -> None:
    with pytest.raises(KeyError), db.transaction() as tx:
        tx.execute_script("create table a(x); create table b(x)")
        assert tx.fetch_value(TABLES) == 3
        raise KeyError
    assert db.fetch_value(TABLES) == 1


@pytest.mark.parametrize("sql", ["begin; select 1; commit", "attach 'x' as y"])
def test_it_refuses_what_execute_refuses(db: holdfast.Database, sql: str) -> None:
    with pytest.raises(ProgrammingError):
        db.execute_script(sql)
    assert db.execute("insert into note(body) values ('x')") == 1


def test_nothing_is_fine(db: holdfast.Database) -> None:
    db.execute_script("")
    db.execute_script("-- nothing\n ; /* at all */")
