"""The measurement of a history runs at a small size, and proves what it has measured."""

import asyncio
import importlib.util
import json
import select
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from history import __main__ as harness
from history import client, page, saves, service, texts
from history.sides import COLUMNS, SIDES
from processes import run

N = 12
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in {"COUNT": N, "WARM": 2, "TASKS": 3, "PACE": 1000}.items():
        monkeypatch.setattr(saves, name, number)
    for name, number in {"WARM": 3, "AWAKE": 1, "ASKED": N, "CLOSED": 10, "TURNS": 2}.items():
        monkeypatch.setattr(service, name, number)


def needs(side: str) -> None:
    if side in ("plain", "searched") and importlib.util.find_spec("aiosqlite") is None:
        pytest.skip("aiosqlite is not installed")


@contextmanager
def answering(answer: Callable[[socket.socket, int], None], count: int) -> Iterator[int]:
    """A service on a port of its own, which answers so many requests, on as many connections."""

    def serve() -> None:
        connections = [listener.accept()[0] for _ in range(client.CONNECTIONS)]
        for number, each in enumerate(waiting(connections, count)):
            answer(each, number)
        for each in connections:
            each.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def waiting(connections: list[socket.socket], count: int) -> set[socket.socket]:
    """Those on which a request has come, once so many have."""
    found = set[socket.socket]()
    while len(found) < count:
        for each in select.select([c for c in connections if c not in found], (), ())[0]:
            assert each.recv(65536).startswith(b"POST /api/v1/improve-prompt HTTP/1.1\r\n")
            found.add(each)
    return found


def test_what_is_asked_is_the_same_in_every_process() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from history import client, texts; "
    code += "print(texts.requests(5), client.arrivals(5, 100.0, 3))"
    found = run(code, Path(texts.__file__).parents[1])
    assert found == [f"{texts.requests(5)} {client.arrivals(5, 100.0, 3)}"]
    assert len(set(texts.requests(50))) == 50


def test_requests_come_as_often_as_was_said() -> None:
    times = client.arrivals(20_000, 200.0, 1)
    assert times == sorted(times) and len(times) == 20_000
    assert times[-1] / 1e9 == pytest.approx(100, rel=0.03)


def test_requests_are_sent_when_they_are_due_whether_others_were_answered_or_not() -> None:
    def in_parts(connection: socket.socket, number: int) -> None:
        connection.sendall(OK[: 20 * number])
        connection.sendall(OK[20 * number :])

    # Nobody is answered before the last request has come.
    with answering(in_parts, 3) as port, closing(client.Client(port)) as asking:
        took = asking.at_times([0, 1_000_000, 2_000_000])
        assert len(took) == asking.asked == 3 and min(took) > 0


def test_an_answer_that_is_none_ends_the_measurement() -> None:
    bad = OK.replace(b"200 OK", b"503 Busy")
    with (
        answering(lambda connection, _: connection.sendall(bad), 1) as port,
        closing(client.Client(port)) as asking,
        pytest.raises(AssertionError, match="503"),
    ):
        asking.in_turn(1)


def test_the_service_runs_in_each_mode_and_proves_itself(tmp_path: Path) -> None:
    figures = service.measure(service.cores()[0], tmp_path)
    assert list(figures) == list(service.MODES)
    for mode, found in figures.items():
        assert found["asked"] == 3 + 2 * (1 + int(N * service.MODES[mode].longer) + 10)
        assert 0 < found["p50"] <= found["p99"] <= found["max"] and found["rate"] > 0
        assert found["dropped"] == (found["asked"] if mode == "open" else 0)
        assert (tmp_path / mode / "history.db").exists() == (mode not in ("off", "again"))
        assert found["save p99"] > 0


