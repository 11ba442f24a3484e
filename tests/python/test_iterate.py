"""Iterating: one snapshot, constant memory, and an end in every order."""

import gc
import threading
import tracemalloc

import pytest

import holdfast
from holdfast.errors import BusyError, ClosedError, ProgrammingError

COUNT = (
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < ?) select n from c"
)
IDS = "select id from note order by id"


@pytest.fixture
def filled(db: holdfast.Database) -> holdfast.Database:
    db.execute_many("insert into note(id) values (?)", ([n] for n in range(100)))
    return db


def test_it_is_one_snapshot_while_others_commit(filled: holdfast.Database) -> None:
    rows = filled.iterate(IDS)
    seen = [next(rows)[0]]
    filled.execute("delete from note")
    filled.execute("insert into note(id) values (1000)")
    seen += [row[0] for row in rows]
    assert seen == list(range(100))


def test_it_needs_constant_memory(db: holdfast.Database) -> None:
    tracemalloc.start()
    assert sum(1 for _ in db.iterate(COUNT, [200_000])) == 200_000
    assert tracemalloc.get_traced_memory()[1] < 200_000
    tracemalloc.stop()


@pytest.fixture
def narrow(opened) -> holdfast.Database:
    """A database with one reader, so that one not given back is missed."""
    return opened(pool_size=1)


def test_it_gives_its_reader_back_at_the_end(narrow: holdfast.Database) -> None:
    for _ in range(3):
        rows = narrow.iterate(COUNT, [3])
        assert len(list(rows)) == 3
        assert list(rows) == []


def test_it_gives_its_reader_back_when_closed(narrow: holdfast.Database) -> None:
    rows = narrow.iterate(COUNT, [3])
    next(rows)
    with pytest.raises(BusyError):
        narrow.fetch_value("select 1", timeout=0.05)
    rows.close()
    rows.close()
    assert list(rows) == []
    assert narrow.fetch_value("select 1", timeout=5) == 1


def test_it_gives_its_reader_back_when_forgotten(narrow: holdfast.Database) -> None:
    for row in narrow.iterate(COUNT, [3]):
        assert row == (1,)
        break
    gc.collect()
    assert narrow.fetch_value("select 1", timeout=5) == 1


def test_it_gives_its_reader_back_on_an_error(narrow: holdfast.Database) -> None:
    rows = narrow.iterate("select abs(n) from (select 1 n union all select -9223372036854775808)")
    assert next(rows) == (1,)
    with pytest.raises(holdfast.errors.Error, match="overflow"):
        next(rows)
    assert narrow.fetch_value("select 1", timeout=5) == 1


def test_it_works_as_a_context(narrow: holdfast.Database) -> None:
    with narrow.iterate(COUNT, [3]) as rows:
        assert next(rows) == (1,)
    assert narrow.fetch_value("select 1", timeout=5) == 1


def test_it_keeps_a_forgotten_database_open() -> None:
    rows = holdfast.open(":memory:").iterate(COUNT, [3])
    gc.collect()
    assert [row[0] for row in rows] == [1, 2, 3]


def test_it_refuses_writes(filled: holdfast.Database) -> None:
    with pytest.raises(ProgrammingError, match="only reads"):
        filled.iterate("delete from note returning id")
    with filled.transaction() as tx, pytest.raises(ProgrammingError, match="only reads"):
        tx.iterate("delete from note returning id")
    assert filled.fetch_value("select count(*) from note") == 100


def test_its_parameters_outlive_the_call(filled: holdfast.Database) -> None:
    rows = filled.iterate("select ? || id from note limit 3", ["x" * 10_000 + str(id(filled))])
    gc.collect()
    assert all(len(row[0]) > 10_000 for row in rows)


def test_left_open_it_does_not_keep_a_transaction_from_ending(filled: holdfast.Database) -> None:
    with filled.transaction() as tx:
        rows = tx.iterate(IDS)
        assert next(rows) == (0,)
        tx.execute("insert into note(id) values (200)")
    for _ in range(2):
        with pytest.raises(ClosedError, match="not open"):
            next(rows)
    assert filled.fetch_value("select max(id) from note") == 200


def test_left_open_it_does_not_outlive_a_snapshot(filled: holdfast.Database) -> None:
    with filled.snapshot() as snapshot:
        rows = snapshot.iterate(IDS)
        next(rows)
    with pytest.raises(ClosedError):
        next(rows)
    rows.close()


def test_in_a_transaction_it_survives_a_nested_rollback(filled: holdfast.Database) -> None:
    with filled.transaction() as tx:
        rows = tx.iterate(IDS)
        next(rows)
        with pytest.raises(KeyError), tx.transaction() as inner:
            inner.execute("insert into note(id) values (500)")
            raise KeyError
        assert next(rows) == (1,)


def test_writing_while_iterating_the_same_table(filled: holdfast.Database) -> None:
    for (number,) in filled.iterate(IDS):
        filled.execute("update note set body = ? where id = ?", [number * 2, number])
    assert filled.fetch_value("select count(*) from note where body = id * 2") == 100


def test_it_can_be_handed_from_thread_to_thread(db: holdfast.Database) -> None:
    rows = db.iterate(COUNT, [20_000])
    seen: list[int] = []

    def take() -> None:
        while True:
            try:
                seen.extend(row[0] for row in rows)
            except ProgrammingError as error:
                if "advanced already" not in str(error):
                    raise
            else:
                return

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 20_001))


def test_a_row_type_that_advances_its_own_iterator_is_refused(db: holdfast.Database) -> None:
    from dataclasses import dataclass

    @dataclass
    class Greedy:
        n: int

        def __post_init__(self) -> None:
            next(rows)

    rows = db.iterate(COUNT, [10], into=Greedy)
    with pytest.raises(ProgrammingError, match="advanced already"):
        next(rows)
