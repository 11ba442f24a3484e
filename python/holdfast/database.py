"""Opening a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Literal

from ._core import Database
from .retry import RetryPolicy


def open(  # noqa: A001 - reads as holdfast.open
    path: str | PathLike[str],
    *,
    profile: Literal["balanced", "durable"] = "balanced",
    pool_size: int = 10,
    pragmas: Mapping[str, str | int | bool] | None = None,
    data_dir: str | PathLike[str] | None = None,
    create: bool = True,
    read_only: bool = False,
    retry: RetryPolicy | None = None,
    vacuum_every: float | None = 24 * 60 * 60.0,
    extensions: Iterable[str | PathLike[str]] = (),
) -> Database:
    """Open a database file, or make it."""
    return Database(
        path,
        profile=profile,
        pool_size=pool_size,
        pragmas=None if pragmas is None else dict(pragmas),
        data_dir=data_dir,
        create=create,
        read_only=read_only,
        retry=retry,
        vacuum_every=vacuum_every,
        extensions=list(extensions),
    )
