"""A record checks itself, and cannot be changed."""

import ast
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

import holdfast.history
from history_records import NOON, record, records
from holdfast.history import BackendType, InvalidRecordError, PromptHistory

NAN, INFINITE = float("nan"), float("inf")
TEXTS = ("original_idea", "improved_prompt", "context", "role", "directive", "framework")
LAST = datetime(9999, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-1)))


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        *((name, value, "not blank|be blank") for name in TEXTS[:2] for value in ("", " \n\u3000")),
        *((name, "\t", "be blank") for name in ("model", "provider")),
        *((name, 1, "must be a text, not int") for name in (*TEXTS, "model", "provider")),
        *((name, None, "must be a text, not NoneType") for name in TEXTS),
        *((name, "a\ud800", "half a character .* at 1") for name in (*TEXTS, "reasoning")),
        ("reasoning", b"because", "must be a text, not bytes"),
        ("conversation_id", 7, "must be a text, not int"),
        ("conversation_id", "\udfff", "half a character"),
        ("guardrails", "no rhymes", "must be a list or tuple of texts, not str"),
        ("guardrails", {"no rhymes"}, "must be a list or tuple of texts, not set"),
        ("guardrails", None, "must be a list or tuple of texts, not NoneType"),
        ("confidence", 1.0001, "a number from 0 to 1, not 1.0001"),
        ("confidence", -0.1, "from 0 to"),
        ("confidence", NAN, "number from 0 to"),
        ("confidence", True, "must be a number, not bool"),
        ("confidence", "0.5", "must be a number, not str"),
        ("latency_ms", -1, "from 0 to"),
        ("latency_ms", 2**53, "number from 0 to"),
        ("latency_ms", -(10**400), "number from 0 to"),
        ("latency_ms", INFINITE, "number from 0 to"),
        ("latency_ms", NAN, "number from 0 to"),
        ("latency_ms", False, "must be a number, not bool"),
        ("latency_ms", 10**400, "number from 0 to"),
        ("latency_ms", timedelta(1), "must be a number, not timedelta"),
        *((f"{way}_tokens", -1, "from 0 to") for way in ("input", "output")),
        *((f"{way}_tokens", 2**53, "from 0 to") for way in ("input", "output")),
        *((f"{way}_tokens", 1.0, "whole number, not float") for way in ("input", "output")),
        *((f"{way}_tokens", True, "whole number, not bool") for way in ("input", "output")),
        ("id", 0, "from 1 to"),
        ("id", "1", "whole number, not str"),
        ("backend", "one-shot", "'zero-shot' and 'few-shot', not 'one-shot'"),
        ("backend", "ZERO_SHOT", "'zero-shot' and 'few-shot'"),
        ("backend", None, "'zero-shot' and 'few-shot', not NoneType"),
        ("backend", ["zero-shot"], "'zero-shot' and 'few-shot', not list"),
        ("timestamp", datetime(2026, 11, 20), "must have a zone"),
        ("timestamp", date(2026, 11, 20), "datetime with a zone, not date"),
        ("timestamp", "2026-11-20", "datetime with a zone, not str"),
        ("timestamp", None, "datetime with a zone, not NoneType"),
        ("timestamp", LAST, "years 1 to 9999"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(field: str, value: Any, problem: str) -> None:
    with pytest.raises(InvalidRecordError, match=f"^{field} .*{problem}") as raised:
        record(**{"idea" if field == "original_idea" else field: value})
    assert isinstance(raised.value, ValueError) and raised.value.field == field
    assert repr(pickle.loads(pickle.dumps(raised.value))) == repr(raised.value)


def test_the_guardrail_that_cannot_be_is_named() -> None:
    with pytest.raises(InvalidRecordError, match=r"^guardrails\[1\] must be a text, not int"):
        record(guardrails=["short", 2])


def test_what_must_be_given_must_be_given() -> None:
    with pytest.raises(TypeError, match="improved_prompt"):
        PromptHistory(original_idea="a", backend="few-shot", model="m", provider="p")  # type: ignore[call-arg]


def test_a_record_cannot_be_changed() -> None:
    given = ["no rhymes"]
    kept = record(guardrails=given)
    given.append("short")
    assert kept.guardrails == ("no rhymes",)
    with pytest.raises(FrozenInstanceError):
        kept.model = "gpt"  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        kept.colour = "blue"  # type: ignore[attr-defined]
    assert replace(kept, model="gpt").model == "gpt"
    with pytest.raises(InvalidRecordError, match="^model"):
        replace(kept, model=" ")


@given(records)
def test_equal_records_are_one(kept: PromptHistory) -> None:
    again = pickle.loads(pickle.dumps(kept))
    assert again == kept == replace(kept) and len({again, kept, replace(kept)}) == 1


def test_a_backend_is_given_as_member_or_text() -> None:
    assert record(backend="few-shot").backend is BackendType.FEW_SHOT
    assert record(backend=BackendType.ZERO_SHOT).backend is BackendType.ZERO_SHOT


def test_texts_are_plain_texts() -> None:
    class Model(StrEnum):
        SMALL = "llama3"

    kept = record(model=Model.SMALL, guardrails=[Model.SMALL])
    assert type(kept.model) is str and kept.model == "llama3"
    assert type(kept.guardrails[0]) is str


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (datetime(2026, 11, 20, 13, 0, 0, 999, timezone(timedelta(hours=1))), NOON),
        (datetime(2026, 11, 20, 12, 0, 0, 1999, UTC), NOON + timedelta(milliseconds=1)),
        (datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
         datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        (datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)),
        (datetime.max.replace(tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)),
    ],
)  # fmt: skip
def test_a_time_is_kept_in_utc_to_the_millisecond(given: datetime, kept: datetime) -> None:
    found = record(timestamp=given).timestamp
    assert found == kept and found.tzinfo is UTC and found.fold == 0