def test_an_answer_that_is_not_kept_is_seen(tmp_path: Path) -> None:
    after = {"status": "healthy", "breaker": "closed", "dropped": 0}
    with pytest.raises(AssertionError, match="after 1 answers"):
        service.prove("on", tmp_path / "none.db", 1, "healthy", after)
    with pytest.raises(AssertionError, match="after 1 answers"):
        service.prove("open", tmp_path / "none.db", 1, "healthy", after)


@pytest.mark.parametrize("work", saves.WORKS)
@pytest.mark.parametrize("side", SIDES)
def test_each_side_saves_all_and_proves_it(side: str, work: str, tmp_path: Path) -> None:
    needs(side)
    found = saves.measure(work, side, str(tmp_path / "history.db"))
    assert all(value > 0 for value in found.values())
    with pytest.raises(AssertionError, match="1 records were saved"):
        saves.prove(str(tmp_path / "history.db"), ["another"])


@pytest.mark.parametrize("side", SIDES)
def test_each_side_is_in_wal_mode_at_normal(side: str, tmp_path: Path) -> None:
    needs(side)
    found = saves.measure("settings", side, str(tmp_path / "history.db"))
    assert (found["journal_mode"], found["synchronous"]) == ("wal", "normal")


def test_all_sides_keep_the_same_rows(tmp_path: Path) -> None:
    needs("plain")
    given = texts.records(N)
    found = []
    for side in SIDES:
        path = str(tmp_path / f"{side}.db")
        asyncio.run(saves.saved("one", side, path, given))
        with closing(sqlite3.connect(path)) as db:
            sql = f"select {', '.join(COLUMNS)} from prompt_history order by id"
            rows = [list(row) for row in db.execute(sql)]
        for row in rows:
            row[COLUMNS.index("guardrails")] = json.loads(row[COLUMNS.index("guardrails")])
        found.append(rows)
    assert len(found[0]) == N and all(rows == found[0] for rows in found)


def saved(times: float) -> dict[str, Any]:
    """A run in which every mode but off takes so many times as long, and a save as many x 40 us."""
    plain = {"p50": 1e3, "p99": 2e3, "p999": 3e3, "max": 4e3, "rate": 1000.0}
    slower = {name: value * times for name, value in plain.items()}
    slower["save p99"] = 40.0 * times
    modes = {mode: plain if mode == "off" else slower for mode in service.MODES}
    one = {"p50": 9.0, "p99": 40.0 * times, "max": 99.0, "rate": 7.0, "make": 8.0}
    works = {"service": [modes] * 3} | {
        work: [dict.fromkeys(SIDES, one)] * 3 for work in saves.WORKS
    }
    facts = {"began": 0, "load": 0.0, "rounds": 3, "cores": [0, 1], "versions": {"holdfast": "1.2"}}
    return {
        "works": works,
        "facts": facts | {"settings": {side: {"sqlite": "9"} for side in SIDES}},
    }


def test_aims_are_met_or_missed_by_the_median() -> None:
    count = 3 * len(page.ASIDE) + 1 + len(saves.WORKS)
    for times, met in ((1.0, count), (1.2, count - 2 * len(page.ASIDE)), (4.0, 0)):
        lines = page.aims(saved(times)["works"])[2:]
        assert [each.endswith("| met |") for each in lines].count(True) == met
    assert all(each.endswith("| open |") for each in page.aims({})[2:])


def test_the_page_shows_what_was_measured_and_leaves_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "benchmarks.md")
    page.PAGE.write_text("# Benchmarks\n\nbefore\n")
    page.write(saved(4.0))
    page.PAGE.write_text(page.PAGE.read_text() + "after\n")
    page.write(saved(1.2))
    text = page.PAGE.read_text()
    assert text.startswith("# Benchmarks\n\nbefore\n\n") and text.endswith("after\n")
    assert text.count(page.BEGIN) == text.count(page.END) == 1
    for part in ("| on | 1.20 | 2.40 |", "+0.40", "holdfast 1.2", "1970-01-01"):
        assert part in text
    assert set(harness.WORKS) == set(saved(1.0)["works"])
