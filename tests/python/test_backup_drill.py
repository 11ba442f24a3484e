"""The drill: back up under load, lose the database, restore, and compare content row by row."""

import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

import holdfast
from backup_copies import damage, names
from backup_drill import acknowledged, content, expected, prepare, start
from command_line import COMMAND
from command_line import holdfast as command
from processes import DEADLINE, Child, look

KEEP = 3


def wait_for(ledgers: Path, numbers: list[int]) -> None:
    """Wait until every writer has come that far."""
    deadline = time.monotonic() + DEADLINE
    while any(now < wanted for now, wanted in zip(acknowledged(ledgers), numbers, strict=True)):
        assert time.monotonic() < deadline, "the writers do not come on"
        time.sleep(0.005)


def is_prefix(before: list[int], found: list[int], after: list[int]) -> bool:
    """Whether a copy has all that was acknowledged before it, and no more than was begun after."""
    return all(b <= f <= a + 1 for b, f, a in zip(before, found, after, strict=True))


def newest(path: Path, backups: Path) -> tuple[Path, list[int]]:
    """Restore the newest copy elsewhere and compare it; return it, and how far its writers were."""
    drill = path.parent / "drill"
    drill.mkdir()
    report = holdfast.restore_newest(backups, drill / path.name)
    found = content(drill / path.name)
    assert found == expected(found.numbers)
    shutil.rmtree(drill)
    assert report.skipped == ()
    return report.backup, found.numbers


def kill_a_backup(path: Path, backups: Path, after: float) -> None:
    """Kill one that would keep itself alone; there is a good copy whenever that is."""
    process = subprocess.Popen(
        [*COMMAND, "backup", path, backups, "--keep", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + DEADLINE
    while process.poll() is None and not list(backups.glob(".app.db.rotation/*.tmp")):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait(DEADLINE)
    newest(path, backups)


def back_up(path: Path, backups: Path, ledgers: Path) -> tuple[Path, int]:
    """Back up beside the writers and compare; return the copy, and the writes meanwhile."""
    before = acknowledged(ledgers)
    done = command("backup", path, backups, "--keep", KEEP, "--json").json
    after = acknowledged(ledgers)
    copy, found = newest(path, backups)
    assert str(copy) == done["backup"]["path"]
    assert is_prefix(before, found, after), (before, found, after)
    assert copy.name in names(backups)
    assert len(names(backups)) <= KEEP
    return copy, sum(after) - sum(before)


def end(writers: list[Child]) -> None:
    """Kill one in the middle of its writes, let the others end."""
    writers[0].signal(signal.SIGKILL)
    writers[0].wait()
    for writer in writers[1:]:
        writer.send()
        assert writer.wait() == 0, writer.errors
        # Under load it may log that it waited long.
        assert "Traceback" not in writer.errors, writer.errors


def drill(tmp_path: Path, rounds: int) -> None:
    path, backups, ledgers = tmp_path / "app.db", tmp_path / "backups", tmp_path / "ledgers"
    backups.mkdir()
    ledgers.mkdir()
    prepare(path)
    moments = random.Random(rounds)
    made: list[tuple[Path, int]] = []
    writers = start(path, ledgers)
    try:
        for number in range(rounds):
            wait_for(ledgers, [n + 30 for n in acknowledged(ledgers)])
            if number % 3 == 1:
                kill_a_backup(path, backups, moments.uniform(0, 0.05))
            made.append(back_up(path, backups, ledgers))
        wait_for(ledgers, [n + 30 for n in acknowledged(ledgers)])
        end(writers)
    finally:
        for writer in writers:
            writer.kill()
    assert all(writes > 0 for _, writes in made)
    last = acknowledged(ledgers)
    lived = content(path)
    assert lived == expected(lived.numbers)
    assert is_prefix(last, lived.numbers, last)

    # The newest copy is damaged too, on the day on which the database is lost.
    damage(made[-1][0])
    with holdfast.open(path) as db:
        db.execute("delete from note")
    report = holdfast.restore_newest(backups, path)
    assert report.backup == made[-2][0]
    assert [copy for copy, _ in report.skipped] == [made[-1][0]]
    restored = content(path)
    assert restored == expected(restored.numbers)
    assert all(r < n for r, n in zip(restored.numbers, lived.numbers, strict=True))
    assert report.restored.safety_copy is not None
    kept = content(report.restored.safety_copy)
    assert kept == lived._replace(notes=[])

    # Work goes on from there.
    again = tmp_path / "again"
    again.mkdir()
    writers = start(path, again)
    try:
        wait_for(again, [n + 30 for n in restored.numbers])
        back_up(path, backups, again)
        end(writers)
    finally:
        for writer in writers:
            writer.kill()
    found = content(path)
    assert found == expected(found.numbers)


def test_a_restored_backup_is_what_was_acknowledged(tmp_path: Path) -> None:
    drill(tmp_path, 4)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_many_restored_backups_are_what_was_acknowledged(tmp_path: Path) -> None:
    drill(tmp_path, 150)


def test_what_cp_copies_is_not_what_was_acknowledged(
    db: holdfast.Database, path: Path, tmp_path: Path
) -> None:
    wrong, right = tmp_path / "wrong.db", tmp_path / "right.db"
    db.insert("note", {"body": "in the file"})
    assert db.checkpoint("truncate").complete
    # A reader keeps what follows in the log.
    with db.snapshot() as snapshot:
        assert snapshot.fetch_value("select count(*) from note") == 1
        db.insert_many("note", ({"body": "in the log"} for _ in range(100)))
        subprocess.run(["cp", path, wrong], check=True)
        db.backup(right)
    assert look(wrong, "select count(*) from note") == [[1]]
    assert look(right, "select count(*) from note") == [[101]]
