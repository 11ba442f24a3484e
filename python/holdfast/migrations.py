"""Migrations: numbered SQL steps, from a directory or a list."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import NamedTuple, TypeAlias


class Migration(NamedTuple):
    """One step: applied once, in the order of the versions, which count from 1."""

    version: int
    name: str
    sql: str


#: A directory of `0001_name.sql` files, or the steps themselves.
Migrations: TypeAlias = str | PathLike[str] | Iterable[Migration]
