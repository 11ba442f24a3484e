"""The space of old records is given back, in turns with others who write."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import holdfast
from history_records import MILLISECOND, NOON, record
from holdfast.history import AsyncHoldfastRepository, HoldfastRepository

LONG = " ".join(f"word{n}" for n in range(400))


def test_the_space_of_what_was_deleted_is_given_back(
    path: Path, opened: Callable[..., holdfast.Database]
) -> None:
    db = opened(vacuum_every=None)
    repository = HoldfastRepository(db)
    repository.save_many(record(LONG, at=n) for n in range(600))
    db.checkpoint("truncate")
    before = path.stat().st_size
    assert repository.trim(max_records=10) == 590
    assert db.fetch_value("pragma freelist_count") == 0
    db.checkpoint("truncate")
    assert path.stat().st_size < before / 4
    assert db.check().ok and repository.search("word1").total == 10


async def test_tasks_give_it_back_too(path: Path) -> None:
    async with holdfast.open_async(path, vacuum_every=None) as db:
        repository = AsyncHoldfastRepository(db)
        await repository.save_many(record(LONG, at=n) for n in range(300))
        assert await repository.delete_old(0, now=NOON + 290 * MILLISECOND) == 290
        assert await db.fetch_value("pragma freelist_count") == 0


def test_others_write_while_old_ones_are_deleted(db: holdfast.Database) -> None:
    repository = HoldfastRepository(db)
    repository.save_many(record(LONG, at=n) for n in range(1500))
    done = threading.Event()
    written = 0

    def clear() -> None:
        assert repository.trim(max_records=0) == 1500
        done.set()

    thread = threading.Thread(target=clear)
    thread.start()
    while not done.is_set():
        db.insert("note", {"body": "meanwhile"})
        left = repository.find_recent(1).total
        written += 0 < left < 1500
    thread.join()
    # It was one of many turns, and not before or after it.
    assert written > 3


async def test_a_task_that_is_cancelled_while_it_deletes_leaves_the_others_usable(
    path: Path,
) -> None:
    async with holdfast.open_async(path) as db:
        repository = AsyncHoldfastRepository(db)
        # On a busy machine it may be done before it is cancelled: then once more.
        for _ in range(20):
            await repository.save_many(record(LONG, at=n) for n in range(1000))
            task = asyncio.create_task(repository.trim(max_records=0))
            while (await repository.find_recent(1)).total == 1000 and not task.done():
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            if task.cancelled():
                break
        assert task.cancelled()
        # A commit that had begun goes on: the lane is ours after it.
        await repository.save(record(LONG))
        left = (await repository.find_recent(1)).total
        assert 1 <= left < 1000 and (await repository.search("word7", 1)).total == left
        assert await repository.trim(max_records=0) == left
