"""Several processes, threads and tasks keep one history; killed ones leave whole batches."""

import asyncio
import signal
import threading
from pathlib import Path

import pytest

import holdfast
from history_records import MILLISECOND, NOON, record, repository_of
from holdfast.history import AsyncHoldfastRepository, HoldfastRepository, PromptHistory
from processes import Child, fork, join, look

_BEGIN = """
import sys
import holdfast
from holdfast.history import HoldfastRepository, PromptHistory

def record(idea):
    return PromptHistory(original_idea=idea, improved_prompt="Write " + "word " * 200,
                         backend="few-shot", model="m", provider=sys.argv[2])

db = holdfast.open(sys.argv[1])
repository = HoldfastRepository(db)
print("ready", flush=True)
sys.stdin.readline()
"""
_SAVE = f"""{_BEGIN}
ids = [repository.save(record(f"one {{n}}")) for n in range(20)]
for n in range(20):
    ids += repository.save_many(record(f"many {{n}}") for _ in range(7))
found = [repository.find_by_id(number) for number in ids]
assert all(each.provider == sys.argv[2] for each in found)
print(len(set(ids)))
db.close()
"""
_FOR_EVER = f"""{_BEGIN}
while True:
    repository.save_many(record("batch") for _ in range(30))
    print("saved", flush=True)
"""
_CLEAR = f"""{_BEGIN}
print(repository.trim(max_records=100))
db.close()
"""
BATCH = 30


def whole(path: Path) -> None:
    """The file is sound, and the text index is that of the texts."""
    with holdfast.open(path) as db:
        assert db.check().ok
        db.execute(
            "insert into prompt_history_text(prompt_history_text, rank) values "
            "('integrity-check', 1)"
        )


def test_processes_that_begin_together_lose_and_mix_up_nothing(path: Path) -> None:
    names = ["a", "b", "c"]
    children = [Child(_SAVE, path, name) for name in names]
    try:
        assert [child.line() for child in children] == ["ready"] * 3
        for child in children:
            child.send()
        assert [child.finish() for child in children] == [["160"]] * 3
    finally:
        for child in children:
            child.kill()
    rows = look(
        path, "select provider, count(*), count(distinct id) from prompt_history group by 1"
    )
    assert rows == [[name, 160, 160] for name in names]
    whole(path)


def test_a_process_that_is_killed_leaves_whole_batches(path: Path) -> None:
    acknowledged = 0
    for _ in range(3):
        with Child(_FOR_EVER, path, "p") as child:
            assert child.line() == "ready"
            child.send()
            for _ in range(4):
                assert child.line() == "saved"
            child.signal(signal.SIGKILL)
            child.wait()
            acknowledged += 4 + len(child.rest())
        with holdfast.open(path) as db:
            repository = HoldfastRepository(db)
            total = repository.find_recent().total
            assert total % BATCH == 0 and total >= acknowledged * BATCH
            assert repository.search("batch", 1).total == total
        whole(path)


def test_processes_that_clear_together_delete_each_record_once(path: Path) -> None:
    with holdfast.open(path) as db:
        HoldfastRepository(db).save_many(record(f"poem {n}", at=n) for n in range(1000))
    with Child(_CLEAR, path, "a") as one, Child(_CLEAR, path, "b") as other:
        for child in (one, other):
            assert child.line() == "ready"
        for child in (one, other):
            child.send()
        assert sum(int(child.finish()[0]) for child in (one, other)) == 900
    assert look(path, "select count(*), min(timestamp) from prompt_history") == [
        [100, "2026-11-20 12:00:00.900"]
    ]
    whole(path)


def test_a_clearing_that_is_killed_goes_on_the_next_time(path: Path) -> None:
    with holdfast.open(path) as db:
        texts = (f"poem {n} " + "word " * 300 for n in range(3000))
        HoldfastRepository(db).save_many(record(text, at=n) for n, text in enumerate(texts))
    count = "select count(*) from prompt_history"
    with Child(_CLEAR, path, "a") as child:
        assert child.line() == "ready"
        child.send()
        while look(path, count) == [[3000]]:
            pass
        child.signal(signal.SIGKILL)
        child.wait()
    whole(path)
    with holdfast.open(path) as db:
        repository = HoldfastRepository(db)
        left = repository.find_recent(1).total
        assert 100 <= left < 3000
        assert repository.trim(max_records=100) == left - 100
        assert repository.search("poem", 1).total == 100


def test_threads_save_at_once(path: Path) -> None:
    with holdfast.open(path) as db:
        repository = HoldfastRepository(db)
        ids: list[int] = []

        def save() -> None:
            for n in range(10):
                ids.append(repository.save(record(f"{n}")))
                ids.extend(repository.save_many([record(f"{n}")] * 3))

        threads = [threading.Thread(target=save) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ids) == list(range(1, 8 * 40 + 1))


async def test_tasks_save_at_once(path: Path) -> None:
    async with holdfast.open_async(path) as db:
        repository = AsyncHoldfastRepository(db)
        batches = [repository.save_many([record(f"{n}")] * 5) for n in range(40)]
        ids = await asyncio.gather(*batches)
        assert sorted(number for batch in ids for number in batch) == list(range(1, 201))
        assert all(batch == list(range(batch[0], batch[0] + 5)) for batch in ids)


def test_a_forked_child_saves_too(path: Path) -> None:
    with holdfast.open(path) as db:
        repository = HoldfastRepository(db)
        repository.save(record("parent"))
        join(fork(lambda: repository.save(record("child"))))
        assert repository.save(record("parent again")) == 3
        assert repository.search("child").total == 1


@pytest.mark.parametrize("kind", ["holdfast", "async holdfast"])
def test_a_huge_record_comes_back_and_is_found(kind: str, tmp_path: Path) -> None:
    text = "wörd\0 " * 1_500_000 + "albatross"
    with repository_of(kind, tmp_path) as repository:
        kept: PromptHistory = record("huge", context=text, guardrails=[text[-100:]] * 1000)
        number = repository.save_many([record("small"), kept])[1]
        assert repository.find_by_id(number).context == text
        assert repository.search("albatross").total == 1
        assert repository.get_statistics().bytes > len(text)
        assert repository.delete_old(0, now=NOON.replace(year=3000)) == 2
        assert repository.search("albatross").total == 0


async def test_a_save_that_is_cancelled_is_kept_whole_or_not_at_all(path: Path) -> None:
    async with holdfast.open_async(path) as db:
        repository = AsyncHoldfastRepository(db)
        await repository.save(record("first"))
        for _ in range(20):
            task = asyncio.create_task(repository.save_many([record("word " * 200)] * 50))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        # The lane is free again after what was still going on.
        await repository.save(record("last", timestamp=NOON + MILLISECOND))
        total = (await repository.find_recent(1)).total
        assert (total - 2) % 50 == 0
        assert (await repository.search("word", 1)).total == total - 2
