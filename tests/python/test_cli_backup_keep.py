"""The command line makes backups in rotation and restores the newest good one."""

import signal
import subprocess
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest

import holdfast as library
from backup_copies import copying, damage, fill, is_good, names, numbers
from command_line import COMMAND, failure, holdfast, make, on_terminal
from processes import look

NOTES = ("create table note(id integer primary key, body)", "insert into note values (1, 'kept')")


def test_it_shows_what_was_made_and_what_was_removed(path: Path, backups: Path) -> None:
    make(path, *NOTES, journal_mode="wal")
    first = holdfast("backup", path, backups, "--keep", 1).out
    assert first.splitlines() == [
        f"{backups / names(backups)[0]}: 8.2 kB, verified",
        "copies kept: 1",
    ]
    old = backups / names(backups)[0]
    done = holdfast("backup", path, backups, "--keep", 1)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"{backups / names(backups)[0]}: 8.2 kB, verified",
        f"{old}: removed",
        "copies kept: 1",
    ]
    assert look(path, "pragma journal_mode") == [["wal"]]


def test_as_json(path: Path, backups: Path) -> None:
    make(path, *NOTES)
    reports = [holdfast("backup", path, backups, "--keep", 2, "--json").json for _ in range(3)]
    assert [report["removed"] for report in reports] == [[], [], [reports[0]["backup"]["path"]]]
    assert reports[2]["kept"] == [report["backup"]["path"] for report in (reports[2], reports[1])]
    assert reports[2]["backup"]["check"] == {"problems": [], "violations": []}
    assert reports[2]["skipped"] == []
    report = holdfast("restore", backups, path, "--yes", "--json").json
    assert (report["backup"], report["skipped"]) == (reports[2]["backup"]["path"], [])
    one = holdfast("restore", reports[1]["backup"]["path"], path, "--yes", "--json").json
    assert one.keys() == report.keys()
    assert one["backup"] == reports[1]["backup"]["path"]


def test_a_copy_in_use_is_a_problem_that_was_found(path: Path, backups: Path) -> None:
    make(path, *NOTES, auto_vacuum="incremental")
    holdfast("backup", path, backups, "--keep", 1)
    with library.open(backups / names(backups)[0]):
        done = holdfast("backup", path, backups, "--keep", 1)
        assert (done.code, done.out.splitlines()[1:]) == (1, ["copies kept: 1"])
        assert ": left: it is in use: " in done.err
    assert numbers(backups) == [1, 2]
    assert holdfast("backup", path, backups, "--keep", 1).code == 0
    assert numbers(backups) == [3]


def test_mistakes_are_told(path: Path, backups: Path, tmp_path: Path) -> None:
    make(path, *NOTES)
    for words in (["--keep", "0"], ["--keep", "x"], ["--keep", "1", "--overwrite"]):
        done = holdfast("backup", path, backups, *words)
        assert (done.code, done.out) == (2, "")
        assert "--keep" in done.err
    assert "does not exist" in failure(holdfast("backup", path, tmp_path / "none", "--keep", 1))
    assert "no directory" in failure(holdfast("backup", path, path, "--keep", 1))
    missing = tmp_path / "missing.db"
    failure(holdfast("backup", missing, backups, "--keep", 1))
    assert "no plain file" in failure(holdfast("backup", path, backups))
    (tmp_path / "empty.db").touch()
    assert "no tables" in failure(holdfast("backup", tmp_path / "empty.db", backups, "--keep", 1))
    assert "no copies of" in failure(holdfast("restore", backups, tmp_path / "new.db"))
    assert names(backups) == []
    assert not missing.exists()


def test_a_damaged_database_is_a_failure_and_removes_nothing(path: Path, backups: Path) -> None:
    with library.open(path) as db:
        db.execute(NOTES[0])
        fill(db)
    for _ in range(2):
        assert holdfast("backup", path, backups, "--keep", 2).code == 0
    damage(path)
    assert "damaged" in failure(holdfast("backup", path, backups, "--keep", 1))
    assert numbers(backups) == [1, 2]
    restored = holdfast("restore", backups, path, "--yes")
    assert restored.code == 0
    assert f"restored from {backups / names(backups)[-1]}" in restored.out


