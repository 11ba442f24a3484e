"""What the benchmarks beside other libraries say of themselves: ratios, verdicts, lost writes."""

import asyncio
import importlib
import json
import sqlite3
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from peers import __main__ as harness
from peers import adapters, aio_works, data, figures, file, limit, page, plots, report, timing
from peers.figures import Rounds, Spread
from peers.plan import TARGETS, WORKS, C, Target

FACTS = {
    "load": 0.1,
    "began": 0.0,
    "python": "3.11.0",
    "rounds": 2,
    "only": "",
    "settings": {},
    "peers": {"apsw": {"reason": "no wheel for this platform"}},
}


def rounds(*rates: dict[str, float]) -> Rounds:
    return [{peer: {"rate": rate} for peer, rate in one.items()} for one in rates]


def results(**works: Rounds) -> dict[str, Any]:
    return {"facts": FACTS, "works": works}


def test_a_ratio_is_of_one_round() -> None:
    # The second round ran on a machine half as fast: the ratio does not see it.
    found = rounds({"holdfast": 300, "apsw": 100}, {"holdfast": 150, "apsw": 50})
    assert figures.ratios(found, "rate", ("apsw",)) == [3.0, 3.0]


def test_the_best_of_several_peers_is_the_one_to_beat() -> None:
    found = rounds({"holdfast": 300, "apsw": 100, "stdlib": 200}, {"holdfast": 300, "apsw": 300})
    assert figures.ratios(found, "rate", ("apsw", "stdlib")) == [1.5, 1.0]
    assert figures.ratios(found, "rate", ("apsw", "stdlib"), most=True) == [3.0, 1.0]


def test_a_round_without_one_side_has_no_ratio() -> None:
    found = [*rounds({"holdfast": 300, "apsw": 100}, {"apsw": 1}), {"holdfast": {"failed": "x"}}]
    assert figures.ratios(found, "rate", ("apsw",)) == [3.0]


def test_the_median_decides_and_the_worst_round_where_it_is_asked() -> None:
    found = [{"holdfast": {"errors": n}} for n in (0, 0, 1)]
    usual = Target("write_threads", "errors", 0, most=True)
    strict = Target("write_threads", "errors", 0, most=True, worst=True)
    assert figures.judge(usual, found).met is True
    assert figures.judge(strict, found).met is False
    assert figures.judge(strict, [{"holdfast": {"skipped": "later"}}]).met is None


def tally(path: Path, total: int) -> Path:
    with sqlite3.connect(path) as db:
        db.execute("create table tally(id integer primary key, n integer not null, body text)")
        db.execute("insert into tally values (1, ?, '')", [total])
    db.close()
    return path


@pytest.mark.parametrize(
    ("total", "acknowledged", "errors", "kept"),
    [(5, 5, 0, True), (4, 5, 0, False), (6, 5, 0, False), (6, 5, 1, True), (7, 5, 1, False)],
)
def test_every_acknowledged_write_is_there_once(
    tmp_path: Path, total: int, acknowledged: int, errors: int, kept: bool
) -> None:
    path = tally(tmp_path / "t.db", total)
    result = {"acknowledged": acknowledged, "errors": errors}
    if kept:
        file.prove(path, result)
    else:
        with pytest.raises(file.LostWriteError, match="acknowledged"):
            file.prove(path, result)


