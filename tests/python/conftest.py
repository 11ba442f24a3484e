"""Fixtures that every file shares."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import holdfast


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., holdfast.Database]]:
    """Open the test's file with settings; closed at the end."""
    handles: list[holdfast.Database] = []

    def open_(**settings: Any) -> holdfast.Database:
        handles.append(holdfast.open(path, **settings))
        return handles[-1]

    yield open_
    for handle in handles:
        handle.close()


@pytest.fixture
def db(opened: Callable[..., holdfast.Database]) -> holdfast.Database:
    """A database with an empty table `note`."""
    database = opened()
    database.execute("create table note(id integer primary key, body)")
    return database


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not os.environ.get("HOLDFAST_SOAK"):
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(pytest.mark.skip(reason="runs with HOLDFAST_SOAK=1"))
