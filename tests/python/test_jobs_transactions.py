"""A job that is submitted in a transaction is there once that is committed, or never was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast
from holdfast.jobs import JobManager, JobState


@pytest.fixture
def db(path: Path) -> Iterator[holdfast.Database]:
    with holdfast.open(path) as database:
        yield database


@pytest.fixture
def jobs(db: holdfast.Database) -> Iterator[JobManager]:
    """A manager that only submits and looks."""
    with JobManager(db, workers=0) as manager:
        yield manager


def test_a_job_of_a_transaction_shares_its_fate(db: holdfast.Database, jobs: JobManager) -> None:
    db.execute("create table note(body)")
    with db.transaction() as tx:
        tx.execute("insert into note values ('kept')")
        kept = jobs.submit("note", tx=tx)
    assert jobs.status(kept.id) is JobState.QUEUED
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:
        tx.execute("insert into note values ('lost')")
        jobs.submit("note", tx=tx)
        raise ZeroDivisionError
    assert [job.id for job in jobs.list().items] == [kept.id]
    assert db.fetch_all("select body from note") == [("kept",)]


def test_a_dedupe_key_holds_within_a_transaction(db: holdfast.Database, jobs: JobManager) -> None:
    with db.transaction() as tx:
        first = jobs.submit("note", 1, dedupe_key="key", tx=tx)
        second = jobs.submit("note", 2, dedupe_key="key", tx=tx)
        tx.execute("update jobs set owner = 'still usable'")
    assert first.id == second.id
    assert second.payload == 1
    assert jobs.get(first.id).owner == "still usable"


async def test_a_dedupe_key_holds_within_an_asynchronous_transaction(
    adb: holdfast.AsyncDatabase, jobs: JobManager
) -> None:
    async with adb.transaction() as tx:
        first = await jobs.asubmit("note", 1, dedupe_key="key", tx=tx)
        second = await jobs.asubmit("note", 2, dedupe_key="key", tx=tx)
    assert first.id == second.id
    assert jobs.counts()[JobState.QUEUED] == 1


def test_a_worker_sees_a_transactions_job_only_once_it_is_committed(
    db: holdfast.Database,
) -> None:
    with JobManager(db) as jobs:
        jobs.handler("note")(lambda _, number: number)
        with db.transaction() as tx:
            job = jobs.submit("note", 1, tx=tx)
            function = jobs.submit(lambda _, number: -number, 2, tx=tx)
            assert db.fetch_value("select count(*) from jobs") == 0
        assert jobs.result(job.id, 10) == 1
        assert jobs.result(function.id, 10) == -2
