"""Bringing the index up to date with the files."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from .. import Transaction
from ..database import Database
from ..errors import Error, PathError
from ..walk import Known, Markdown, Stamp, Walk, read_markdown
from . import log, moves, store
from .ahead import ahead
from .errors import ArtifactError, MalformedError
from .front_matter import describe
from .models import Change, Mode, Problem, SyncResult, SyncStatus
from .store import Entry, Row

#: Called with the files that were looked at, and how many there are as far as is known.
Progress = Callable[[int, int], object]
Kind = Literal["new", "updated", "moved", "unchanged"]
#: A file that could not be indexed: its path, its stamp if it was read, and why.
Bad = tuple[str, Stamp | None, str]

#: Files whose rows one transaction writes, at most and at least.
BATCH, SMALLEST = 1000, 50
#: Seconds that a transaction is to hold the lane: what others wait for.
HOLD = 0.25
#: What leaves something to merge in the text index.
WRITTEN = ("added", "updated", "removed")
#: Known files that are looked for in a folder that the index was not made from.
LOOKED_FOR = 1000
#: Those that may be copies are read once more for it.
COPIES = 100


class Options(NamedTuple):
    """Which files are indexed; see `Walk`."""

    patterns: tuple[str, ...]
    hidden: bool
    gitignore: bool
    max_size: int


class _Stopped(BaseException):
    """Carries what the caller's progress function raised."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(cause)
        self.cause = cause


