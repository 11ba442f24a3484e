"""No value of a parameter in an error or in the log."""

import datetime
import logging
from typing import Any

import pytest

import holdfast
from holdfast.errors import Error

SECRET = "Zx9SecretZx9"


FAILING: list[tuple[str, Any]] = [
    ("select ?, ?", [SECRET]),
    ("select :a", {"b": SECRET}),
    ("select nope from note where body = ?", [SECRET]),
    ("select ?", [SECRET + "\ud800"]),
    ("select ?, ?", [SECRET, object()]),
    ("select ?", [[SECRET]]),
    ("insert into strict_(n) values (?)", [SECRET]),
    ("insert into one(body) values (?)", [SECRET]),
    ("insert into checked(body) values (?)", [SECRET]),
    ("insert into note(id) values (?)", [SECRET]),
    ("select json(?)", [SECRET]),
    ("select json_extract('{}', ?)", [SECRET]),
    ("select * from search where search match ?", [f'"{SECRET}']),
    ("select * from search where search match ?", [f"{SECRET} AND AND {SECRET}"]),
    ("select * from search where search match ?", [f"{SECRET}:x"]),
    ("insert into search(search) values (?)", [SECRET]),
    ("insert into search(search, rank) values ('rank', ?)", [f"{SECRET}("]),
    ("select ?", [datetime.datetime.min.replace(tzinfo=datetime.timezone.max)]),
    ("select * from pragma_table_info(?, 1, 2, 3)", [SECRET]),
    ("select abs(?)", [-(2**63)]),
]


@pytest.mark.parametrize(("sql", "parameters"), FAILING)
def test_no_error_or_log_shows_a_value(
    db: holdfast.Database, caplog: pytest.LogCaptureFixture, sql: str, parameters: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    db.execute("create table strict_(n integer) strict")
    db.execute("create table one(body unique)")
    db.execute("insert into one values (?)", [SECRET])
    db.execute("create table checked(body check (length(body) < 3))")
    db.execute("create virtual table search using fts5(body)")
    with db.transaction() as tx:
        for verb in (db.fetch_all, tx.fetch_all, tx.execute):
            with pytest.raises(Error) as caught:
                if verb == db.fetch_all and sql.startswith("insert"):
                    tx.execute(sql, parameters)
                verb(sql, parameters)
            assert SECRET not in str(caught.value)
            assert "0001-01-01" not in str(caught.value)
    assert SECRET not in caplog.text
