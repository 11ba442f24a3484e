"""The statements that read and delete records."""

from __future__ import annotations

from typing import Any

from .query import Query
from .rows import COLUMNS
from .search import Search, Term

Statement = tuple[str, list[Any]]

FIND = f"select {COLUMNS} from prompt_history where id = ?"
DELETE = "delete from prompt_history where id = ?"
LAST_ID = "select max(id) from prompt_history"
#: Deletes the oldest up to a time and an id, so many at a time, and tells what each had in bytes.
DELETE_OLDEST = (
    "delete from prompt_history where id in (select id from prompt_history "
    "where (timestamp, id) <= (?, ?) order by timestamp, id limit ?) returning size"
)
#: Merges so many pages of the text index, in which the words of what was deleted stay until then;
#: all of its parts where the number is negative. It was done where that made less than two changes.
MERGE = "insert into prompt_history_text(prompt_history_text, rank) values ('merge', ?)"
CHANGES = "select total_changes()"
_BEYOND_COUNT = (
    "select timestamp, id from prompt_history order by timestamp desc, id desc limit 1 offset ?"
)
_BEYOND_BYTES = (
    "select timestamp, id from (select timestamp, id, "
    "sum(size) over (order by timestamp desc, id desc rows unbounded preceding) as total "
    "from prompt_history) where total > ? order by timestamp desc, id desc limit 1"
)


def beyond(max_records: int | None, max_bytes: int | None) -> list[tuple[str, list[int]]]:
    """Find the newest record that is one too many, for each bound that there is."""
    both = (_BEYOND_COUNT, max_records), (_BEYOND_BYTES, max_bytes)
    return [(sql, [most]) for sql, most in both if most is not None]


def page(query: Query) -> Statement:
    """Read a page, and one record more."""
    tests, values = _where(query)
    if query.after is not None:
        tests.append("(timestamp, id) < (?, ?)")
        values += query.after
    sql = f"select {COLUMNS} from prompt_history{_all(tests)} order by timestamp desc, id desc"
    return f"{sql} limit ? offset ?", [*values, query.limit + 1, query.offset]


def count(query: Query) -> Statement:
    """Count what a query lets through."""
    tests, values = _where(query)
    return f"select count(*) from prompt_history{_all(tests)}", values


def sums(query: Query) -> Statement:
    """Read the sums and averages of statistics."""
    tests, values = _where(query)
    return (
        "select count(*), coalesce(sum(size), 0), avg(latency_ms), avg(confidence), "
        "avg(quality_score), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), "
        f"min(timestamp), max(timestamp) from prompt_history{_all(tests)}",
        values,
    )


def counts(query: Query) -> Statement:
    """Count by provider, backend and model: the column, the value, the count."""
    tests, values = _where(query)
    each = [
        f"select '{column}' as by, {column} as value, count(*) as n "
        f"from prompt_history{_all(tests)} group by {column}"
        for column in ("provider", "backend", "model")
    ]
    return f"{' union all '.join(each)} order by n desc, value", values * 3


def _where(query: Query) -> tuple[list[str], list[Any]]:
    tests: list[str] = []
    values: list[Any] = []
    for column in ("provider", "backend", "model", "conversation_id"):
        wanted = getattr(query, column)
        if wanted is not None:
            tests.append(f"{column} = ?")
            values.append(wanted)
    if query.start is not None:
        tests.append("timestamp >= ?")
        values.append(query.start)
    if query.end is not None:
        tests.append("timestamp < ?")
        values.append(query.end)
    if query.text is not None:
        test, found = _search(query.text)
        tests.append(test)
        values += found
    return tests, values


def _all(tests: list[str]) -> str:
    return f" where {' and '.join(tests)}" if tests else ""


def _search(text: Search) -> tuple[str, list[Any]]:
    """What is searched for, as FTS5 is asked for it."""
    match = "select rowid from prompt_history_text where prompt_history_text match ?"
    tests: list[str] = []
    values: list[Any] = []
    if text.wanted:
        tests.append(f"id in ({match})")
        values.append(" AND ".join(map(_quoted, text.wanted)))
    if text.without:
        tests.append(f"id not in ({match})")
        values.append(" OR ".join(map(_quoted, text.without)))
    return (" and ".join(tests) or "1 = 0"), values


def _quoted(term: Term) -> str:
    return f'"{term.text}"{"*" if term.begins else ""}'
