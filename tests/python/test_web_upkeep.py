"""Buttons that take long, beside others who want something."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

import holdfast
from handlers import WAIT
from processes import lock_held
from web_apps import Events, dashboard, problem

API = "/api/v1/database"


@pytest.fixture
def large(db: holdfast.Database) -> holdfast.Database:
    db.insert_many("note", ({"body": "x" * 50_000} for _ in range(1000)))
    return db


@pytest.fixture
def web(large: holdfast.Database) -> Iterator[httpx.Client]:
    with dashboard(large) as client:
        yield client


def at_once(*calls: object) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive()


def test_one_backup_at_a_time(web: httpx.Client, path: Path) -> None:
    codes: list[int] = []
    at_once(*[lambda: codes.append(web.post(f"{API}/backup").status_code)] * 4)
    assert set(codes) <= {201, 409}
    assert 201 in codes
    assert len(list((path.parent / "backups").iterdir())) == codes.count(201)


def test_those_who_listen_see_the_pages_of_a_backup(web: httpx.Client) -> None:
    with Events(web) as events:
        events.next("stats")
        made = web.post(f"{API}/backup").raise_for_status().json()
        while True:
            _, found = events.next("backup")
            if found["done"] == found["total"]:
                break
    assert found["total"] == made["pages"]


def test_others_read_and_write_beside_a_backup_and_a_vacuum(
    web: httpx.Client, large: holdfast.Database
) -> None:
    large.execute("delete from note where id % 2")
    slowest: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            large.insert("note", {"body": "more"})
            slowest.append(web.get("/health").raise_for_status().elapsed.total_seconds())

    def work() -> None:
        try:
            web.post(f"{API}/backup").raise_for_status()
            found = web.post(f"{API}/vacuum").raise_for_status().json()
            assert found["reclaimed"] > 10_000_000
        finally:
            ended.set()

    at_once(ask, work)
    assert len(slowest) > 5
    assert max(slowest) < 3


def test_a_vacuum_of_a_busy_file_gives_up(web: httpx.Client, path: Path) -> None:
    web.get("/health")
    with lock_held(path):
        found = web.post(f"{API}/vacuum")
        assert problem(found, 503)["retryable"]
        assert found.headers["retry-after"]


def test_a_place_for_backups_that_is_none(db: holdfast.Database, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with dashboard(db, backup_dir=tmp_path / "file" / "backups") as web:
        found = problem(web.post(f"{API}/backup"), 503)
        assert str(tmp_path) not in found["detail"]
        assert web.get(f"{API}/stats").json()["backup"] is None


def test_a_server_that_ends_leaves_no_half_of_a_backup(
    large: holdfast.Database, path: Path
) -> None:
    with dashboard(large) as web, Events(web) as events:
        events.next("stats")

        def back_up() -> None:
            with suppress(httpx.TransportError):
                web.post(f"{API}/backup")

        thread = threading.Thread(target=back_up)
        thread.start()
        events.next("backup")
        events.close()
    thread.join(WAIT)
    for copy in (path.parent / "backups").iterdir():
        with holdfast.open(copy, create=False) as whole:
            assert whole.check().ok
