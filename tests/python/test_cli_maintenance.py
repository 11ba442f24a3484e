"""Commands that change or copy a file, and the documentation of all."""

import re
from pathlib import Path

import pytest

import holdfast as library
from command_line import FILL, failure, holdfast, make, on_terminal
from processes import look

ROOT = Path(__file__).parents[2]
COMMANDS = [
    "info",
    "check",
    "migrate",
    "checkpoint",
    "vacuum",
    "backup",
    "restore",
    "query",
    "serve",
]
OF_JOBS = ["list", "show", "cancel", "retry", "prune", "counts", "watch"]
OF_ARTIFACTS = ["sync", "query", "show", "stats", "log", "problems"]
OF_RUNS = ["status", "backfill", "verify", "cutover", "list", "show"]
GROUPS = {"jobs": OF_JOBS, "runs": OF_RUNS, "artifacts": OF_ARTIFACTS}


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    directory = tmp_path / "steps"
    directory.mkdir()
    (directory / "0001_note.sql").write_text("create table note(id integer primary key, body)")
    (directory / "0002_tag.sql").write_text("create table tag(name text primary key)")
    return directory


def test_migrate_makes_a_new_file(path: Path, steps: Path) -> None:
    report = holdfast("migrate", path, steps, "--json").json
    assert [step["name"] for step in report["applied"]] == ["note", "tag"]
    assert (report["from_version"], report["to_version"], report["backup"]) == (0, 2, None)
    info = holdfast("info", path, "--json").json
    assert info["schema_version"] == 2
    assert info["pragmas"]["journal_mode"] == "wal"
    assert holdfast("migrate", path, steps).out == "app is at 2, nothing to apply\n"


def test_a_dry_run_changes_nothing(path: Path, steps: Path) -> None:
    out = holdfast("migrate", path, steps, "--dry-run").out
    assert "0001_note would be applied" in out
    assert not path.exists()
    make(path, "create table other(x)")
    before = path.read_bytes()
    report = holdfast("migrate", path, steps, "--dry-run", "--component", "mine", "--json").json
    assert (report["component"], report["to_version"], report["dry_run"]) == ("mine", 2, True)
    assert path.read_bytes() == before


def test_migrate_keeps_the_mode_of_a_file_and_backs_it_up(path: Path, steps: Path) -> None:
    make(path, FILL[0], "insert into note(body) values ('kept')", journal_mode="delete")
    assert "adopt" in failure(holdfast("migrate", path, steps))
    report = holdfast("migrate", path, steps, "--adopt", "1", "--json").json
    assert (report["adopted"], report["from_version"], report["to_version"]) == (True, 1, 2)
    assert look(Path(report["backup"]), "select body from note") == [["kept"]]
    pragmas = holdfast("info", path, "--json").json["pragmas"]
    assert (pragmas["journal_mode"], pragmas["auto_vacuum"]) == ("delete", "none")


def test_migrate_without_a_backup(path: Path, steps: Path) -> None:
    make(path, "create table other(x)")
    words = ("--component", "mine", "--no-backup", "--json")
    assert holdfast("migrate", path, steps, *words).json["backup"] is None


def test_steps_that_fail_make_no_file(path: Path, steps: Path) -> None:
    (steps / "0003_wrong.sql").write_text("create table note(x)")
    failure(holdfast("migrate", path, steps))
    failure(holdfast("migrate", path, steps / "missing"))
    (steps / "0003_wrong.sql").write_bytes(b"select '\xff'")
    failure(holdfast("migrate", path, steps))
    assert not path.exists()


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_vacuum_gives_back_in_cycles(path: Path, journal: str) -> None:
    make(path, *FILL, auto_vacuum="incremental", journal_mode=journal)
    before = path.stat().st_size
    report = holdfast("vacuum", path, "--pages", "7", "--json").json
    assert report["reclaimed"] == before - report["size_after"] > 1_000_000
    assert (report["size_before"], report["free_after"]) == (before, 0)
    assert path.stat().st_size == report["size_after"]
    assert holdfast("info", path, "--json").json["pragmas"]["journal_mode"] == journal
    assert "given back  0 bytes" in holdfast("vacuum", path).out


