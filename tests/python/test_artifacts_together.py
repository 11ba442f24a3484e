"""Syncs and queries of several threads and processes at once: all see one moment."""

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import holdfast
from holdfast.artifacts import ArtifactIndex, SyncRunningError
from markdown_files import counts, indexed, known, known_afresh, note, write
from processes import Child

WORDS = ["alpha", "beta", "gamma", "delta"]


def tell(number: int, word: str) -> str:
    """A file all of whose parts say the same word."""
    return note(word, f"{word} " * 40, status=word, tags=f"[{word}, n{number}]")


@contextmanager
def meanwhile(*works: Callable[[], object]) -> Iterator[list[BaseException]]:
    """Repeat functions in threads of their own."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def repeat(work: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=repeat, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield errors
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []


def test_queries_during_syncs_see_one_moment(tmp_path: Path) -> None:
    chance = random.Random(1)
    with indexed(tmp_path, {f"{n}.md": tell(n, "alpha") for n in range(60)}) as (index, root, db):
        db.execute("create table other(id integer primary key, x)")
        looks = 0

        def look() -> None:
            nonlocal looks
            word = WORDS[looks % 4]
            by_status = index.query(status=word, limit=1000)
            assert all(item.title == word and word in item.tags for item in by_status.items)
            page = index.query(text=word, limit=1000)
            assert all(item.status == word for item in page.items)
            assert page.total == len(page.items) == sum(f.count for f in page.facets.status)
            assert {facet.value for facet in page.facets.status} <= {word}
            assert dict(page.facets.tag).get(word, 0) == page.total
            whole = index.query(limit=1000)
            assert whole.total == len(whole.items) == sum(f.count for f in whole.facets.type)
            looks += 1

        def put() -> None:
            db.execute("insert into other(x) values ('y')")

        with meanwhile(look, look, put) as errors:
            for _ in range(25):
                for number in chance.sample(range(60), 15):
                    write(root, {f"{number}.md": tell(number, chance.choice(WORDS))})
                moved = chance.randrange(60, 70)
                shutil.copy(root / "0.md", root / f"{moved}.md")
                (root / "extra.md").unlink(missing_ok=True)
                (root / f"{moved}.md").rename(root / "extra.md")
                index.sync(chance.choice(["incremental", "full"]))  # type: ignore[arg-type]
                assert not errors
        assert looks > 10
        assert known(db) == known_afresh(root, tmp_path)


def test_files_that_change_and_vanish_during_syncs(tmp_path: Path) -> None:
    with indexed(tmp_path, {f"d{n % 5}/{n}.md": tell(n, "alpha") for n in range(300)}) as (
        index,
        root,
        db,
    ):
        chance = random.Random(2)

        def disturb() -> None:
            number = chance.randrange(300)
            path = root / f"d{number % 5}" / f"{number}.md"
            match chance.randrange(6):
                case 0:
                    path.unlink(missing_ok=True)
                case 1:
                    shutil.rmtree(root / f"d{chance.randrange(5)}", ignore_errors=True)
                case 2:
                    path.parent.mkdir(exist_ok=True)
                    path.with_suffix(".tmp").write_text(tell(number, "beta"))
                    path.with_suffix(".tmp").replace(path)
                case 3 if path.exists():
                    path.rename(root / f"moved{chance.randrange(20)}.md")
                case _:
                    path.parent.mkdir(exist_ok=True)
                    path.write_text(tell(number, chance.choice(WORDS)) * chance.randrange(5))

        with meanwhile(disturb):
            stop = time.monotonic() + 3
            while time.monotonic() < stop:
                index.sync(chance.choice(["incremental", "full"]))  # type: ignore[arg-type]
        index.sync()
        assert known(db) == known_afresh(root, tmp_path)
        assert index.sync().errors == 0


def test_two_syncs_of_a_folder_take_turns(tmp_path: Path) -> None:
    with indexed(tmp_path, {f"{n}.md": tell(n, "beta") for n in range(20)}) as (index, root, db):
        began, go_on = threading.Event(), threading.Event()

        def progress(done: int, total: int) -> None:
            began.set()
            assert go_on.wait(30)

        write(root, {"new.md": ""})
        other = ArtifactIndex(db, root)
        first = threading.Thread(target=lambda: index.sync(progress=progress))
        first.start()
        assert began.wait(30)
        try:
            begun = time.monotonic()
            with pytest.raises(SyncRunningError) as caught:
                other.sync(timeout=0.3)
            assert 0.25 < time.monotonic() - begun < 5
            assert caught.value.retryable and str(tmp_path) not in str(caught.value)
            assert other.log()[0].status == "running"
            results: list[tuple[int, ...]] = []
            second = threading.Thread(target=lambda: results.append(counts(other.sync(timeout=30))))
            second.start()
        finally:
            go_on.set()
        first.join()
        second.join()
        assert results == [(0, 0, 21, 0, 0)]
        assert [run.status for run in other.log()] == ["completed"] * 3


_SYNC = """
import sys
from holdfast.artifacts import ArtifactIndex
with ArtifactIndex(sys.argv[1], sys.argv[2]) as index:
    for line in sys.stdin:
        print(index.sync(line.strip()), index.query(text="alpha").total, flush=True)
"""


def test_processes_that_sync_at_once_agree(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {f"{n}.md": tell(n, "alpha") for n in range(400)})
    children = [Child(_SYNC, tmp_path / "index.db", root) for _ in range(3)]
    try:
        for child in children:
            child.send("incremental")
        lines = sorted(child.line() for child in children)
        assert [line.rsplit(" ", 1)[1] for line in lines] == ["400"] * 3
        assert [int(line.split()[0]) for line in lines] == [0, 0, 400]
        for child in children:
            child.send("full")
        for child in children:
            assert child.line().startswith("0 new, 0 updated, 400 unchanged, 0 removed, 0 errors")
    finally:
        for child in children:
            child.kill()
    with holdfast.open(tmp_path / "index.db") as db:
        assert known(db) == known_afresh(root, tmp_path)
