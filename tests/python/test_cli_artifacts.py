"""The command `holdfast artifacts sync`, its dry runs and its checks."""

import json
import shutil
from pathlib import Path

import pytest

from command_line import digest, failure, holdfast, make
from markdown_folder import MALFORMED, database_of, fill

ROAD, LATER, ONE = "plans/road.md", "plans/later.md", "notes/one.md"
NEW = "3 new, 0 updated, 0 unchanged, 0 removed, 0 errors\n"
SAME = "0 new, 0 updated, 3 unchanged, 0 removed, 0 errors\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "docs")


@pytest.fixture
def synced(folder: Path) -> Path:
    assert holdfast("artifacts", "sync", folder).out == NEW
    return folder


def test_a_sync_makes_an_index_that_git_leaves_alone(folder: Path) -> None:
    done = holdfast("artifacts", "sync", folder)
    assert (done.code, done.out, done.err) == (0, NEW, "")
    assert (folder / ".holdfast" / ".gitignore").read_text() == "*\n"
    assert holdfast("artifacts", "sync", folder, "--hidden").out == SAME
    (folder / ROAD).unlink()
    (folder / LATER).write_text("changed")
    result = holdfast("artifacts", "sync", folder, "--json").json
    assert [result[name] for name in ("updated", "unchanged", "removed")] == [1, 1, 1]
    assert (result["mode"], result["dry_run"], result["errors"]) == ("incremental", False, 0)
    full = holdfast("artifacts", "sync", folder, "--full", "--json").json
    assert (full["mode"], full["unchanged"]) == ("full", 2)


def test_the_folder_is_the_current_one_and_the_database_may_be_elsewhere(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    index = tmp_path / "index.db"
    assert holdfast("artifacts", "sync", "--db", index).out == NEW
    assert not (folder / ".holdfast").exists()
    page = holdfast("artifacts", "query", "--db", index, "--type", "plan", "--json").json
    assert page["total"] == 2
    assert f"sync --db {tmp_path}/no.db" in failure(
        holdfast("artifacts", "stats", "--db", tmp_path / "no.db")
    )


def test_which_files(folder: Path) -> None:
    (folder / ".hidden.md").write_text("hidden")
    (folder / ".gitignore").write_text("notes/\n")
    (folder / "x.txt").write_text("text")

    def count(*words: object) -> int:
        return holdfast("artifacts", "sync", folder, "--dry-run", "--json", *words).json["added"]

    assert (count(), count("--hidden"), count("--no-gitignore")) == (2, 3, 3)
    assert count("--pattern", "*.txt", "--pattern", "later.md") == 2


def test_a_dry_run_makes_nothing_and_changes_nothing(folder: Path) -> None:
    done = holdfast("artifacts", "sync", folder, "--dry-run")
    names = ("notes/one.md", "plans/later.md", "plans/road.md")
    assert done.out == NEW
    assert done.err == "".join(f"new: {name}\n" for name in names) + "nothing was written\n"
    assert not (folder / ".holdfast").exists()
    holdfast("artifacts", "sync", folder)
    (folder / ONE).unlink()
    before = digest(database_of(folder))
    assert holdfast("artifacts", "sync", folder, "--dry-run", "--json").json["removed"] == 1
    assert digest(database_of(folder)) == before


@pytest.mark.parametrize("there", ["note(x)", "artifacts(id integer primary key, path, title)"])
def test_a_dry_run_on_a_file_that_sync_would_change_tells_the_same(
    folder: Path, tmp_path: Path, there: str
) -> None:
    other = make(tmp_path / "app.db", f"create table {there}", journal_mode="delete")
    before = digest(other)
    for option in ("--dry-run", "--check"):
        assert holdfast("artifacts", "sync", folder, "--db", other, option).out == NEW
    assert (digest(other), sorted(each.name for each in tmp_path.iterdir())) == (
        before,
        ["app.db", "docs"],
    )
    assert holdfast("artifacts", "sync", folder, "--db", other).out == NEW
    assert holdfast("info", other, "--json").json["pragmas"]["journal_mode"] == "delete"


def test_what_is_wrong_is_told_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "bad.md").write_text(MALFORMED)
    (folder / "a\x1b[2J.md").write_text(MALFORMED)
    shutil.copy(folder / ONE, folder / "two.md")
    done = holdfast("artifacts", "sync", folder)
    assert (done.code, done.out) == (0, "4 new, 0 updated, 0 unchanged, 0 removed, 2 errors\n")
    lines = done.err.splitlines()
    assert lines[0].startswith(r"a\x1b[2J.md: front matter, line ")
    assert lines[1].startswith("bad.md: front matter, line ")
    assert lines[2:] == ["same content: notes/one.md, two.md"]
    problems = holdfast("artifacts", "problems", "--root", folder, "--json").json
    assert [each["path"] for each in problems] == ["a\x1b[2J.md", "bad.md"]
    assert "bad.md" in holdfast("artifacts", "problems", "--root", folder).out


def test_a_check_tells_whether_the_index_is_up_to_date(folder: Path) -> None:
    def check(*words: object) -> tuple[int, str]:
        done = holdfast("artifacts", "sync", folder, "--check", *words)
        return done.code, done.err

    assert check() == (1, f"the index is missing: run holdfast artifacts sync {folder}\n")
    assert not (folder / ".holdfast").exists()
    holdfast("artifacts", "sync", folder)
    assert check() == check("--full") == (0, "")
    (folder / ONE).write_text("changed")
    before = digest(database_of(folder))
    stale = f"the index is stale: run holdfast artifacts sync {folder}\n"
    assert check() == (1, f"updated: notes/one.md\n{stale}")
    assert digest(database_of(folder)) == before
    done = holdfast("artifacts", "sync", folder, "--check", "--json")
    assert (done.code, done.err) == (1, "")
    report = json.loads(done.out)
    assert [report[name] for name in ("ok", "missing", "stale")] == [False, False, True]


def test_a_check_finds_a_malformed_file_in_an_index_that_is_up_to_date(synced: Path) -> None:
    (synced / "bad.md").write_text(MALFORMED)
    holdfast("artifacts", "sync", synced)
    done = holdfast("artifacts", "sync", synced, "--check")
    assert (done.code, done.out) == (1, SAME.replace("0 errors", "1 errors"))
    assert done.err.endswith("files that cannot be indexed: 1\n")


def test_a_check_of_another_checkout_compares_contents(synced: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(synced, other, copy_function=shutil.copyfile)
    assert holdfast("artifacts", "sync", other, "--check").code == 0