def test_a_damaged_newest_copy_is_skipped_and_told(path: Path, backups: Path) -> None:
    with library.open(path) as db:
        db.execute(NOTES[0])
        fill(db)
        made = [library.backup_rotated(db, backups).backup.path for _ in range(3)]
    damage(made[2])
    path.unlink()
    done = holdfast("restore", backups, path)
    assert done.err.startswith(f"{made[2]}: skipped: ")
    assert done.out.endswith(f"restored from {made[1]}\n")
    assert (done.code, done.err.count("\n")) == (0, 1)
    report = holdfast("restore", backups, path, "--yes", "--json").json
    assert [each["path"] for each in report["skipped"]] == [str(made[2])]
    for copy in made[:2]:
        damage(copy)
    assert "none of the 3 copies" in failure(holdfast("restore", backups, path, "--yes"))


def test_a_second_one_is_refused_while_one_runs(
    db: library.Database, path: Path, backups: Path
) -> None:
    fill(db)
    with copying(path, backups, keep=7) as child:
        assert "has not ended" in failure(holdfast("backup", path, backups, "--keep", 1))
        child.send()
        child.line()
        child.finish()
    assert numbers(backups) == [1]


def test_commands_at_once_leave_as_many_as_shall_be_kept(
    db: library.Database, path: Path, backups: Path
) -> None:
    fill(db)
    command = [*COMMAND, "backup", str(path), str(backups), "--keep", "2"]
    for _ in range(2):
        running = [
            subprocess.Popen(command, stdout=DEVNULL, stderr=PIPE, text=True) for _ in range(4)
        ]
        ends = [(process.communicate()[1], process.returncode) for process in running]
        assert {(0, False), (1, True)} >= {(code, "has not ended" in told) for told, code in ends}
        assert any(code == 0 for _, code in ends)
    assert len(names(backups)) == 2
    assert all(is_good(backups / name) for name in names(backups))


def test_a_command_that_is_killed_leaves_the_copies(path: Path, backups: Path) -> None:
    with library.open(path) as db:
        db.execute(NOTES[0])
        fill(db, 20_000)
    assert holdfast("backup", path, backups, "--keep", 1).code == 0
    before = names(backups)
    folder = backups / ".app.db.rotation"
    process = subprocess.Popen([*COMMAND, "backup", path, backups, "--keep", "1"], stdout=DEVNULL)
    while not list(folder.glob("*.tmp")):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    assert [file.name for file in backups.glob("app-*")] == before
    assert len(list(folder.iterdir())) > 1
    assert holdfast("backup", path, backups, "--keep", 1).code == 0
    assert len(names(backups)) == 1
    assert look(backups / names(backups)[0], "select count(*) from note") == [[20_000]]


def test_it_is_interrupted_without_a_trace(path: Path, backups: Path) -> None:
    with library.open(path) as db:
        db.execute(NOTES[0])
        fill(db, 20_000)
    code, shown = on_terminal("backup", path, backups, "--keep", 1, until="Backing up")
    assert (code, "Traceback" in shown) == (130, False)
    assert names(backups) == []


@pytest.mark.parametrize("small_disk", [4], indirect=True)
def test_a_full_disk_is_one_line_and_removes_nothing(path: Path, small_disk: Path) -> None:
    with library.open(path) as db:
        db.execute(NOTES[0])
        fill(db, 800)
    ends = [holdfast("backup", path, small_disk, "--keep", 2) for _ in range(2)]
    assert [done.code for done in ends] == [0, 0]
    assert "the disk is full" in failure(holdfast("backup", path, small_disk, "--keep", 1))
    assert numbers(small_disk) == [1, 2]
