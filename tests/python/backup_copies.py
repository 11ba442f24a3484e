"""What tests of backups in rotation share: rows that are many pages, and what is in a directory."""

from pathlib import Path

import holdfast
from processes import Child, look

#: Makes a copy, and waits in the middle of it until it is told to go on.
SLOW = """
import sys, holdfast
told = []
def progress(done, total):
    if not told:
        told.append(done)
        print("copying", flush=True)
        sys.stdin.readline()
with holdfast.open(sys.argv[1]) as db:
    report = holdfast.backup_rotated(db, sys.argv[2], keep=int(sys.argv[3]), progress=progress)
    print(report.backup.path.name, *(path.name for path in report.removed), flush=True)
"""


def fill(db: holdfast.Database, rows: int = 500) -> None:
    db.insert_many("note", ({"body": f"{n:04}" * 500} for n in range(rows)))


def names(directory: Path) -> list[str]:
    """What is in a directory, but for the hidden folder of a rotation, which must be clean."""
    folders = list(directory.glob(".*.rotation"))
    for folder in folders:
        assert [file.name for file in folder.iterdir()] == ["lock"]
    return sorted({file.name for file in directory.iterdir()} - {f.name for f in folders})


def numbers(directory: Path) -> list[int]:
    """The numbers of the copies, the oldest first."""
    return sorted(int(name.removesuffix(".db").rpartition("-")[2]) for name in names(directory))


def is_good(copy: Path) -> bool:
    return look(copy, "pragma integrity_check") == [["ok"]]


def damage(copy: Path) -> None:
    """Spoil the first page of a table in a file that nobody has open."""
    with copy.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 64)


def copying(path: Path, directory: Path, keep: int) -> Child:
    """A process in the middle of a copy; it goes on at `send()`."""
    child = Child(SLOW, path, directory, keep)
    assert child.line() == "copying"
    return child
