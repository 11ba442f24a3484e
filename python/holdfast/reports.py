"""What long operations and statistics report: named tuples, and typed dicts ready for JSON."""

from pathlib import Path
from typing import NamedTuple, TypedDict


class PragmaMismatch(NamedTuple):
    """A setting that did not take effect, and why where that is known."""

    name: str
    wanted: str
    found: str
    why: str | None


class Upserted(NamedTuple):
    """How the rows of an `upsert_many` came out."""

    inserted: int
    updated: int
    skipped: int


class VacuumStats(NamedTuple):
    """One vacuum: sizes in bytes, time in seconds."""

    size_before: int
    size_after: int
    free_before: int
    free_after: int
    reclaimed: int
    seconds: float


class Violation(NamedTuple):
    """A row whose foreign key leads nowhere; `rowid` is None in tables without row ids."""

    table: str
    rowid: int | None
    parent: str


class CheckReport(NamedTuple):
    """What `integrity_check` and `foreign_key_check` found."""

    problems: tuple[str, ...]
    violations: tuple[Violation, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.problems and not self.violations


class BackupReport(NamedTuple):
    """A backup that was verified."""

    path: Path
    size: int
    pages: int
    seconds: float
    check: CheckReport


class Skipped(NamedTuple):
    """A copy that was left as it is, and why."""

    path: Path
    why: str


class RotationReport(NamedTuple):
    """A backup in rotation: what was made, the copies that are kept with it, the newest first.

    `removed` are the copies that made way for it, and `skipped` those that should have.
    """

    backup: BackupReport
    kept: tuple[Path, ...]
    removed: tuple[Path, ...]
    skipped: tuple[Skipped, ...]


class CheckpointReport(NamedTuple):
    """A checkpoint: pages in the log, those of them that are in the file now, who was in the way.

    `readers` are threads of this process that still read an old state, the oldest first, and
    `processes` the ids of other processes; both are empty when it is `complete`.
    """

    mode: str
    pages: int
    moved: int
    complete: bool
    readers: tuple["Holder", ...]
    processes: tuple[int, ...]
    seconds: float


class RestoreReport(NamedTuple):
    """A restored database, and where the one it replaced is kept."""

    path: Path
    safety_copy: Path | None
    size: int
    pages: int
    seconds: float
    check: CheckReport


class NewestReport(NamedTuple):
    """A restore of the newest good copy: which one, and newer ones that are damaged."""

    backup: Path
    skipped: tuple[Skipped, ...]
    restored: RestoreReport


class Applied(NamedTuple):
    """A migration that was applied."""

    version: int
    name: str
    seconds: float


class MigrationReport(NamedTuple):
    """What `migrate` did, or would do (`dry_run`)."""

    component: str
    from_version: int
    to_version: int
    applied: tuple[Applied, ...]
    backup: Path | None
    adopted: bool
    dry_run: bool


class Latency(TypedDict):
    """Times in seconds; p50 and p99 are upper bounds, right to a factor of two."""

    count: int
    total: float
    p50: float
    p99: float
    longest: float


class Holder(TypedDict):
    """Who holds a connection, with which first statement, for how many seconds.

    `thread` is the name of the thread, or of the task that holds it.
    """

    thread: str | None
    statement: str | None
    held: float


class LongHold(TypedDict):
    """A hold of the writer lane that is over; `ended` is in seconds since 1970."""

    thread: str | None
    statement: str | None
    held: float
    ended: float


class WalStats(TypedDict):
    """The write-ahead log: pages after this process's last commit, those of them in the file too.

    `readers` (the oldest first) and `processes` kept the last checkpoint from moving the others,
    and still do.
    """

    pages: int
    moved: int
    readers: list[Holder]
    processes: list[int]


class PoolStats(TypedDict):
    """The readers."""

    open: int
    idle: int
    waits: Latency
    holders: list[Holder]


class LaneStats(TypedDict):
    """The writer lane."""

    holder: Holder | None
    waiting: int
    waits: Latency
    holds: Latency
    longest: list[LongHold]


class RetryCounts(TypedDict):
    """What was retried; `rate` is the share of operations that needed it."""

    operations: int
    attempts: int
    recovered: int
    gave_up: int
    delayed: float
    rate: float


class Stats(TypedDict):
    """How a database is doing; sizes in bytes, times in seconds."""

    path: str
    size: int
    wal_size: int
    wal: WalStats
    pool: PoolStats
    lane: LaneStats
    reads: int
    writes: int
    transactions: int
    rollbacks: int
    group_commits: int
    group_writes: int
    retries: RetryCounts
    last_vacuum: float | None
    last_backup: float | None
