"""What goes wrong around a history is one clear error, and nothing is half kept."""

from pathlib import Path
from threading import Event, Thread

import pytest

import holdfast
from history_records import FACES, QUESTIONS, VERBS, ideas, record, refused, repository_of
from holdfast.history import (
    AsyncHoldfastRepository,
    HoldfastRepository,
    RepositoryConnectionError,
    RepositoryError,
)
from processes import lock_held

faces = pytest.mark.parametrize("face", FACES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed history of one record."""
    with repository_of("holdfast", tmp_path) as repository:
        repository.save(record("kept"))
    return tmp_path / "history.db"


@faces
def test_a_lock_of_another_process_is_waited_for_and_then_told(face: str, path: Path) -> None:
    with (
        repository_of(face, path.parent) as patient,
        repository_of(face, path.parent, timeout=0.1) as repository,
    ):
        with lock_held(path):
            for verb in VERBS:
                error = refused(verb, repository)
                assert isinstance(error, RepositoryConnectionError) and error.retryable
                assert isinstance(error.__cause__, holdfast.BusyError)
            for question in QUESTIONS:
                question(patient)
        assert patient.save(record("after")) == 2
        assert ideas(patient.find_recent()) == ["after", "kept"]


@faces
def test_a_first_use_that_finds_a_lock_can_be_tried_again(face: str, tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with holdfast.open(path) as db:
        db.execute("create table other(x)")
    with repository_of(face, tmp_path, timeout=2.0) as repository:
        with lock_held(path):
            error = refused(VERBS[0], repository)
            assert isinstance(error, RepositoryConnectionError) and error.retryable
        assert repository.save(record()) == 1


@faces
def test_what_may_only_be_read_is_read(face: str, path: Path) -> None:
    with repository_of(face, path.parent, read_only=True) as repository:
        for question in QUESTIONS:
            question(repository)
        for verb in VERBS:
            error = refused(verb, repository)
            assert "read_only" in str(error) and not error.retryable
        assert ideas(repository.find_recent()) == ["kept"]


@faces
def test_a_file_without_the_table_that_may_only_be_read_says_so(face: str, tmp_path: Path) -> None:
    with holdfast.open(tmp_path / "history.db") as db:
        db.execute("create table other(x)")
    with repository_of(face, tmp_path, read_only=True) as repository:
        assert "read_only" in str(refused(QUESTIONS[1], repository))


@faces
def test_a_damaged_file_is_told(face: str, path: Path) -> None:
    with repository_of("holdfast", path.parent) as repository:
        repository.save_many([record("word " * 1000)] * 200)
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half:] = b"\xff" * (len(data) - half)
    path.write_bytes(data)
    with repository_of(face, path.parent) as repository:
        error = refused(lambda it: it.find_recent(200), repository)
        assert isinstance(error, RepositoryConnectionError) and not error.retryable
        assert isinstance(error.__cause__, holdfast.CorruptionError)
        refused(VERBS[1], repository)


@pytest.mark.parametrize("small_disk", [4], indirect=True)
@faces
def test_a_full_disk_is_told_and_written_again_when_there_is_room(
    small_disk: Path, face: str
) -> None:
    with repository_of(face, small_disk, vacuum_every=None) as repository:
        saved = repository.save_many(record(f"{n} " + "word " * 1000) for n in range(20))
        error = None
        while error is None:
            try:
                saved += repository.save_many([record("words " * 5000)] * 10)
            except RepositoryError as raised:
                error = raised
        assert isinstance(error, RepositoryConnectionError) and not error.retryable
        assert error.sqlite_errorname == "SQLITE_FULL"
        assert repository.find_recent().total == repository.search("word*").total == len(saved)


def test_a_closed_database_is_told(path: Path) -> None:
    with repository_of("holdfast", path.parent) as repository:
        repository.find_recent()
    for verb in (VERBS[0], QUESTIONS[0]):
        error = refused(verb, repository)
        assert isinstance(error, RepositoryConnectionError)
        assert isinstance(error.__cause__, holdfast.ClosedError)


async def test_a_closed_database_is_told_to_tasks(path: Path) -> None:
    async with holdfast.open_async(path) as db:
        repository = AsyncHoldfastRepository(db)
        assert (await repository.find_recent()).total == 1
    for verb in (repository.find_recent(), repository.save(record())):
        with pytest.raises(RepositoryConnectionError) as raised:
            await verb
        assert isinstance(raised.value.__cause__, holdfast.ClosedError)


def test_a_lane_that_another_thread_holds_is_told_who_holds_it(path: Path) -> None:
    with holdfast.open(path) as db:
        held, done = Event(), Event()

        def hold() -> None:
            with db.transaction():
                held.set()
                done.wait(30)

        thread = Thread(target=hold, name="the holder")
        thread.start()
        assert held.wait(30)
        error = refused(VERBS[0], HoldfastRepository(db, timeout=0.05))
        done.set()
        thread.join()
        assert error.retryable and "the holder" in str(error)