@pytest.mark.parametrize("damage", ["delete from bulk0 where id = 7", "update bulk0 set kind = 0"])
def test_rows_that_are_missing_or_others_are_found(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "rows.db"
    rows = data.rows(1, 100, 1)
    with sqlite3.connect(path) as db:
        db.executescript(data.SCHEMA)
        db.executemany(data.INSERT.format(table="bulk0"), rows)
    file.prove_rows(path, "bulk0", file.summed(rows))
    db.execute(damage)
    db.commit()
    db.close()
    with pytest.raises(file.LostWriteError, match="bulk0"):
        file.prove_rows(path, "bulk0", file.summed(rows))


def test_a_lost_write_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(harness, "ROOM", tmp_path)
    monkeypatch.setattr("sys.argv", ["peers", "--again"])
    found = rounds({"holdfast": 2, "apsw": 1})
    (tmp_path / "results.json").write_text(json.dumps(results(write_one=found)))
    assert harness.main() == 0
    found.append({"holdfast": {"lost": "5 were acknowledged, the file has 4"}})
    (tmp_path / "results.json").write_text(json.dumps(results(write_one=found)))
    assert harness.main() == 1
    assert "write_one, holdfast, round 2: 5 were acknowledged" in capsys.readouterr().err


def test_a_measurement_that_lost_a_write_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally(tmp_path / "template.db", 4)
    monkeypatch.setattr(harness, "ROOM", tmp_path)
    monkeypatch.setattr(harness, "measure", lambda *_: {"rate": 1, "acknowledged": 5})
    assert "5 one-row writes" in harness.proved("write_one", "holdfast")["lost"]


def test_losses_and_peers_without_figures_are_shown() -> None:
    found: Rounds = [
        {"holdfast": {"rate": 100}, "apsw": {"rate": 200}, "libsql": {"failed": "a reason"}}
    ]
    shown = report.text(results(point_select=found))
    assert "| rate at least 1.25 x apsw | 0.50 | **missed** |" in shown
    assert shown.index("| apsw | 200") < shown.index("| **holdfast** | 100")
    assert "libsql (failed: a reason)" in shown


def test_the_page_keeps_what_others_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "benchmarks.md")
    monkeypatch.setattr(page, "PLOTS", tmp_path / "benchmarks")
    page.PAGE.write_text("# Benchmarks\n\n<!-- engine:begin -->\nkept\n<!-- engine:end -->\n")
    saved = results(point_select=rounds({"holdfast": 3, "apsw": 2}, {"holdfast": 3, "apsw": 1}))
    page.write(saved)
    once = page.PAGE.read_text()
    page.write(saved)
    assert page.PAGE.read_text() == once
    assert "kept\n<!-- engine:end -->" in once
    assert "2.25 (1.50 to 3) x" in once
    assert "does not install: no wheel for this platform" in once


def test_a_plot_is_svg_for_dark_and_light() -> None:
    bars = [("a < b", Spread(5, 4, 7, 3), "ours"), ("other", Spread(2, 2, 2, 1), "bar")]
    for drawn in (
        plots.bars([("title", "unit", bars)], report.number),
        plots.aims([("x", 2, True)]),
    ):
        ET.fromstring(drawn)
        assert "prefers-color-scheme: dark" in drawn


def test_a_stall_of_the_loop_counts_for_every_appointment_it_breaks() -> None:
    async def stalled() -> list[int]:
        until = timing.clock() + 100_000_000
        sleeper = asyncio.create_task(aio_works.late(until))
        await asyncio.sleep(0.01)
        time.sleep(0.06)
        return sorted(await sleeper)

    found = asyncio.run(stalled())
    assert sum(late > 10_000_000 for late in found) >= 20
    assert found[-1] > 50_000_000


def test_the_order_of_peers_turns() -> None:
    peers = ("a", "b", "c")
    assert [harness.rotated(peers, n)[0] for n in range(4)] == ["a", "b", "c", "a"]
    assert sorted(harness.rotated(peers, 2)) == sorted(peers)


@pytest.mark.parametrize("work", WORKS)
def test_a_work_has_its_function_and_its_peers_an_adapter(work: str) -> None:
    chosen = WORKS[work]
    assert hasattr(importlib.import_module(f"peers.{chosen.module}"), chosen.function)
    folder = Path(adapters.__file__).parent
    assert all((folder / f"{adapters.PEERS[p][0]}.py").is_file() for p in set(chosen.peers) - {C})
    assert C not in chosen.peers or work in limit.WORKS


def test_a_target_is_about_peers_that_do_the_work() -> None:
    for target in TARGETS:
        assert set(target.against) < set(WORKS[target.work].peers), target
