"""What a save puts off is done in the background, and nothing depends on it."""

import pytest

import holdfast
from history_records import record
from holdfast.history import (
    HistoryWriter,
    HoldfastRepository,
    InMemoryRepository,
    RepositoryConnectionError,
)
from job_processes import eventually

WAIT = 20.0
PARTS = "select count(distinct segid) from prompt_history_text_idx"
CHECK = "insert into prompt_history_text(prompt_history_text, rank) values ('integrity-check', 1)"


def test_parts_of_the_text_index_are_merged_step_by_step(db: holdfast.Database) -> None:
    repository = HoldfastRepository(db)
    for n in range(60):
        repository.save(record(f"idea {n} " + " ".join(f"word{n}x{m}" for m in range(300))))
    before = db.fetch_value(PARTS)
    steps = 0
    while repository.tidy():
        steps += 1
        # Whatever is merged by then, all is found.
        assert repository.search("idea").total == 60
    assert steps > 3 and db.fetch_value(PARTS) < before
    assert not repository.tidy()
    assert repository.search("word7x299").items[0].original_idea.startswith("idea 7 ")
    db.execute(CHECK)


def test_a_writer_leaves_little_to_merge(db: holdfast.Database) -> None:
    with HistoryWriter(db) as writer:
        for n in range(60):
            assert writer.save(record(" ".join(f"word{n}x{m}" for m in range(300))))
            assert writer.drain(WAIT)
        # Eight parts of a size are what a save would merge.
        eventually(lambda: db.fetch_value(PARTS) < 8)
    assert HoldfastRepository(db).search("word59x299").total == 1


class Untidy(InMemoryRepository):
    """Has something to do, so many times."""

    def __init__(self, left: int, error: Exception | None = None) -> None:
        super().__init__()
        self.left = left
        self.error = error

    def tidy(self) -> bool:
        self.left -= 1
        if self.error:
            raise self.error
        return self.left > 0


def test_a_writer_goes_on_until_nothing_is_left_to_do() -> None:
    repository = Untidy(5)
    with HistoryWriter(repository) as writer:
        assert writer.save(record())
        eventually(lambda: repository.left == 0)


@pytest.mark.parametrize("error", [RepositoryConnectionError("not now"), OSError("odd")])
def test_what_cannot_be_tidied_is_written_all_the_same(error: Exception) -> None:
    repository = Untidy(1000, error)
    with HistoryWriter(repository) as writer:
        for n in range(3):
            assert writer.save(record(f"{n}")) and writer.drain(WAIT)
            eventually(lambda done=1000 - n: repository.left < done)
        found = writer.statistics()
        assert (found.written, found.failures, found.last_error) == (3, 0, None)
