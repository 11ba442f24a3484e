"""Whose a database is: one folder's, beside tables of an app."""

import shutil
from pathlib import Path

import pytest

import holdfast
from holdfast.artifacts import ArtifactError, ArtifactIndex
from holdfast.artifacts.lock import locked
from markdown_files import indexed, note, write

FILES = {"a.md": note("A", "hello", tags="[x]"), "d/b.md": note("B", "world")}


def test_indexes_of_other_tables_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "root", FILES)
    with holdfast.open(tmp_path / "app.db") as db:
        db.execute_script(
            "create table artifacts(id integer primary key, path text); create table people(x);"
            "create unique index artifact_people on people(x);"
            "create index artifacts_owner on people(x)"
        )
        ArtifactIndex(db, tmp_path / "root").sync()
        names = db.fetch_all("select name from sqlite_schema where tbl_name = 'people' order by 1")
        assert [name for (name,) in names] == ["artifact_people", "artifacts_owner", "people"]


def test_the_index_of_one_folder_is_not_taken_for_that_of_another(tmp_path: Path) -> None:
    write(tmp_path / "one", FILES)
    write(tmp_path / "one", {"README.md": "# One"})
    write(tmp_path / "other", {"c.md": note("C", "else"), "README.md": "# Other"})
    with holdfast.open(tmp_path / "app.db") as db:
        ArtifactIndex(db, tmp_path / "one").sync()
        other = ArtifactIndex(db, tmp_path / "other")
        for dry_run in (True, False):
            with pytest.raises(ArtifactError, match="another folder"):
                other.sync(dry_run=dry_run)
        assert ArtifactIndex(db, tmp_path / "one").sync().unchanged == 3


def test_a_folder_that_moves_keeps_its_index(tmp_path: Path) -> None:
    write(tmp_path / "one", FILES)
    with holdfast.open(tmp_path / "app.db") as db:
        ArtifactIndex(db, tmp_path / "one").sync()
        (tmp_path / "one").rename(tmp_path / "moved")
        (tmp_path / "moved" / "a.md").unlink()
        result = ArtifactIndex(db, tmp_path / "moved").sync()
        assert (result.removed, result.unchanged) == (1, 1)
        shutil.copytree(tmp_path / "moved", tmp_path / "copied")
        assert ArtifactIndex(db, tmp_path / "copied").sync().unchanged == 1


def test_a_sync_that_waits_for_another_can_be_ended(tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def enough(done: int, total: int) -> None:
        assert (done, total) == (0, 0)
        raise EnoughError

    with (
        indexed(tmp_path, FILES) as (index, root, _),
        locked(root, 1),
        pytest.raises(EnoughError),
    ):
        index.sync(progress=enough, timeout=60)


def test_patterns_that_are_none_are_refused(tmp_path: Path) -> None:
    for patterns in ([], [""], ["*.md", "  "]):
        with pytest.raises(ValueError, match="patterns"):
            ArtifactIndex(tmp_path / "app.db", tmp_path, patterns=patterns)
