"""A record under its OpenTelemetry names."""

import json
from dataclasses import fields

from hypothesis import given

from history_records import record, records
from holdfast.history import PromptHistory
from holdfast.history.telemetry import NAMES, attributes, duration


def test_every_field_has_a_name() -> None:
    # The time of a span is not one of its attributes.
    known = {field.name for field in fields(PromptHistory)} - {"timestamp"} | {"quality_score"}
    assert set(NAMES) == known
    assert all(name.startswith(("gen_ai.", "holdfast.history.")) for name in NAMES.values())


def test_what_is_not_known_is_left_out() -> None:
    assert attributes(record()) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "llama3",
        "holdfast.history.backend": "zero-shot",
        "holdfast.history.quality_score": 0.0,
    }
    assert attributes(record(input_tokens=0))["gen_ai.usage.input_tokens"] == 0
    assert duration(record()) is None and duration(record(latency_ms=1500)) == 1.5


@given(records)
def test_content_is_there_only_when_it_is_asked_for(kept: PromptHistory) -> None:
    plain, full = attributes(kept), attributes(kept, content=True)
    content = {"original_idea", "improved_prompt", "role", "directive", "guardrails"}
    assert set(full) - set(plain) <= {NAMES[field] for field in content}
    assert all(full[name] == value for name, value in plain.items())
    assert all(type(value) in (str, int, float, list) for value in full.values())
    (asked,) = json.loads(str(full["gen_ai.input.messages"]))
    assert asked["role"] == "user"
    assert asked["parts"][0] == {"type": "text", "content": kept.original_idea}
    assert [part["content"] for part in asked["parts"][1:]] == (
        [kept.context] if kept.context else []
    )
    (answered,) = json.loads(str(full["gen_ai.output.messages"]))
    assert answered["parts"][-1] == {"type": "text", "content": kept.improved_prompt}
    assert [part["type"] for part in answered["parts"][:-1]] == ["reasoning"] * bool(kept.reasoning)