@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize("vacuum", ["none", "full"])
def test_a_full_vacuum_converts_an_old_file(path: Path, journal: str, vacuum: str) -> None:
    make(path, *FILL, auto_vacuum=vacuum, journal_mode=journal)
    before = path.stat().st_size
    assert "--full" in failure(holdfast("vacuum", path))
    assert path.stat().st_size == before
    report = holdfast("vacuum", path, "--full", "--json").json
    assert report["free_after"] == 0
    pragmas = holdfast("info", path, "--json").json["pragmas"]
    assert (pragmas["journal_mode"], pragmas["auto_vacuum"]) == (journal, "incremental")
    assert holdfast("vacuum", path).code == 0
    assert look(path, "select count(*) from note") == [[30]]


def test_backup_and_restore(path: Path) -> None:
    make(path, *FILL, journal_mode="wal", auto_vacuum="incremental")
    copy = path.with_name("copy.db")
    assert holdfast("backup", path, copy).out.endswith("verified\n")
    assert "exists" in failure(holdfast("backup", path, copy))
    assert holdfast("backup", path, copy, "--overwrite", "--json").json["path"] == str(copy)
    with library.open(path) as database:
        database.execute("delete from note")
    refused = holdfast("restore", copy, path)
    assert (refused.code, refused.out) == (2, "")
    assert "--yes" in refused.err
    report = holdfast("restore", copy, path, "--yes", "--json").json
    assert look(path, "select count(*) from note") == [[30]]
    assert look(Path(report["safety_copy"]), "select count(*) from note") == [[0]]


def test_restore_makes_a_file_without_asking(path: Path) -> None:
    copy = make(path.with_name("copy.db"), *FILL)
    assert holdfast("restore", copy, path, "--json").json["safety_copy"] is None
    missing = path.with_name("missing.db")
    failure(holdfast("restore", missing, path.with_name("other.db")))
    assert sorted(file.name for file in path.parent.iterdir()) == ["app.db", "copy.db"]


def test_on_a_terminal_restore_asks(path: Path) -> None:
    make(path, "create table old(x)")
    copy = make(path.with_name("copy.db"), *FILL)
    code, shown = on_terminal("restore", copy, path, typed="n\n")
    assert (code, "nothing was changed" in shown) == (1, True)
    assert look(path, "select name from sqlite_master") == [["old"]]
    code, shown = on_terminal("restore", copy, path, typed="y\n")
    assert (code, "restored" in shown) == (0, True)
    assert look(path, "select count(*) from note") == [[30]]


@pytest.mark.usefixtures("db")
def test_restore_is_refused_while_another_process_has_the_file(path: Path) -> None:
    copy = path.with_name("copy.db")
    assert holdfast("backup", path, copy).code == 0
    assert "locked" in failure(holdfast("restore", copy, path, "--yes"))


def test_progress_shows_on_a_terminal_only(path: Path) -> None:
    make(path, *FILL)
    copy = path.with_name("copy.db")
    code, shown = on_terminal("backup", path, copy)
    assert (code, "Backing up" in shown) == (0, True)
    assert holdfast("backup", path, copy, "--overwrite").err == ""


def plain(text: str) -> str:
    """Help without what differs between versions of typer: marks around names, line breaks."""
    marks = r"[{}]|<(str|int|list\[(str|int)\])>|\b(TEXT|INTEGER)\b"
    return " ".join(re.sub(marks, "", text).split())


@pytest.mark.parametrize(
    "command",
    ["", *COMMANDS, *GROUPS, *(f"{group} {name}" for group in GROUPS for name in GROUPS[group])],
)
def test_the_documentation_has_the_help_of_every_command(command: str) -> None:
    done = holdfast(*command.split(), "--help")
    assert done.code == 0
    blocks = re.findall(r"```text\n(.*?)```", (ROOT / "docs/cli.md").read_text(), re.DOTALL)
    assert plain(done.out) in map(plain, blocks)


def test_every_command_is_documented() -> None:
    from holdfast.cli import app

    names = {
        command.callback.__name__ for command in app.app.registered_commands if command.callback
    }
    assert names == set(COMMANDS)
    groups = [group.typer_instance for group in app.app.registered_groups]
    assert {
        group.info.name: {
            command.name or command.callback.__name__
            for command in group.registered_commands
            if command.callback
        }
        for group in groups
        if group
    } == {name: set(commands) for name, commands in GROUPS.items()}
