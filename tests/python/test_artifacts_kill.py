"""Processes that are killed or forked in the middle of a sync: the next one is right."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

import holdfast
from holdfast.artifacts import ArtifactIndex
from markdown_files import counts, indexed, known, known_afresh, note, write
from processes import Child, fork, join

_SYNC = """
import sys
from holdfast.artifacts import ArtifactIndex
with ArtifactIndex(sys.argv[1], sys.argv[2]) as index:
    print("ready", flush=True)
    index.sync(sys.argv[3])
    print("done", flush=True)
"""


def tell(number: int, word: str) -> str:
    return note(f"{word} {number}", f"{word} " * 200, status=word, tags=f"[{word}, n{number % 9}]")


def shuffle(root: Path, chance: random.Random) -> None:
    """Change, remove, move and copy files."""
    files = sorted(root.rglob("*.md"))
    for path in chance.sample(files, len(files) // 2):
        match chance.randrange(5):
            case 0:
                path.unlink()
            case 1:
                path.rename(path.with_name(f"moved{chance.randrange(10**6)}.md"))
            case 2:
                shutil.copy(path, path.with_name(f"copy{chance.randrange(10**6)}.md"))
            case 3:
                path.write_text("---\n[\n---\n")
            case _:
                path.write_text(tell(chance.randrange(1000), chance.choice("abcd") * 4))
    write(root, {f"new/{chance.randrange(10**6)}.md": tell(n, "new") for n in range(40)})


def check(tmp_path: Path, rounds: int) -> None:
    chance = random.Random(rounds)
    root = write(tmp_path / "root", {f"d{n % 9}/{n}.md": tell(n, "old") for n in range(1500)})
    path = tmp_path / "index.db"
    interrupted = 0
    for number in range(rounds):
        with Child(_SYNC, path, root, chance.choice(["incremental", "full"])) as child:
            assert child.line() == "ready"
            time.sleep(chance.random() * (0.4 if number < 3 else 0.15))
            child.signal(signal.SIGKILL)
            child.wait()
        if number % 4 == 3 or number == rounds - 1:
            with holdfast.open(path) as db:
                assert db.check().ok
                index = ArtifactIndex(db, root)
                runs = index.log()
                assert all(run.status in ("completed", "interrupted") for run in runs)
                interrupted += sum(run.status == "interrupted" for run in runs[:4])
                result = index.sync()
                assert index.log(1)[0].status == "completed"
                bad = {problem.path for problem in result.problems}
                mine, fresh = known(db), known_afresh(root, tmp_path)
                for name in ("artifacts", "tags", "words"):
                    assert [row for row in mine[name] if row[0] not in bad] == fresh[name]
                assert mine["files"] == fresh["files"]
                db.execute_script(
                    "insert into artifact_text(artifact_text) values('integrity-check')"
                )
        shuffle(root, chance)
    assert interrupted


def test_a_killed_sync_is_made_up_for(tmp_path: Path) -> None:
    check(tmp_path, 12)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_hundred_killed_syncs_are_made_up_for(tmp_path: Path) -> None:
    check(tmp_path, 100)


def test_a_killed_sync_is_shown_as_interrupted(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {f"{n}.md": tell(n, "old") for n in range(20)})
    code = _SYNC.replace(
        "index.sync(sys.argv[3])",
        """
    def progress(done, total):
        print("in the middle", flush=True)
        sys.stdin.readline()
    index.sync(sys.argv[3], progress=progress)""",
    )
    with Child(code, tmp_path / "index.db", root, "incremental") as child:
        assert [child.line(), child.line()] == ["ready", "in the middle"]
        with holdfast.open(tmp_path / "index.db") as db:
            index = ArtifactIndex(db, root)
            assert index.log()[0].status == "running"
            child.signal(signal.SIGKILL)
            child.wait()
            run = index.log()[0]
            assert (run.status, run.added, run.completed_at) == ("interrupted", 20, None)
            assert index.stats().last_sync is None
            # A query syncs, since none was completed.
            assert index.query().total == 20
            assert [run.status for run in index.log()] == ["completed", "interrupted"]


def test_a_fork_during_a_sync_ends_with_the_sync(tmp_path: Path) -> None:
    with indexed(tmp_path, {f"{n}.md": "" for n in range(5)}) as (index, _, _):
        come, go = os.pipe()
        pids: list[int] = []

        def progress(done: int, total: int) -> None:
            if not pids:
                pids.append(fork(lambda: os.read(come, 1)))

        index.sync(progress=progress)
        # The child has inherited the lock and lives on.
        assert counts(index.sync(timeout=0)) == (0, 0, 5, 0, 0)
        os.write(go, b"x")
        join(pids[0])
        os.close(come)
        os.close(go)


def test_a_forked_child_has_an_index_of_its_own(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {f"{n}.md": tell(n, "alpha") for n in range(50)})
    with ArtifactIndex(tmp_path / "index.db", root) as index:
        index.sync()

        def child() -> None:
            write(root, {"child.md": tell(1, "beta")})
            with ArtifactIndex(tmp_path / "index.db", root) as mine:
                assert counts(mine.sync()) == (1, 0, 50, 0, 0)
                assert mine.query(text="beta").total == 1

        join(fork(child))
        assert index.query(text="beta").total == 1
        assert counts(index.sync("full")) == (0, 0, 51, 0, 0)
