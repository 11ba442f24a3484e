"""The numbers for a monitoring system, and the alert rules that are ready for them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi import FastAPI

import holdfast
from holdfast.history import History, PromptHistory, lifespan, router
from holdfast.history.metrics import measured as of_history
from holdfast.jobs import JobManager
from holdfast.metrics import Metric, text
from holdfast.web.metrics import measured
from holdfast.web.service import Service
from web_apps import dashboard, served

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "monitoring.md"
RULES = yaml.safe_load((ROOT / "docs" / "monitoring" / "alerts.yml").read_text())
ALERTS: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
RECORD = PromptHistory(
    original_idea="a poem", improved_prompt="Write a sonnet.", backend="zero-shot",
    model="llama3", provider="ollama",
)  # fmt: skip


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "history.db") as made:
        yield made


def service(db: holdfast.Database, jobs: JobManager) -> Service:
    return Service(db, None, jobs, None, read_only=False)


def test_every_alert_is_about_numbers_that_there_are(
    db: holdfast.Database, jobs: JobManager, history: History
) -> None:
    names = {each.name for each in measured(service(db, jobs).now())}
    names |= {each.name for each in of_history(history.health())}
    used = {name for rule in ALERTS for name in re.findall(r"holdfast_\w+", rule["expr"])}
    assert used <= names, used - names


def test_every_alert_is_explained() -> None:
    rows = set(re.findall(r"^\| `(Holdfast\w+)` \|", PAGE.read_text(), re.MULTILINE))
    assert {rule["alert"] for rule in ALERTS} == rows
    assert all("summary" in rule["annotations"] for rule in ALERTS)


def test_numbers_are_those_of_the_moment(db: holdfast.Database, jobs: JobManager) -> None:
    jobs.handler("greet")(lambda ctx, payload: payload)
    jobs.wait(jobs.submit("greet").id)
    db.execute("insert into note(body) values ('x')")
    found = {each.name: each for each in measured(service(db, jobs).now())}
    assert found["holdfast_file_bytes"].value == db.stats()["size"]
    assert found["holdfast_writes_total"].value > 0  # type: ignore[operator]
    assert found["holdfast_last_backup_timestamp_seconds"].value is None
    assert found["holdfast_jobs"].value["succeeded"] == 1  # type: ignore[index]


def test_a_history_tells_what_it_wrote_and_dropped(history: History) -> None:
    history.save(RECORD)
    assert history.drain(30)
    found = {each.name: each.value for each in of_history(history.health())}
    assert (found["holdfast_history_up"], found["holdfast_history_breaker_open"]) == (1, 0)
    assert found["holdfast_history_written_total"] == 1
    assert found["holdfast_history_dropped_total"] == dict.fromkeys(
        ("full", "open", "rejected", "lost"), 0
    )


def test_a_disabled_history_has_no_numbers(tmp_path: Path) -> None:
    health = History(tmp_path / "history.db", enabled=False).health()
    assert list(of_history(health)) == []


def test_the_text_is_what_prometheus_reads() -> None:
    lines = text(
        [
            Metric("a", "gauge", "One.", 0.5),
            Metric("b", "gauge", "None.", None),
            Metric("c", "counter", "Two.", {"x": 1, "y": 2}, "of"),
        ]
    ).splitlines()
    assert lines == [
        "# HELP a One.", "# TYPE a gauge", "a 0.5",
        "# HELP c Two.", "# TYPE c counter", 'c{of="x"} 1', 'c{of="y"} 2',
    ]  # fmt: skip


def test_both_are_asked_for_over_http(db: holdfast.Database, history: History) -> None:
    with dashboard(db, history=history) as web:
        found = web.get("/metrics")
        assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert "\nholdfast_history_up 1\n" in found.text
        assert "\nholdfast_file_bytes " in found.text
    app = FastAPI(lifespan=lifespan(history=history))
    app.include_router(router())
    with served(app) as client:
        lines = client.get("/metrics/repository").text.splitlines()
    assert "holdfast_history_up 1" in lines
    assert not any("holdfast_file_bytes" in line for line in lines)
