"""Keep an inventory of every file of a folder, and live through what production brings.

    python examples/quickstart.py [FOLDER]

Eight threads hash every file (by default Python's own standard library) and upsert what they find.
Then the program meets changes, a locked file and kill -9, deletes most of it, gives the space back,
backs up and verifies. Everything happens in a temporary directory; FOLDER is only read.
"""

import hashlib
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import holdfast

THREADS = 8
SCHEMA = [
    holdfast.Migration(
        1,
        "inventory",
        """
        create table file(
            path text primary key, size integer not null, mtime_ns integer not null,
            sha256 text not null, seen integer not null
        );
        create index file_seen on file(seen);
        """,
    )
]


@dataclass
class File:
    """A row of the inventory."""

    path: str
    size: int
    mtime_ns: int
    sha256: str
    seen: int


@dataclass
class Scan:
    """What a scan found."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        rate = (self.new + self.updated + self.unchanged) / self.seconds
        return (
            f"{self.new:,} new, {self.updated:,} updated, {self.unchanged:,} unchanged, "
            f"{self.removed:,} removed in {self.seconds:.2f} s ({rate:,.0f} files/s)"
        )


def files_below(folder: Path) -> Iterator[Path]:
    """Every regular file, links not followed, installed packages left out."""
    for directory, below, names in os.walk(folder):
        below[:] = [name for name in below if name not in ("site-packages", "__pycache__")]
        for name in names:
            path = Path(directory, name)
            if path.is_file() and not path.is_symlink():
                yield path


def record(db: holdfast.Database, path: Path, seen: int) -> str:
    """Look at one file and upsert it; say what it was."""
    known = db.fetch_one("select * from file where path = ?", [str(path)], into=File)
    facts = path.stat()
    if known and (known.size, known.mtime_ns) == (facts.st_size, facts.st_mtime_ns):
        db.execute("update file set seen = ? where path = ?", [seen, str(path)])
        return "unchanged"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    row = File(str(path), facts.st_size, facts.st_mtime_ns, digest, seen)
    db.upsert("file", row, key="path")
    return "updated" if known else "new"


def scan(db: holdfast.Database, *folders: Path) -> Scan:
    """Bring the inventory up to date, from eight threads at once."""
    result, begun = Scan(), time.perf_counter()
    seen = db.fetch_value("select coalesce(max(seen), 0) + 1 from file")
    paths = (path for folder in folders for path in files_below(folder))
    with ThreadPoolExecutor(THREADS) as pool:
        for outcome in pool.map(lambda path: record(db, path, seen), paths):
            setattr(result, outcome, getattr(result, outcome) + 1)
    result.removed = db.execute("delete from file where seen < ?", [seen])
    result.seconds = time.perf_counter() - begun
    return result


def say(title: str, text: str) -> None:
    """Print one line of the report."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"{bold}{title:<18}{plain}{text}", flush=True)


def meet_a_lock(db: holdfast.Database) -> None:
    """Write while another process holds SQLite's lock."""
    holder = (
        "import holdfast, sys\n"
        "with holdfast.open(sys.argv[1]) as db, db.transaction() as tx:\n"
        "    print('locked', flush=True)\n"
        "    __import__('time').sleep(1)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", holder, str(db.path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    try:
        db.execute("update file set seen = seen", timeout=0.2)
    except holdfast.BusyError as error:
        say("A locked file", f"in a hurry: {str(error).split(';')[0]}")
    begun = time.perf_counter()
    db.execute("update file set seen = seen")
    say("", f"patient: waited {time.perf_counter() - begun:.2f} s, then wrote")
    child.communicate()


def be_killed(folder: Path, path: Path) -> None:
    """Scan in a child, kill it with SIGKILL in the middle, and go on where it stopped."""
    total = sum(1 for _ in files_below(folder))
    child = subprocess.Popen(
        [sys.executable, __file__, "--scan", str(folder), str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    acknowledged: set[str] = set()
    for line in child.stdout:
        acknowledged.add(line.rstrip("\n"))
        if len(acknowledged) >= total // 2:
            break
    child.send_signal(signal.SIGKILL)
    acknowledged |= {line.rstrip("\n") for line in child.stdout if line.endswith("\n")}
    child.wait()
    child.stdout.close()
    with holdfast.open(path, migrations=SCHEMA) as db:
        kept = {name for (name,) in db.iterate("select path from file")}
        lost = len(acknowledged - kept)
        resumed = scan(db, folder)
        count = db.fetch_value("select count(*) from file")
        say("kill -9", f"{len(acknowledged):,} rows acknowledged before it, {lost} of them lost")
        more = len(kept - acknowledged)
        say("", f"{more:,} more were committed and not yet acknowledged")
        say("", f"resumed: {resumed}")
        doubled = count - db.fetch_value("select count(distinct path) from file")
        say("", f"{count:,} rows, {doubled} doubled, check: {'ok' if db.check().ok else 'DAMAGED'}")
        if lost or doubled or count != total:
            raise SystemExit("rows were lost or doubled")


def scan_as_child(folder: Path, path: Path) -> None:
    """Scan, and print every file once its row is committed."""
    with holdfast.open(path, migrations=SCHEMA) as db, ThreadPoolExecutor(THREADS) as pool:
        paths = list(files_below(folder))
        for path, _ in zip(paths, pool.map(lambda p: record(db, p, 1), paths), strict=True):
            print(path, flush=True)


def report(folder: Path, work: Path) -> None:
    """Run the whole story."""
    notes = work / "notes"
    notes.mkdir()
    for name in ("kept", "edited", "deleted"):
        (notes / f"{name}.txt").write_text(name)

    with holdfast.open("inventory.db", data_dir=work / "state", migrations=SCHEMA) as db:
        pragmas = [f"{name} {value}" for name, value in db.pragmas().items()]
        say("Opened", ", ".join(pragmas[:4]))
        say("", ", ".join(pragmas[4:]))
        say("First scan", f"{scan(db, folder, notes)}")
        (notes / "edited.txt").write_text("edited twice")
        (notes / "deleted.txt").unlink()
        (notes / "new.txt").write_text("new")
        say("Second scan", f"{scan(db, folder, notes)}")

        meet_a_lock(db)
        be_killed(folder, work / "killed.db")

        db.vacuum(full=True)
        before = db.stats()["size"]
        deleted = db.execute("delete from file where rowid % 20 <> 1")
        freed = db.vacuum(pages=1_000_000)
        sizes = f"{before:,} bytes, now {freed.size_after:,}"
        say("Space", f"{deleted:,} rows deleted; the file had {sizes}")

        backup = db.backup(work / "copy.db")
        say("Backup", f"{backup.size:,} bytes, verified in {backup.seconds * 1000:.1f} ms")
        stats = db.stats()
        counts = f"{stats['reads']:,} reads, {stats['writes']:,} writes"

    restored = holdfast.restore(work / "copy.db", work / "restored.db")
    with holdfast.open(restored.path) as db:
        rows = db.fetch_value("select count(*) from file")
        say("Restored", f"{rows:,} rows, check: {'ok' if db.check().ok else 'DAMAGED'}")
    say("In all", f"{counts} from {THREADS} threads; the one error is the hurried call above")


def main() -> None:
    """Read the arguments and run."""
    if sys.argv[1:2] == ["--scan"]:
        scan_as_child(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_path("stdlib"))
    if not folder.is_dir():
        raise SystemExit(f"{folder} is no folder")
    print(f"Inventory of {folder}\n")
    with tempfile.TemporaryDirectory() as work:
        report(folder, Path(work))


if __name__ == "__main__":
    main()
