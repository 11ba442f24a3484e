"""The comparison of job queues runs, each work with very little, so that it cannot rot."""

import importlib.util
from pathlib import Path

import pytest

from jobs import __main__ as harness
from jobs import page, works
from jobs.queues import LEVELS, QUEUES

N = 5
FIGURES = {"enqueue": {"rate": 2.0}, "drain": {"rate": 3.0}, "report": {"nanoseconds": 900.0}}


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(works, "SECONDS", 0.01)
    monkeypatch.setattr(works, "DRAINED", dict.fromkeys(LEVELS, N))
    for name in ("BATCH", "PUBLISHED", "REPORTS"):
        monkeypatch.setattr(works, name, N)


@pytest.mark.parametrize(
    ("work", "peer"),
    [(work, peer) for work in works.WORKS for peer in QUEUES if work in works.COMPARED]
    + [(work, "holdfast") for work in works.WORKS if work not in works.COMPARED],
)
def test_each_work_runs_and_proves_itself(work: str, peer: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(peer) is None:
        pytest.skip(f"{peer} is not installed")
    found = works.WORKS[work][1](peer, str(tmp_path / "jobs.db"), "normal")
    assert all(value > 0 for name, value in found.items() if name != "errors")


@pytest.mark.parametrize("peer", QUEUES)
@pytest.mark.parametrize("sync", LEVELS)
def test_each_queue_is_at_the_level_that_was_asked(peer: str, sync: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(peer) is None:
        pytest.skip(f"{peer} is not installed")
    queue = QUEUES[peer](str(tmp_path / "jobs.db"), sync)
    assert queue.read_back()[0] == LEVELS.index(sync)
    queue.close()


def test_what_is_missing_in_the_file_is_seen(tmp_path: Path) -> None:
    path = str(tmp_path / "jobs.db")
    works.enqueue("holdfast", path, "off")
    with pytest.raises(AssertionError, match="were acknowledged"):
        works.prove(QUEUES["holdfast"].TOTAL, path, 0)


def test_aims_are_met_or_missed_by_the_median() -> None:
    rival = {"rate": 1.5}
    rounds = {f"{work} normal": [{"holdfast": one, "huey": rival}] for work, one in FIGURES.items()}
    table = page.aims(rounds)
    assert [line.rsplit("|", 2)[1].strip() for line in table[2:]] == ["**missed**", "met", "met"]
    assert set(harness.plan({"report"})) == {"report normal"}
