"""Commands that look at a file, info and check, and what every command has in common."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import FILL, digest, failure, holdfast, make, on_terminal
from processes import look

MODES = [(j, a) for j in ("wal", "delete") for a in ("none", "full", "incremental")]


@pytest.mark.parametrize(("journal", "vacuum"), MODES)
def test_a_file_is_inspected_in_the_mode_in_which_it_is(
    path: Path, journal: str, vacuum: str
) -> None:
    make(path, *FILL, auto_vacuum=vacuum, journal_mode=journal)
    before = digest(path)
    info = holdfast("info", path, "--json").json
    assert (info["pragmas"]["journal_mode"], info["pragmas"]["auto_vacuum"]) == (journal, vacuum)
    assert holdfast("check", path, "--json").json["ok"]
    assert holdfast("query", path, "select count(*) as n from note", "--json").json == [{"n": 30}]
    assert holdfast("backup", path, path.with_name("copy.db"), "--json").json["pages"] > 0
    assert digest(path) == before


def test_info_tells_sizes_version_and_tables(path: Path) -> None:
    make(path, *FILL, 'create table "odd ""name"(x)', "pragma user_version = 0")
    info = holdfast("info", path, "--json").json
    assert info["path"] == str(path)
    assert info["size"] == path.stat().st_size == info["pages"] * info["page_size"]
    assert info["free_pages"] > 0
    assert info["schema_version"] == 0
    assert info["tables"] == {"note": 30, 'odd "name': 0}
    text = holdfast("info", path).out
    assert "SQLite" in text
    assert 'odd "name' in text


def test_info_of_an_empty_file(path: Path) -> None:
    path.touch()
    info = holdfast("info", path, "--json").json
    assert (info["pages"], info["tables"]) == (0, {})
    assert path.stat().st_size == 0


def test_check_finds_a_missing_parent(path: Path) -> None:
    parent = "create table parent(id integer primary key)"
    child = "create table child(parent references parent)"
    make(path, parent, child, "insert into child values (7)")
    done = holdfast("check", path, "--quick")
    assert (done.code, done.err) == (1, "")
    assert "row 1 of child has no parent in parent" in done.out
    report = json.loads(holdfast("check", path, "--json").out)
    assert report["violations"] == [{"table": "child", "rowid": 1, "parent": "parent"}]


def test_check_finds_damage(path: Path) -> None:
    make(path, *FILL)
    with path.open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xff" * 4096)
    done = holdfast("check", path, "--json")
    assert (done.code, done.err) == (1, "")
    assert json.loads(done.out)["problems"]


def test_a_file_that_is_no_database_is_a_finding_of_check_and_else_an_error(path: Path) -> None:
    path.write_text("something else\n" * 100)
    assert holdfast("check", path).out.startswith("damaged: file is not a database")
    assert holdfast("check", path).code == 1
    assert "not a database" in failure(holdfast("info", path))
    assert "not a database" in failure(holdfast("vacuum", path))


@pytest.mark.parametrize("command", ["info", "check", "vacuum", "backup", "query"])
def test_no_command_makes_a_missing_database(path: Path, command: str) -> None:
    rest = {"backup": [path.with_name("copy.db")], "query": ["select 1"]}.get(command, [])
    assert "no such file" in failure(holdfast(command, path, *rest))
    assert list(path.parent.iterdir()) == []


def test_hostile_paths_are_one_line(path: Path) -> None:
    for bad in (path.parent, "", ":memory:", "file:x?mode=rwc", "x" * 5000, "a\nb"):
        failure(holdfast("info", bad))
    name = os.fsdecode(b"\xff.db")
    assert r"\xFF.db" in failure(holdfast("info", path.with_name(name)))


def test_a_failure_with_json_is_an_object_on_standard_error(path: Path) -> None:
    done = holdfast("info", path, "--json")
    assert (done.code, done.out) == (1, "")
    error = json.loads(done.err)["error"]
    assert error["type"] == "PathError"
    assert "no such file" in error["message"]
    assert error["retryable"] is False


def test_a_mistake_on_the_command_line_exits_with_2() -> None:
    for words in (["info"], ["nonsense"], ["info", "x", "--nonsense"], ["vacuum", "--pages", "0"]):
        done = holdfast(*words)
        assert (done.code, done.out) == (2, "")
        assert "Traceback" not in done.err


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_there_is_a_hint(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from holdfast.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert 'pip install "holdfast[cli]"' in done.stderr


def test_a_terminal_gets_colour_unless_it_is_unwanted(path: Path) -> None:
    code, shown = on_terminal("info", path)
    assert code == 1
    assert "\x1b[1;31merror:" in shown
    assert "\x1b[1;31m" not in on_terminal("info", path, NO_COLOR="1")[1]


def test_other_processes_may_be_at_work(path: Path) -> None:
    make(path, *FILL, auto_vacuum="incremental", journal_mode="wal")
    code = "import holdfast, sys; db = holdfast.open(sys.argv[1]); print(flush=True); input()"
    pipe = subprocess.PIPE
    words = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(words, stdin=pipe, stdout=pipe) as process:
        assert process.stdout
        process.stdout.readline()
        assert holdfast("info", path, "--json").json["tables"] == {"note": 30}
        assert holdfast("vacuum", path, "--json").json["reclaimed"] > 0
        assert holdfast("backup", path, path.with_name("copy.db"), "--json").json["pages"] > 0
        process.communicate(b"\n")
        assert process.returncode == 0
    assert look(path, "select count(*) from note") == [[30]]