def test_a_record_is_of_now_unless_it_says_when() -> None:
    before = datetime.now(UTC)
    made = record().timestamp
    assert before - timedelta(milliseconds=1) < made <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("fields", "score"),
    [
        ({}, 0.0),
        ({"confidence": 1}, 0.6),
        ({"confidence": 0.5, "role": "poet"}, 0.38),
        ({"role": "poet"}, 0.2),
        ({"role": " ", "guardrails": ["", "\n"], "reasoning": ""}, 0.0),
        ({"role": "a", "directive": "b", "framework": "c", "guardrails": ["d"], "reasoning": "e"},
         1.0),
        ({"role": "a", "directive": "b", "framework": "c", "guardrails": ["d"], "reasoning": "e",
          "confidence": 1.0}, 1.0),
        ({"confidence": 0.0, "guardrails": ["d", "e"]}, 0.08),
    ],
)  # fmt: skip
def test_quality_is_confidence_and_what_the_prompt_has(fields: Any, score: float) -> None:
    assert record(**fields).quality_score == score


@given(records)
def test_quality_is_from_0_to_1(kept: PromptHistory) -> None:
    assert 0 <= kept.quality_score <= 1


def test_neither_repr_nor_error_tells_content() -> None:
    secret = "hunter2"
    fields = dict.fromkeys(("improved_prompt", "context", "role", "directive", "reasoning"), secret)
    assert secret not in repr(record(secret, guardrails=[secret], **fields))
    for field in ("context", "reasoning", "guardrails"):
        value = f"{secret}\ud800"
        with pytest.raises(InvalidRecordError) as raised:
            record(**{field: [value] if field == "guardrails" else value})
        assert secret not in str(raised.value) and raised.value.__context__ is None


def test_the_records_module_knows_no_storage() -> None:
    tree = ast.parse((Path(holdfast.history.__file__).parent / "models.py").read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module or "" for node in found if isinstance(node, ast.ImportFrom)}
    names |= {name.name for node in found if isinstance(node, ast.Import) for name in node.names}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names, names


def test_importing_history_brings_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; sys.path.append({!r}); before = set(sys.modules); import holdfast.history; "
        "new = set(sys.modules) - before; "
        "print({{name.partition('.')[0] for name in new}} - sys.stdlib_module_names)"
    )
    path = str(Path(holdfast.__file__).parent.parent)
    command = [sys.executable, "-S", "-c", code.format(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "{'holdfast'}\n"
