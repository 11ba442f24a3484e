"""Files that move keep their ids; dry runs say what a sync would do, and do nothing."""

import random
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.artifacts import ArtifactIndex
from markdown_files import counts, everything, indexed, known, known_afresh, note, titles, write

NAMES = ["a.md", "b.md", "d/a.md", "d/b.md", "d/e/c.md", "é.md"]
TEXTS = ["", "# One\n", "# Two\n", note("T", "words", tags="[x, y]"), "---\nbad: [\n---\n", b"\xff"]


def ids(index: ArtifactIndex) -> dict[str, int]:
    return {found.path: found.id for found in index.query(limit=1000).items}


def test_a_file_that_moves_keeps_its_id(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# A\n", "b.md": "# B\n"}) as (index, root, _):
        before = ids(index)
        (root / "plans").mkdir()
        (root / "a.md").rename(root / "plans/c.md")
        result = index.sync()
        assert counts(result) == (0, 1, 1, 0, 0) and result.moved == 1
        assert ids(index) == {"b.md": before["b.md"], "plans/c.md": before["a.md"]}
        assert index.get(before["a.md"]).artifact.type == "plans"
        assert result.duplicates == ()


def test_a_folder_that_moves_keeps_all_ids(tmp_path: Path) -> None:
    files = {f"old/{n}.md": f"# Number {n}\n" for n in range(250)}
    with indexed(tmp_path, files) as (index, root, _):
        before = ids(index)
        (root / "old").rename(root / "new")
        result = index.sync()
        assert (result.moved, result.updated, result.added, result.removed) == (250, 250, 0, 0)
        assert ids(index) == {path.replace("old", "new"): n for path, n in before.items()}
        assert len(titles(index, text="number", limit=1000)) == 250


def test_a_move_with_an_edit_is_a_removal_and_a_new_file(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# A\n"}) as (index, root, _):
        before = ids(index)
        (root / "a.md").unlink()
        write(root, {"b.md": "# A, edited\n"})
        assert counts(index.sync()) == (1, 0, 0, 1, 0)
        assert ids(index)["b.md"] != before["a.md"]


def test_a_copy_is_a_new_file(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# A\n"}) as (index, root, _):
        before = ids(index)
        write(root, {"b.md": "# A\n", "c.md": "# A\n"})
        result = index.sync()
        assert counts(result) == (2, 0, 1, 0, 0) and result.moved == 0
        assert result.duplicates == index.duplicates() == (("a.md", "b.md", "c.md"),)
        assert ids(index)["a.md"] == before["a.md"] and index.stats().duplicates == 1


def test_one_of_several_copies_that_moves_is_one_move(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# A\n", "b.md": "# A\n"}) as (index, root, _):
        before = ids(index)
        (root / "a.md").rename(root / "c.md")
        write(root, {"d.md": "# A\n"})
        result = index.sync()
        assert counts(result) == (1, 1, 1, 0, 0) and result.moved == 1
        assert ids(index)["b.md"] == before["b.md"]
        assert before["a.md"] in ids(index).values()


def test_two_files_that_swap_are_two_changes(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# A\n", "b.md": "# B\n"}) as (index, root, _):
        before = ids(index)
        (root / "a.md").rename(root / "t")
        (root / "b.md").rename(root / "a.md")
        (root / "t").rename(root / "b.md")
        assert counts(index.sync()) == (0, 2, 0, 0, 0)
        assert ids(index) == before
        assert titles(index, sort="path") == ["B", "A"]


def test_a_file_that_moves_while_another_takes_its_place(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# A\n"}) as (index, root, db):
        (root / "a.md").rename(root / "b.md")
        write(root, {"a.md": "# Other\n"})
        assert counts(index.sync()) == (1, 1, 0, 0, 0)
        assert known(db) == known_afresh(root, tmp_path)


@pytest.mark.parametrize("mode", ["incremental", "full"])
def test_a_dry_run_writes_nothing_and_says_the_same(tmp_path: Path, mode: str) -> None:
    files = {"a.md": "# A\n", "b.md": "# B\n", "same.md": "# S\n", "gone.md": "# G\n"}
    with indexed(tmp_path, files) as (index, root, db):
        (root / "a.md").rename(root / "moved.md")
        (root / "gone.md").unlink()
        write(
            root,
            {"b.md": "# B2\n", "copy.md": "# S\n", "bad.md": "---\n- [\n---\n", "x.md": b"\xff"},
        )
        before = everything(db)
        would = index.sync(mode, dry_run=True)  # type: ignore[arg-type]
        assert everything(db) == before
        did = index.sync(mode)  # type: ignore[arg-type]
        assert would.dry_run and not did.dry_run
        assert would._replace(dry_run=False, seconds=0, changes=()) == did._replace(seconds=0)
        assert [(change.kind, change.path) for change in would.changes] == [
            ("updated", "b.md"),
            ("new", "copy.md"),
            ("removed", "gone.md"),
            ("moved", "moved.md"),
        ]
        assert str(would) == str(did) == "1 new, 2 updated, 1 unchanged, 1 removed, 2 errors"


def test_a_dry_run_of_a_new_index_says_what_is_there(tmp_path: Path) -> None:
    write(tmp_path / "root", {"a.md": "# A\n", "b.md": "# A\n", "c.md": b"\xff"})
    with holdfast.open(tmp_path / "x.db") as db:
        index = ArtifactIndex(db, tmp_path / "root")
        would = index.sync(dry_run=True)
        assert index.log() == () and everything(db)["artifacts"] == []
        assert would._replace(dry_run=False, seconds=0, changes=()) == index.sync()._replace(
            seconds=0
        )


def _change(chance: random.Random, root: Path) -> None:
    name, other = chance.sample(NAMES, 2)
    match chance.choice(["write", "write", "write", "remove", "move", "copy", "folder"]):
        case "write":
            write(root, {name: chance.choice(TEXTS)})
        case "remove":
            (root / name).unlink(missing_ok=True)
        case "move" if (root / name).exists() and (root / other).parent.exists():
            (root / name).rename(root / other)
        case "copy" if (root / name).exists() and (root / other).parent.exists():
            shutil.copy2(root / name, root / other)
        case "folder" if (root / "d").exists():
            shutil.rmtree(root / "f", ignore_errors=True)
            (root / "d").rename(root / chance.choice(["f", "d"]))
        case _:
            pass


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_changes_the_index_is_as_a_new_one_and_as_the_dry_run_said(seed: int) -> None:
    check(seed)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_whatever_changes_the_index_is_as_a_new_one_in_a_long_run() -> None:
    for seed in range(400):
        check(seed)


def check(seed: int) -> None:
    chance = random.Random(seed)
    with TemporaryDirectory() as place, holdfast.open(Path(place) / "x.db") as db:
        root = Path(place) / "root"
        root.mkdir()
        index = ArtifactIndex(db, root)
        for _ in range(6):
            for _ in range(chance.randint(0, 5)):
                _change(chance, root)
            mode = chance.choice(["incremental", "incremental", "full"])
            would = index.sync(mode, dry_run=True)  # type: ignore[arg-type]
            did = index.sync(mode)  # type: ignore[arg-type]
            assert would._replace(dry_run=False, seconds=0, changes=()) == did._replace(seconds=0)
            # A malformed file keeps what was known, as a new index cannot.
            bad = {problem.path for problem in did.problems}
            mine, fresh = known(db), known_afresh(root, Path(place))
            for name in ("artifacts", "tags", "words"):
                assert [row for row in mine[name] if row[0] not in bad] == fresh[name], (seed, name)
            assert mine["files"] == fresh["files"]
            assert did.scanned == did.added + did.updated + did.unchanged + did.errors
            assert index.duplicates() == did.duplicates
