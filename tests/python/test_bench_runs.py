"""The comparison of one schema with both is fair and runs, with very little."""

from pathlib import Path
from typing import Any

import pytest

from peers.figures import Rounds
from runs import __main__ as harness
from runs import page, works
from runs.sides import SIDES


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(works, "TURNS", 2)
    monkeypatch.setattr(works, "WRITES", 6)
    monkeypatch.setitem(works.WORKS, "batch", works.Work("some in a transaction", 100, 3))


@pytest.mark.parametrize("work", works.WORKS)
def test_each_work_runs_and_proves_itself(work: str, tmp_path: Path) -> None:
    found = works.measure(work, "normal", str(tmp_path))
    assert set(found) == set(SIDES)
    assert all(one["us"] > 0 for one in found.values())
    with pytest.raises(AssertionError, match="18 rows in agent_outputs"):
        works.TURNS += 1
        works.prove(tmp_path / "1.db", SIDES["new"].TABLES)


@pytest.mark.parametrize("sync", works.LEVELS)
def test_each_level_is_the_one_that_was_asked(sync: str, tmp_path: Path) -> None:
    assert works.settings(sync, str(tmp_path))["synchronous"] == sync


def saved(dual: float) -> dict[str, Any]:
    """A run in which both cost so many times the new schema alone."""
    figures = {side: {"us": 10.0} for side in SIDES} | {"dual": {"us": 10 * dual}}
    found: dict[str, Rounds] = {key: [figures] * 3 for key in harness.plan(set())}
    facts = {"began": 0, "load": 0.0, "rounds": 3, "version": "1.2.3", "sqlite": "9"}
    return {"works": found, "facts": facts}


def test_aims_are_met_or_missed_by_the_median() -> None:
    for dual, state in ((1.2, "met"), (1.4, "**missed**")):
        assert all(line.endswith(f"| {state} |") for line in page.aims(saved(dual)["works"])[2:])
    assert all(line.endswith("| open |") for line in page.aims({})[2:])


def test_the_page_shows_what_was_measured_and_leaves_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "benchmarks.md")
    page.PAGE.write_text("# Benchmarks\n\nbefore\n")
    page.write(saved(1.4))
    page.PAGE.write_text(page.PAGE.read_text() + "after\n")
    page.write(saved(1.2))
    text = page.PAGE.read_text()
    assert text.startswith("# Benchmarks\n\nbefore\n\n") and text.endswith("after\n")
    assert text.count(page.BEGIN) == text.count(page.END) == 1
    for part in ("| 1.20 x |", "holdfast 1.2.3", "SQLite 9", "1970-01-01"):
        assert part in text
    assert "missed" not in text
