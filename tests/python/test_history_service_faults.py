"""Faults of the database under a service that runs: it answers throughout, and recovers itself."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

import holdfast
from history_records import record
from history_service import Client, service
from holdfast.history import HoldfastRepository
from job_processes import eventually
from processes import lock_held, look

Fault = Callable[[Path], AbstractContextManager[object]]


def sh(command: str, *words: object) -> None:
    subprocess.run(["sh", "-ec", command, *map(str, words)], capture_output=True, check=True)


def integrity(place: Path) -> str:
    return look(place, "pragma integrity_check")[0][0]


def answers(client: Client, number: int = 20) -> None:
    """Ask it some times; none of it may fail, nor may what looks at the history fail oddly."""
    for n in range(number):
        client.improve(f"meanwhile {n}")
        client.health()
    for path in ("", "/search?q=sea", "/statistics", "/1"):
        assert client.web.get(f"/api/v1/history{path}").status_code in (200, 404, 503)


def recovers(client: Client, place: Path) -> None:
    """Wait until it keeps a history again."""
    eventually(lambda: client.is_("healthy"))
    client.improve("the last of all")
    eventually(lambda: client.has("the last of all"))
    assert client.health()["queued"] == 0
    assert client.service.process.poll() is None
    assert integrity(place) == "ok"


# While it runs


@contextmanager
def filled(place: Path) -> Iterator[None]:
    filler = place.parent / "filler"
    sh("dd if=/dev/zero of=$0 bs=4096 || true", filler)
    yield
    filler.unlink()


@pytest.mark.parametrize("fault", [lock_held, filled], ids=["locked", "full"])
@pytest.mark.parametrize("small_disk", [8], indirect=True)
def test_a_file_that_cannot_be_written_for_a_while(
    small_disk: Path, tmp_path: Path, fault: Fault
) -> None:
    place = small_disk / "history.db"
    with service(tmp_path, db_path=place) as client:
        client.improve("before")
        eventually(lambda: client.has("before"))
        with fault(place):
            eventually(lambda: client.improve("x " * 1000) and client.health()["breaker"] == "open")
            answers(client)
            eventually(lambda: client.improve() and client.health()["reasons"]["open"] > 0)
            assert client.is_("degraded")
            # What was written can be read meanwhile.
            assert client.has("before")
        recovers(client, place)
        assert client.has("before")


@pytest.mark.parametrize(
    "damage",
    [
        "rm -f $0 $0-wal $0-shm",
        "truncate -s 40960 $0",
        "truncate -s 0 $0 $0-wal",
        "yes garbage | dd of=$0 conv=notrunc bs=4096 count=20",
        "mv $0 $0.old",
    ],
    ids=["deleted", "truncated", "emptied", "overwritten", "moved"],
)
def test_a_file_that_is_lost_or_damaged_while_it_is_used(tmp_path: Path, damage: str) -> None:
    place = tmp_path / "history.db"
    with service(tmp_path, db_path=place) as client:
        for n in range(50):
            client.improve(f"before {n} " + "x" * 1000)
        eventually(lambda: client.health()["written"] == 50)
        sh(damage, place)
        answers(client)
        # What somebody does who finds it damaged: takes it away.
        sh("rm -f $0 $0-wal $0-shm", place)
        answers(client)
        recovers(client, place)


# From the start


@contextmanager
def missing(place: Path) -> Iterator[None]:
    place.parent.rmdir()
    yield
    place.parent.mkdir()


@contextmanager
def corrupt(place: Path) -> Iterator[None]:
    sh("yes garbage | head -c 100000 > $0", place)
    yield
    place.unlink()


@contextmanager
def forbidden(place: Path) -> Iterator[None]:
    with holdfast.open(place) as db:
        HoldfastRepository(db).save(record("before"))
    sh("chmod 400 $0; chmod 500 $1", place, place.parent)
    yield
    sh("chmod 600 $0; chmod 700 $1", place, place.parent)


@pytest.mark.parametrize("fault", [missing, corrupt, forbidden, lock_held])
def test_a_file_that_cannot_be_opened_at_the_start(tmp_path: Path, fault: Fault) -> None:
    place = tmp_path / "data" / "history.db"
    place.parent.mkdir()
    # Without this capability, modes bind root too.
    before = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    with ExitStack() as stack:
        with fault(place):
            client = stack.enter_context(service(tmp_path, before=before, db_path=place))
            answers(client)
            eventually(lambda: client.health()["breaker"] == "open")
            assert client.is_("degraded")
            answers(client)
        recovers(client, place)


@pytest.mark.parametrize("small_disk", [8], indirect=True)
def test_a_disk_that_is_read_only_at_the_start(small_disk: Path, tmp_path: Path) -> None:
    place = small_disk / "history.db"
    with holdfast.open(place) as db:
        HoldfastRepository(db).save(record("before"))
    sh("mount -o remount,ro $0", small_disk)
    with service(tmp_path, db_path=place) as client:
        answers(client)
        eventually(lambda: client.health()["breaker"] == "open")
        answers(client)
        sh("mount -o remount,rw $0", small_disk)
        recovers(client, place)
        assert client.has("before")