class Sync:
    """One sync; what was written stays when it ends early, and the next one goes on from there."""

    def __init__(
        self,
        db: Database,
        root: Path,
        options: Options,
        mode: Mode,
        *,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self._db = db
        self._root = root
        self._options = options
        self._mode: Mode = mode
        self._dry_run = dry_run
        self._progress = progress
        self._line = 0
        self._counts: Counter[str] = Counter()
        # Of the files that were read; None for those that are missing.
        self._hashes: dict[str, str | None] = {}
        self._problems: dict[str, str] = {}
        self._changes: list[Change] = []
        self._batch = BATCH
        # New files with a known content, and its hash: each may be one of those that are missing.
        self._copies: dict[str, str] = {}

    def run(self) -> SyncResult:
        """Make the index what the files are; a dry run finds what that would change."""
        begun = time.perf_counter()
        if self._dry_run:
            try:
                self._all()
            except _Stopped as stopped:
                raise stopped.cause from None
            return self._result(begun)
        self._line = self._db.run(log.begin, self._mode, self._root)
        try:
            self._all()
            store.merge(self._db, sum(self._counts[name] for name in WRITTEN))
            self._db.run(self._tell, Counter(), "completed")
        except BaseException as error:
            cause = error.cause if isinstance(error, _Stopped) else error
            stopped = cause is not error or not isinstance(error, Exception)
            with suppress(Error):
                status = "cancelled" if stopped else "failed"
                self._db.run(self._tell, Counter(), status, type(cause).__name__)
            raise cause from None
        return self._result(begun)

    def _all(self) -> None:
        known = {file[0]: file for file in store.known_files(self._db)}
        self._check_folder(known)
        offered = list(known.values())
        if self._mode == "full":
            offered = [(path, *store.UNKNOWN) for path in known]
        seen: set[str] = set()
        with Walk(self._root, **self._options._asdict(), known=offered) as walk:
            with closing(ahead(map(_sorted, self._parts(walk)))) as sorted_:
                for entries, bad in sorted_:
                    seen.update(entry.path for entry in entries)
                    seen.update(path for path, *_ in bad)
                    self._take(entries, bad, known)
                    matched, unchanged = walk.progress()
                    self._show(len(seen) + unchanged, max(matched, len(known)))
            found = walk.summary()
        missing = {path: known[path] for path in found.missing if path not in self._problems}
        # Malformed files that have not changed, or are out of sight, are malformed still.
        kept = {
            path: error
            for path, error in store.problems(self._db)
            if path not in seen and path not in missing
        }
        out_of_sight = sum(self._is_out_of_sight(path) for path in kept)
        self._problems |= kept
        self._hashes |= dict.fromkeys(missing)
        self._counts["scanned"] = found.scanned
        self._counts["unchanged"] += found.unchanged - (len(kept) - out_of_sight)
        self._place(missing)
        self._remove(list(missing.values()))
        self._show(found.scanned, found.scanned)

    def _check_folder(self, known: Mapping[str, Known]) -> None:
        """Keep the index of one folder from being taken for that of another."""
        last = log.last_root(self._db, self._line)
        if not known or last in (None, str(self._root)):
            return
        # The folder may have been moved or copied: then most files are where they were in it.
        looked = list(islice(known, LOOKED_FOR))
        there = sum(os.path.lexists(self._root / path) for path in looked)
        if not there or (there < len(looked) / 2 and Path(last).is_dir()):
            raise ArtifactError(
                f"{there} of {len(looked)} files of this index are below {self._root.name!r}: it "
                "is the index of another folder; use a database for each"
            )

    def _parts(self, walk: Walk) -> Iterator[list[Markdown]]:
        for batch in walk:
            begin = 0
            while begin < len(batch):
                part = batch[begin : begin + self._batch]
                yield part
                begin += len(part)

    def _is_out_of_sight(self, path: str) -> bool:
        """Whether a path lies in a directory that could not be read."""
        return any(str(folder) in self._problems for folder in PurePosixPath(path).parents)

    def _show(self, done: int, total: int) -> None:
        if self._progress is not None:
            try:
                self._progress(min(done, total), total)
            except BaseException as error:
                raise _Stopped(error) from None

    def _take(self, entries: list[Entry], bad: list[Bad], known: Mapping[str, Known]) -> None:
        """Write what a part of the walk has found, but for what may be moved files."""
        new = [entry for entry in entries if entry.path not in known] if known else []
        copies = moves.copies(self._db, new, known)
        self._copies |= copies
        self._write([entry for entry in entries if entry.path not in copies], bad)

    def _write(
        self, entries: list[Entry], bad: list[Bad], moved: Mapping[str, int] | None = None
    ) -> None:
        self._hashes |= {entry.path: entry.hash for entry in entries}
        self._problems |= {path: error for path, _, error in bad}
        if self._dry_run:
            found = store.rows_at(self._db, [entry.path for entry in entries])
            kinds = _kinds(entries, found, moved or {})
            counts = _counts(kinds)
            self._changes += [
                Change(path, kind) for path, kind in kinds.items() if kind != "unchanged"
            ]
        else:
            begun = time.perf_counter()
            counts = self._db.run(self._rows, entries, bad, moved or {})
            slow = time.perf_counter() - begun > HOLD
            self._batch = max(SMALLEST, self._batch // 2) if slow else min(BATCH, self._batch * 2)
        self._counts += counts

    def _rows(
        self, tx: Transaction, entries: list[Entry], bad: list[Bad], moved: Mapping[str, int]
    ) -> Counter[str]:
        for path, artifact_id in moved.items():
            store.move(tx, artifact_id, path)
        found = store.rows_at(tx, [entry.path for entry in entries])
        kinds = _kinds(entries, found, moved)
        counts = _counts(kinds)
        same = [entry for entry in entries if kinds[entry.path] == "unchanged"]
        store.write_stamps(tx, ((entry.path, entry.stamp) for entry in same))
        changed = [entry for entry in entries if kinds[entry.path] != "unchanged"]
        store.write(tx, changed, {path: row.id for path, row in found.items()})
        store.write_problems(tx, bad)
        self._tell(tx, counts, "running")
        return counts

    def _place(self, missing: dict[str, Known]) -> None:
        """Write new files with known contents: those that are missing elsewhere have moved."""
        copies = iter(self._copies.items())
        while part := dict(islice(copies, COPIES)):
            moved = moves.pairs(self._db, part, missing)
            entries, bad = _sorted(map(self._read, part))
            left = {entry.path for entry in entries}
            self._write(entries, bad, {path: moved[path] for path in moved if path in left})

    def _read(self, path: str) -> Markdown:
        try:
            return read_markdown(self._root, path, max_size=self._options.max_size)
        except PathError as error:
            return Markdown(path, None, "", None, None, None, b"", str(error))

    def _remove(self, files: list[Known]) -> None:
        for begin in range(0, len(files), store.BATCH):
            part = files[begin : begin + store.BATCH]
            if self._dry_run:
                gone = store.rows_at(self._db, [file[0] for file in part])
                self._counts["removed"] += len(gone)
                self._changes += [Change(path, "removed") for path in gone]
            else:
                self._counts["removed"] += self._db.run(self._remove_rows, part)

    def _remove_rows(self, tx: Transaction, files: list[Known]) -> int:
        removed = store.remove(tx, files)
        self._tell(tx, Counter(removed=removed), "running")
        return removed

    def _tell(
        self, tx: Transaction, more: Counter[str], status: SyncStatus, detail: str | None = None
    ) -> None:
        counts = self._counts + more
        row = {name: counts[name] for name in ("scanned", "added", "updated", "removed")}
        row |= {"unchanged": counts["unchanged"], "errors": len(self._problems)}
        log.write(tx, self._line, row, status, detail)

    def _result(self, begun: float) -> SyncResult:
        problems = tuple(Problem(*each) for each in sorted(self._problems.items()))
        return SyncResult(
            self._mode,
            dry_run=self._dry_run,
            **{name: self._counts[name] for name in ("scanned", "added", "updated", "unchanged")},
            removed=self._counts["removed"],
            moved=self._counts["moved"],
            problems=problems,
            duplicates=store.duplicates(self._db, self._hashes if self._dry_run else {}),
            seconds=time.perf_counter() - begun,
            changes=tuple(sorted(self._changes)),
        )


def _sorted(batch: Iterable[Markdown]) -> tuple[list[Entry], list[Bad]]:
    """Tell files that can be indexed from those that cannot."""
    entries: list[Entry] = []
    bad: list[Bad] = []
    for found in batch:
        error = found.error
        if error is None and found.stamp is not None:
            try:
                described = describe(found)
                entries.append(Entry(found.path, found.stamp, found.hash, described, found.body))
            except MalformedError as malformed:
                error = str(malformed)
        if error is not None:
            bad.append((found.path, found.stamp, error))
    return entries, bad


def _kinds(
    entries: list[Entry], found: Mapping[str, Row], moved: Mapping[str, int]
) -> dict[str, Kind]:
    """What files are to the index."""
    kinds: dict[str, Kind] = {}
    for entry in entries:
        row = found.get(entry.path)
        if entry.path in moved:
            kinds[entry.path] = "moved"
        elif row is None:
            kinds[entry.path] = "new"
        else:
            kinds[entry.path] = "unchanged" if row.is_of(entry) else "updated"
    return kinds


def _counts(kinds: Mapping[str, Kind]) -> Counter[str]:
    counts = Counter[str](kinds.values())
    counts["added"] = counts.pop("new", 0)
    counts["updated"] += counts["moved"]
    return counts
