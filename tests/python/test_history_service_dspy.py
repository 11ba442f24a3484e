"""The example service with a program of DSPy, where that is installed: no model is asked."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from history_service import EXAMPLES
from processes import look

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("dspy") is None, reason="dspy is not installed: pip install dspy"
)

#: A process of its own: DSPy changes what is global, and keeps a cache.
_ASKING = """
import asyncio, json, sys
import dspy, httpx
from dspy.utils import DummyLM
import prompt_service as service

confidences, demos = json.loads(sys.argv[1]), json.loads(sys.argv[2])
answers = [
    {
        "reasoning": "a poem needs a poet", "role": "poet", "directive": "Write a sonnet.",
        "framework": "role, task", "guardrails": '["no rhymes", "ask"]',
        "improved_prompt": "You are a poet. Write a sonnet.", "confidence": confidence,
    }
    for confidence in confidences
]
improver = service.DspyImprover(DummyLM(answers), "openai/gpt-4o-mini")
for predictor in improver.program.predictors():
    predictor.demos = [dspy.Example(**each) for each in demos]

async def main():
    service.app.dependency_overrides[service.get_improver] = lambda: improver
    transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
    async with (
        service.app.router.lifespan_context(service.app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        for _ in confidences:
            asked = {"idea": "a secret poem", "context": "the sea"}
            answer = await client.post("/api/v1/improve-prompt", json=asked)
            print(json.dumps([answer.status_code, answer.json()]))

asyncio.run(main())
"""


def ask(folder: Path, *confidences: str, demos: object = ()) -> list[tuple[int, dict[str, Any]]]:
    """Status and answer for each confidence that the model claims."""
    env = {**os.environ, "DSPY_CACHEDIR": str(folder / "cache"), "PYTHONSAFEPATH": "1"}
    env["PYTHONPATH"] = os.pathsep.join([str(EXAMPLES), *filter(None, [env.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", _ASKING, json.dumps(confidences), json.dumps(demos)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_a_program_without_examples_is_zero_shot(tmp_path: Path) -> None:
    [(status, answer)] = ask(tmp_path, "0.75")
    assert status == 200
    assert answer.pop("latency_ms") > 0
    assert answer == {
        "improved_prompt": "You are a poet. Write a sonnet.",
        "role": "poet",
        "directive": "Write a sonnet.",
        "framework": "role, task",
        "guardrails": ["no rhymes", "ask"],
        "reasoning": "a poem needs a poet",
        "confidence": 0.75,
        "backend": "zero-shot",
        "model": "gpt-4o-mini",
        "provider": "openai",
    }
    found = look(
        tmp_path / "prompt_history.db",
        "select original_idea, context, backend, provider, reasoning, guardrails, confidence "
        "from prompt_history",
    )
    assert found == [
        [
            "a secret poem", "the sea", "zero-shot", "openai", "a poem needs a poet",
            '["no rhymes", "ask"]', 0.75,
        ]
    ]  # fmt: skip


def test_a_program_with_examples_is_few_shot(tmp_path: Path) -> None:
    demo = {"idea": "a song", "context": "", "role": "singer", "improved_prompt": "Sing."}
    [(status, answer)] = ask(tmp_path, "0.5", demos=[demo])
    assert (status, answer["backend"]) == (200, "few-shot")
    found = look(tmp_path / "prompt_history.db", "select backend from prompt_history")
    assert found == [["few-shot"]]


def test_a_confidence_out_of_range_is_brought_into_it(tmp_path: Path) -> None:
    found = ask(tmp_path, "1.7", "-3")
    assert [(status, answer["confidence"]) for status, answer in found] == [(200, 1.0), (200, 0.0)]


@pytest.mark.parametrize("confidence", ["very sure", "nan"])
def test_a_model_that_does_not_keep_the_form_is_a_502(tmp_path: Path, confidence: str) -> None:
    [(status, answer)] = ask(tmp_path, confidence)
    assert status == 502
    assert "secret" not in json.dumps(answer)
    assert look(tmp_path / "prompt_history.db", "select count(*) from prompt_history") == [[0]]
