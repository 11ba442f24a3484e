"""What cannot be stored or asked for is refused with its name, and nothing of it is kept."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

import holdfast
from holdfast.errors import DataError
from holdfast.runs import DualWriter, RunStore

#: A time that UTC has not.
FIRST = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
RUN: dict[str, Any] = {"spec_id": "S", "stage": "plan"}
OUTPUT: dict[str, Any] = {"agent_name": "claude", "content": "x"}
ARTIFACT: dict[str, Any] = {**RUN, "agent_name": "claude", "content_json": "{}"}
SYNTHESIS: dict[str, Any] = {**RUN, "output_markdown": "# x"}


def cyclic() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


@pytest.fixture
def runs(opened: Callable[..., holdfast.Database]) -> RunStore:
    return RunStore(opened())


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"spec_id": ""}, "spec_id is blank"),
        ({"spec_id": None}, "spec_id is a text, not NoneType"),
        ({"stage": " \n"}, "stage is blank"),
        ({"stage": b"plan"}, "stage is a text, not bytes"),
        ({"run_timestamp": datetime(2026, 1, 1)}, "run_timestamp is a datetime with a time zone"),
        ({"run_timestamp": "2026-01-01"}, "run_timestamp is a datetime with a time zone"),
        ({"run_timestamp": FIRST}, "run_timestamp is not between the years 1 and 9999 of UTC"),
        ({"consensus_ok": 1}, "consensus_ok is True, False or None, not 1"),
        ({"degraded": "no"}, "degraded is True, False or None, not 'no'"),
        ({"synthesis": "{"}, "the synthesis is text that is no JSON"),
        ({"synthesis": "[NaN]"}, "the synthesis is text that is no JSON: JSON has no NaN"),
        ({"synthesis": "-Infinity"}, "JSON has no -Infinity"),
        ({"synthesis": "[" * 100_000}, "the synthesis is text that is no JSON"),
        ({"synthesis": {"a": float("nan")}}, "the synthesis is no value for JSON"),
        ({"synthesis": {"a": object()}}, "the synthesis is no value for JSON"),
        ({"synthesis": cyclic()}, "the synthesis is no value for JSON"),
        ({"name": ""}, "name is blank"),
    ],
)
def test_a_run_that_is_none(runs: RunStore, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises((ValueError, TypeError), match=says):
        runs.upsert_consensus_run(**{**RUN, **wrong})
    assert runs.stats().runs == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"agent_name": ""}, "agent_name is blank"),
        ({"content": None}, "content is a text, not NoneType"),
        ({"content": {"a": 1}}, "content is a text, not dict"),
        ({"model_version": 5}, "model_version is a text or None, not int"),
        ({"output_timestamp": 5}, "output_timestamp is a datetime with a time zone, not 5"),
        ({"nonsense": 1}, "an output is an Output, or the values for one"),
    ],
)
def test_an_output_that_is_none(runs: RunStore, wrong: dict[str, Any], says: str) -> None:
    run_id = runs.upsert_consensus_run(**RUN)
    with pytest.raises((ValueError, TypeError), match=says):
        runs.add_outputs(run_id, [OUTPUT, {**OUTPUT, **wrong}])
    with pytest.raises(TypeError, match="run_id is an int, not str"):
        runs.add_output(str(run_id), "claude", "x")  # pyright: ignore[reportArgumentType]
    assert runs.stats().outputs == 0


def test_half_a_character_is_refused(runs: RunStore) -> None:
    with pytest.raises(DataError, match="surrogate"):
        runs.upsert_consensus_run("S\ud800", "plan")
    with pytest.raises(DataError, match="surrogate"):
        runs.query(spec_id="S\ud800")
    writer = DualWriter(runs.db)
    with pytest.raises(DataError, match="surrogate"):
        writer.store_artifact("S", "plan", "claude", "\ud800")
    assert (runs.stats().runs, writer.report().artifacts) == (0, 0)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"limit": 0}, "limit is a number from 1 to 1000, not 0"),
        ({"limit": 1001}, "limit is a number from 1 to 1000"),
        ({"limit": "5"}, "limit is a number"),
        ({"offset": -1}, "offset is a number from 0, not -1"),
        ({"offset": 1, "cursor": "x"}, "an offset or a cursor, not both"),
        ({"cursor": "x"}, "cursor 'x' is not one that a page of runs gave"),
        ({"cursor": "W10="}, "cursor 'W10=' is not one"),
        ({"cursor": 5}, "cursor '5' is not one"),
        ({"since": FIRST}, "since is not between the years 1 and 9999 of UTC"),
        ({"since": "today"}, "since is a datetime with a time zone"),
        ({"until": datetime(2026, 1, 1)}, "until is a datetime with a time zone"),
        ({"spec_id": 5}, "spec_id is a text or None, not int"),
        ({"consensus_ok": "yes"}, "consensus_ok is True, False or None"),
        ({"nonsense": 1, "agent": None}, "a query of runs has no agent, nonsense"),
    ],
)
def test_a_query_that_is_none(runs: RunStore, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises((ValueError, TypeError), match=says):
        runs.query(**wrong)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"spec_id": ""}, "spec_id is blank"),
        ({"agent_name": None}, "agent_name is a text, not NoneType"),
        ({"content_json": {1, 2}}, "content_json is no value for JSON"),
        ({"content_json": [float("inf")]}, "content_json is no value for JSON"),
        ({"response_text": b"x"}, "response_text is a text or None, not bytes"),
        ({"run_id": 5}, "run_id is a text or None, not int"),
        ({"nonsense": 5}, "an artifact is a NewArtifact, or the values for one"),
    ],
)
def test_an_artifact_that_is_none(runs: RunStore, wrong: dict[str, Any], says: str) -> None:
    writer = DualWriter(runs.db)
    with pytest.raises((ValueError, TypeError), match=says):
        writer.store_artifacts([ARTIFACT, {**ARTIFACT, **wrong}])
    assert (writer.report().artifacts, writer.report().outputs) == (0, 0)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"output_markdown": None}, "output_markdown is a text, not NoneType"),
        ({"status": ""}, "status is blank"),
        ({"artifacts_count": "3"}, "artifacts_count is an int, not str"),
        ({"agreements": cyclic()}, "agreements is no value for JSON"),
        ({"degraded": 1}, "degraded is True, False or None, not 1"),
        ({"output_path": 5}, "expected str, bytes or os.PathLike"),
        ({"output_path": b"x"}, "output_path is a text, not bytes"),
    ],
)
def test_a_synthesis_that_is_none(runs: RunStore, wrong: dict[str, Any], says: str) -> None:
    writer = DualWriter(runs.db)
    with pytest.raises((ValueError, TypeError), match=says):
        writer.store_synthesis(**{**SYNTHESIS, **wrong})
    assert (writer.report().syntheses, writer.report().runs) == (0, 0)


@pytest.mark.parametrize("age", [5, None, timedelta(seconds=-1)])
def test_an_age_that_is_none(runs: RunStore, age: Any) -> None:
    runs.upsert_consensus_run("S", "plan", run_timestamp=datetime(2000, 1, 1, tzinfo=UTC))
    for store in (runs, DualWriter(runs.db)):
        with pytest.raises((ValueError, TypeError), match="older_than is"):
            store.delete_old(age)
    assert runs.stats().runs == 1
