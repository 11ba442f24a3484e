"""Writes that share a commit at the profile durable: each caller sees what it would see alone."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest

import holdfast
from processes import fork, join

SCHEMA = """
create table note(id integer primary key, body unique not null);
create table tally(name text primary key, n integer not null);
create table child(note references note deferrable initially deferred);
"""
ADD = "insert into tally values (?, 1) on conflict(name) do update set n = n + 1"


@pytest.fixture
def db(opened: Callable[..., holdfast.Database]) -> holdfast.Database:
    database = opened(profile="durable")
    database.execute_script(SCHEMA)
    return database


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except holdfast.Error as error:
        return type(error), str(error)


def waiting(db: holdfast.Database, count: int) -> None:
    while db.stats()["lane"]["waiting"] < count:
        time.sleep(0.001)


def together(db: holdfast.Database, *calls: Callable[[], Any]) -> list[Any]:
    """Make the calls wait for the lane in this order, each in a thread; return what each got."""
    results: list[Any] = [None] * len(calls)

    def run(number: int) -> None:
        results[number] = outcome(calls[number])

    threads: list[threading.Thread] = []
    with db.transaction():
        for number in range(len(calls)):
            threads.append(threading.Thread(target=run, args=(number,)))
            threads[-1].start()
            waiting(db, number + 1)
    for thread in threads:
        thread.join()
    return results


def alike(make: Callable[[], list[Callable[[], Any]]], db: holdfast.Database, undo: str) -> None:
    alone = [outcome(call) for call in make()]
    db.execute_script(undo)
    before = db.stats()
    shared = together(db, *make())
    after = db.stats()
    assert shared == alone
    assert after["group_commits"] - before["group_commits"] == 1
    assert after["group_writes"] - before["group_writes"] == len(alone)


def test_every_verb_gives_what_it_gives_alone(db: holdfast.Database) -> None:
    add = "insert into note(body) values (:body) returning id, body"
    rename = "update note set body = body || ? returning body"
    values = [1, 2.5, "text", b"blob"]

    def calls() -> list[Callable[[], Any]]:
        return [
            lambda: db.execute("insert into note(body) values (?), (?)", ["a", "b"]),
            lambda: db.insert("note", {"body": "c"}),
            lambda: db.upsert("tally", {"name": "x", "n": 1}, key="name"),
            lambda: db.upsert("note", {"id": 2, "body": "B"}, key="id"),
            lambda: db.fetch_value(add, {"body": "d", "unused": object()}),
            lambda: db.fetch_one(add, {"body": "e"}),
            lambda: db.fetch_all(rename, ["!"]),
            lambda: db.fetch_one("delete from note where id = 99 returning id"),
            lambda: db.execute("delete from note where id = 99"),
            lambda: db.fetch_all(
                "insert into note(body) values (?), (?), (?), (?) returning body", values
            ),
        ]

    alike(calls, db, "delete from note; delete from tally")


def test_every_error_is_what_it_is_alone(db: holdfast.Database) -> None:
    insert = "insert into note(body) values (?)"

    def calls() -> list[Callable[[], Any]]:
        return [
            lambda: db.execute(insert, ["same"]),
            lambda: db.execute(insert, ["same"]),
            lambda: db.execute(insert, []),
            lambda: db.execute("insert into note(body) values (:body)", {"other": 1}),
            lambda: db.execute(insert, {"body": 1}),
            lambda: db.execute("insert into nowhere values (1)"),
            lambda: db.execute("begin"),
            lambda: db.insert("note", {"no": 1}),
            lambda: db.insert("note", {"body": None}),
            lambda: db.upsert("note", {"body": None, "id": 1}, key="id"),
            lambda: db.fetch_value("insert into note(body) values ('same') returning id"),
            lambda: db.execute(insert, ["last"]),
        ]

    alike(calls, db, "delete from note")


@pytest.mark.parametrize("bad", [float("nan"), 2**64, "\ud800", object(), {"a": 1}])
def test_a_value_that_cannot_be_stored_is_refused_without_a_wait(
    db: holdfast.Database, bad: object
) -> None:
    insert = "insert into note(body) values (?)"
    calls = (partial(db.execute, insert, [bad]), partial(db.insert, "note", {"body": bad}))
    alone = [outcome(call) for call in calls]
    results: list[Any] = []
    with db.transaction():
        thread = threading.Thread(target=lambda: results.extend(outcome(call) for call in calls))
        thread.start()
        thread.join()
    assert results == alone
    assert all(issubclass(result[0], holdfast.Error) for result in results)


class Wrong(NamedTuple):
    id: str


def test_a_row_that_does_not_fit_undoes_the_write(db: holdfast.Database) -> None:
    add = "insert into note(body) values (?) returning id"
    broken = "insert into note(body) values (cast(x'ff' as text)) returning body"
    results = together(
        db,
        lambda: db.execute("insert into note(body) values ('kept')"),
        lambda: db.fetch_one(add, ["lost"], into=Wrong),
        lambda: db.fetch_value(broken),
        lambda: db.execute("insert into note(body) values ('kept too')"),
    )
    assert results[0] == results[3] == 1
    assert [result[0] for result in results[1:3]] == [holdfast.DataError] * 2
    assert db.fetch_all("select body from note order by id") == [("kept",), ("kept too",)]


def test_what_ends_a_transaction_ends_none_of_the_others(db: holdfast.Database) -> None:
    db.execute("insert into note values (1, 'x')")
    results = together(
        db,
        lambda: db.execute("insert into note values (2, 'two')"),
        lambda: db.execute("insert or rollback into note values (1, 'y')"),
        lambda: db.execute("insert into child values (3)"),
        lambda: db.execute("insert into note values (3, 'three')"),
    )
    assert results[0] == results[3] == 1
    assert [result[0] for result in results[1:3]] == [holdfast.IntegrityError] * 2
    assert db.fetch_all("select id from note") == [(1,), (2,), (3,)]
    assert db.fetch_value("select count(*) from child") == 0


def test_a_timeout_of_its_own_is_kept(db: holdfast.Database) -> None:
    with db.transaction():
        results: list[Any] = []
        write = lambda: db.execute("insert into note(body) values ('x')", timeout=0.05)  # noqa: E731
        thread = threading.Thread(target=lambda: results.append(outcome(write)))
        thread.start()
        thread.join()
    assert results[0][0] is holdfast.BusyError


def test_counters_add_up_with_failures_among_the_writes(db: holdfast.Database) -> None:
    done: Counter[str] = Counter()
    lock = threading.Lock()

    def work(number: int) -> None:
        chance, mine, last = random.Random(number), Counter[str](), 0
        for _ in range(150):
            match chance.randrange(8):
                case 0:
                    with pytest.raises(holdfast.IntegrityError):
                        db.execute("insert or rollback into note values (1, null)")
                case 1:
                    with pytest.raises(holdfast.IntegrityError):
                        db.execute("insert into child values (-1)")
                case 2:
                    with pytest.raises(holdfast.IntegrityError):
                        db.insert("note", {"body": None})
                case 3:
                    with db.transaction() as tx:
                        tx.execute(ADD, ["transaction"])
                    mine["transaction"] += 1
                case 4:
                    # Its own writes are seen in order.
                    seen = db.fetch_value(ADD + " returning n", [f"thread {number}"])
                    last += 1
                    assert seen == last
                    mine[f"thread {number}"] += 1
                case _:
                    assert db.execute(ADD, ["all"]) == 1
                    mine["all"] += 1
        with lock:
            done.update(mine)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dict(db.fetch_all("select name, n from tally")) == done
    stats = db.stats()
    assert stats["group_writes"] > stats["group_commits"] > 0


# From 3.12 on Python warns of a fork beside threads, which is what is tested here.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_while_threads_wait_leaves_both_sides_whole(db: holdfast.Database) -> None:
    def write(body: str) -> Callable[[], Any]:
        return lambda: db.execute("insert into note(body) values (?)", [body])

    def child() -> None:
        assert write("child")() == 1
        db.close()

    def forking() -> Any:
        pids.append(fork(child))
        return write("parent")()

    pids: list[int] = []
    assert together(db, write("a"), write("b"), forking, write("c")) == [1, 1, 1, 1]
    join(pids[0])
    bodies = {row[0] for row in db.fetch_all("select body from note")}
    assert bodies == {"a", "b", "c", "parent", "child"}
