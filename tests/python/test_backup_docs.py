"""The schedule, the units and the drill of the documentation do what it says."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import holdfast
from backup_copies import damage, fill, names

PAGE = (Path(__file__).parents[2] / "docs" / "backup.md").read_text()
COMMAND = Path(sys.executable).with_name("holdfast")


def block(kind: str, having: str) -> str:
    found = [b for b in re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL) if having in b]
    assert len(found) == 1
    return found[0]


@pytest.fixture
def here(path: Path, backups: Path) -> dict[str, str]:
    """What the paths of the page are here; longer ones come first."""
    with holdfast.open(path) as db:
        db.execute("create table note(id integer primary key, body)")
        fill(db)
    return {
        "/srv/app/.venv/bin/holdfast": str(COMMAND),
        "/srv/app/data": str(path.parent),
        "/var/backups/app": str(backups),
    }


def moved(text: str, here: dict[str, str]) -> str:
    for there, place in here.items():
        text = text.replace(there, place)
    return text


def shell(script: str, here: dict[str, str]) -> subprocess.CompletedProcess[str]:
    path = f"{COMMAND.parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", moved(script, here)],
        env=os.environ | {"PATH": path, "TMPDIR": str(Path(here["/srv/app/data"]))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_line_of_cron_makes_a_backup_and_tells_failures_alone(
    here: dict[str, str], path: Path, backups: Path
) -> None:
    line = block("crontab", "holdfast backup").strip()
    when, command = line.split(" ", 5)[:5], line.split(" ", 5)[5]
    assert all(re.fullmatch(r"[0-9*]+", field) for field in when)
    assert "%" not in line
    done = shell(command, here)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(names(backups)) == 1
    damage(path)
    done = shell(command, here)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert len(names(backups)) == 1


def test_the_units_are_those_that_systemd_takes(
    here: dict[str, str], tmp_path: Path, backups: Path
) -> None:
    units = tmp_path / "units"
    units.mkdir()
    for having in ("[Service]", "[Timer]"):
        text = block("ini", having)
        name = Path(text.splitlines()[0].removeprefix("# ")).name
        (units / name).write_text(moved(text, here))
    service = configparser.ConfigParser(interpolation=None)
    service.read(units / "app-backup.service")
    assert shell(service["Service"]["ExecStart"], here).returncode == 0
    assert len(names(backups)) == 1
    assert service["Service"]["ReadWritePaths"].split() == [str(tmp_path), str(backups)]
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(units.iterdir())],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # It may have something to say about the units of the machine.
    told = [line for line in done.stderr.splitlines() if "app-backup" in line]
    assert (done.returncode, told) == (0, [])


def test_the_drill_of_the_shell_tells_by_its_end(
    here: dict[str, str], tmp_path: Path, path: Path, backups: Path
) -> None:
    script = block("sh", "mktemp")
    with holdfast.open(path) as db:
        copy = holdfast.backup_rotated(db, backups).backup.path
    before = sorted(tmp_path.iterdir())
    done = shell(script, here)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1] == "ok"
    assert done.stdout.splitlines()[-1].strip() == "500"
    damage(copy)
    done = shell(script, here)
    assert (done.returncode, "can be restored" in done.stderr) == (1, True)
    assert sorted(tmp_path.iterdir()) == before


def test_a_schedule_that_does_not_run_is_seen(
    here: dict[str, str], path: Path, backups: Path
) -> None:
    look = block("sh", "-mmin")
    assert shell(look, here).stderr == "no backup for 26 hours\n"
    with holdfast.open(path) as db:
        copy = holdfast.backup_rotated(db, backups).backup.path
    assert shell(look, here).stderr == ""
    long_ago = copy.stat().st_mtime - 27 * 3600
    os.utime(copy, (long_ago, long_ago))
    assert shell(look, here).stderr == "no backup for 26 hours\n"
