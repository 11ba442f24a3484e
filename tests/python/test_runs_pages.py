"""Pages of runs, filters, and the indexes that they use."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import holdfast
from holdfast.runs import RunStore

AT = datetime(2026, 11, 20, 18, 30, 0, 123_000, tzinfo=UTC)


@pytest.fixture
def runs(opened: Callable[..., holdfast.Database]) -> RunStore:
    return RunStore(opened())


def test_pages_have_every_run_once_while_others_come(runs: RunStore) -> None:
    for number in range(25):
        at = AT + timedelta(seconds=number // 3)
        runs.upsert_consensus_run(f"S-{number % 4}", "plan", run_timestamp=at)
    seen: list[int] = []
    cursor = None
    while True:
        page = runs.query(limit=4, cursor=cursor)
        seen += [run.id for run in page.items]
        runs.upsert_consensus_run("late", "plan", run_timestamp=AT + timedelta(days=len(seen)))
        if (cursor := page.cursor) is None:
            break
    assert sorted(seen) == list(range(1, 26))
    times = [runs.get(each).run_timestamp for each in seen]
    assert times == sorted(times, reverse=True)
    assert runs.query(limit=3, offset=7).items[0].id == seen[0]


def test_each_filter_lets_through_what_it_says(runs: RunStore) -> None:
    for number in range(8):
        run_id = runs.upsert_consensus_run(
            f"S-{number % 2}",
            ("plan", "code")[number // 4],
            run_timestamp=AT + timedelta(hours=number),
            consensus_ok=(None, True, False, True)[number % 4],
            degraded=number == 3,
            synthesis={} if number > 5 else None,
            name=f"run_{number}",
        )
        runs.add_output(run_id, "claude" if number % 3 else "gemini", "x")
    hours = timedelta(hours=1)
    wanted: set[int]
    filters: dict[str, Any]
    for wanted, filters in [
        ({0, 2, 4, 6}, {"spec_id": "S-0"}),
        ({4, 5, 6, 7}, {"stage": "code"}),
        ({5}, {"name": "run_5"}),
        ({1, 3, 5, 7}, {"consensus_ok": True}),
        ({2, 6}, {"consensus_ok": False}),
        ({3}, {"degraded": True}),
        ({6, 7}, {"has_synthesis": True}),
        ({0, 3, 6}, {"agent_name": "gemini"}),
        ({2, 3, 4}, {"since": AT + 2 * hours, "until": AT + 5 * hours}),
        ({6}, {"spec_id": "S-0", "stage": "code", "has_synthesis": True, "agent_name": "gemini"}),
        (set[int](), {"spec_id": "S-2"}),
    ]:
        page = runs.query(**filters)
        assert {run.id - 1 for run in page.items} == wanted, filters
        assert page.total == len(wanted)
    stats = runs.stats()
    assert stats[:8] == (8, 8, 2, 4, 2, 2, 1, 2)
    assert (stats.first, stats.last) == (AT, AT + 7 * hours)
    assert stats.stages == {"code": 4, "plan": 4}
    assert stats.agents == {"claude": 5, "gemini": 3}
    latest = runs.latest("S-1", "plan")
    assert latest is not None and latest.name == "run_3"


def test_a_filter_uses_an_index(runs: RunStore) -> None:
    def plan(sql: str) -> str:
        return " ".join(row[3] for row in runs.db.fetch_all(f"explain query plan {sql}"))

    of_runs = "select * from consensus_runs r where"
    named = "spec_id = 'S' and stage = 'plan' and legacy_run_id = 'x'"
    assert "consensus_runs_spec_stage" in plan(f"{of_runs} {named}")
    assert "SEARCH" in plan(f"{of_runs} spec_id = 'S'")
    assert "consensus_runs_timestamp" in plan(f"{of_runs} run_timestamp < 'x'")
    assert "agent_outputs_run" in plan("select * from agent_outputs where run_id = 5")
    assert "agent_outputs_agent" in plan("select * from agent_outputs where agent_name = 'x'")
