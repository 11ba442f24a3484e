"""A parallel walk over the markdown files of a folder, in Rust."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike, fspath
from types import TracebackType
from typing import Any, NamedTuple, TypeAlias

from . import _core

#: Patterns as in a `.gitignore`; the last that matches decides, and `!` leaves out.
MARKDOWN = ("**/*.md",)
#: Bytes of text that a batch has, about.
BATCH = 8_000_000


class Stamp(NamedTuple):
    """What tells that a file has changed: size in bytes, times in nanoseconds since 1970.

    A stamp that is not `settled` may stand for a later state too: the clock has not moved on since.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    settled: bool


class Markdown(NamedTuple):
    """A file that is new or has changed, or the `error` that it, or a directory, could not be read.

    `path` is relative, with `/`. `hash` is the SHA-256 of the bytes, in hexadecimal digits. The
    front matter is in `metadata` where it is plain, else in `yaml`, for a YAML parser. `heading` is
    the first of the `body`, which is UTF-8 with `\\n` at the ends of lines.
    """

    path: str
    stamp: Stamp | None
    hash: str
    metadata: dict[str, Any] | None
    yaml: str | None
    heading: str | None
    body: bytes
    error: str | None


#: Path, size, mtime and ctime of a file that need not be read again.
Known: TypeAlias = tuple[str, int, int, int]


class WalkSummary(NamedTuple):
    """What there was in all: files that match, those known and unchanged, known ones not found."""

    scanned: int
    unchanged: int
    missing: list[str]


class Walk:
    """A walk that goes on in threads of its own; iterate over it for batches of what it finds.

    Links are not followed, nothing outside `root` is read, and `root` itself is no link. `known`
    files with the same stamp are not read again; larger ones than `max_size` bytes never are.

    >>> (folder / "note.md").write_text("---\\ntags: [a, b]\\n---\\n# Hello\\n")
    29
    >>> with Walk(folder) as walk:
    ...     [(found.path, found.metadata, found.heading) for batch in walk for found in batch]
    [('note.md', {'tags': ['a', 'b']}, 'Hello')]
    >>> walk.summary().scanned
    1
    """

    def __init__(
        self,
        root: str | PathLike[str],
        *,
        patterns: Iterable[str] = MARKDOWN,
        hidden: bool = False,
        gitignore: bool = True,
        max_size: int = 10_000_000,
        known: Iterable[Known] = (),
    ) -> None:
        self._walk = _core.Walk(
            fspath(root), list(patterns), hidden, gitignore, max_size, list(known)
        )
        self._summary: WalkSummary | None = None

    def __iter__(self) -> Iterator[list[Markdown]]:
        # Whoever waits for the first batch is kept waiting less.
        size = BATCH // 8
        while (rows := self._walk._next(size)) is not None:
            yield [_markdown(row) for row in rows]
            size = BATCH
        self._summary = WalkSummary(*self._walk._summary())

    def progress(self) -> tuple[int, int]:
        """Files that were come upon so far, and those of them that are known and unchanged."""
        return self._walk._progress()

    def summary(self) -> WalkSummary:
        """What there was in all; once the iteration has ended."""
        if self._summary is None:
            raise ValueError("the walk has not ended: iterate over all of it")
        return self._summary

    def close(self) -> None:
        """End the walk."""
        self._walk.close()

    def __enter__(self) -> Walk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_markdown(root: str | PathLike[str], path: str, *, max_size: int = 10_000_000) -> Markdown:
    """Read one file below a folder, as a walk does. Raises PathError."""
    return _markdown(_core.read_markdown(fspath(root), path, max_size))


def split_front_matter(text: str) -> tuple[dict[str, Any] | None, str | None, str]:
    """Split a text into its metadata where that is plain, else the YAML; and the body.

    >>> split_front_matter("---\\ntitle: Hello\\n---\\nText")
    ({'title': 'Hello'}, None, 'Text')
    >>> split_front_matter("---\\nat: 1:30\\n---\\nText")
    (None, '\\nat: 1:30\\n', 'Text')
    """
    return _core.split_front_matter(text)


def _markdown(row: tuple[Any, ...]) -> Markdown:
    path, stamp, hash_, metadata, yaml, heading, body, error = row
    return Markdown(
        path, stamp and Stamp._make(stamp), hash_ or "", metadata, yaml, heading, body or b"", error
    )
