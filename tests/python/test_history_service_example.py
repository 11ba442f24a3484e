"""The example service, as a process: its answers, its history, its settings, its end."""

import importlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from history_service import EXAMPLES, refused, service
from job_processes import eventually
from processes import look
from web_apps import served


def test_prompts_are_improved_and_remembered(tmp_path: Path) -> None:
    with service(tmp_path) as client:
        answer = client.improve("a poem about the sea", context="for children")
        assert set(answer) == {
            "improved_prompt", "role", "directive", "framework", "guardrails", "reasoning",
            "confidence", "backend", "model", "provider", "latency_ms",
        }  # fmt: skip
        assert "poet" in answer["role"]
        assert "a poem about the sea" in answer["improved_prompt"]
        assert "for children" in answer["improved_prompt"]
        assert (
            client.improve("a poem about the sea")["improved_prompt"] != answer["improved_prompt"]
        )
        eventually(lambda: client.has("poem about the sea"))
        [record] = client.web.get("/api/v1/history", params={"offset": 1}).json()["items"]
        kept = {name: record[name] for name in answer}
        assert kept == answer
        assert record["context"] == "for children"
        assert client.is_("healthy")
        assert client.web.delete("/api/v1/history/1").status_code == 405
    assert (tmp_path / "prompt_history.db").exists()


@pytest.mark.parametrize(
    "body", [{}, {"idea": " \n "}, {"idea": 5}, {"idea": "a" * 20_001}, {"idea": "a", "context": 1}]
)
def test_what_is_no_idea_is_refused(tmp_path: Path, body: dict[str, object]) -> None:
    with service(tmp_path) as client:
        answer = client.web.post("/api/v1/improve-prompt", json=body)
        assert answer.status_code == 422
        assert client.health()["written"] == 0


def test_what_was_saved_is_written_at_the_end_of_the_server(tmp_path: Path) -> None:
    with service(tmp_path, db_path="kept.db") as client:
        for n in range(200):
            client.improve(f"idea {n}")
        # Uvicorn raises the signal again when it has ended in order.
        assert client.service.end() in (0, -signal.SIGTERM)
    assert look(tmp_path / "kept.db", "select count(*) from prompt_history") == [[200]]


def test_what_was_written_survives_sigkill(tmp_path: Path) -> None:
    with service(tmp_path, db_path="kept.db") as client:
        for n in range(20):
            client.improve(f"idea {n}")
        eventually(lambda: client.health()["written"] == 20)
        client.service.end(signal.SIGKILL)
    with service(tmp_path, db_path="kept.db") as client:
        assert client.has("idea 19")
        assert client.is_("healthy")


def test_switched_off_there_is_no_file(tmp_path: Path) -> None:
    with service(tmp_path, enabled="false") as client:
        client.improve()
        assert client.is_("disabled")
        assert client.web.get("/api/v1/history").json()["items"] == []
    assert list(tmp_path.iterdir()) == []


def test_without_a_log_there_is_a_rollback_journal(tmp_path: Path) -> None:
    with service(tmp_path, wal_mode="false", db_path="plain.db") as client:
        client.improve("plain")
        eventually(lambda: client.has("plain"))
        assert look(tmp_path / "plain.db", "pragma journal_mode") == [["delete"]]
        assert [file.name for file in tmp_path.iterdir()] == ["plain.db"]


def test_synchronous_saves_are_written_with_the_answer(tmp_path: Path) -> None:
    with service(tmp_path, async_enabled="false", db_path="now.db") as client:
        for n in range(5):
            client.improve(f"idea {n}")
            assert client.health()["written"] == n + 1


def test_settings_come_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SQLITE_DB_PATH=from_env.db\nSQLITE_RETENTION_DAYS=3\nOTHER=1\n")
    with service(tmp_path) as client:
        assert client.health()["retention_days"] == 3
    assert (tmp_path / "from_env.db").exists()


def test_a_wrong_setting_ends_the_start_with_its_name(tmp_path: Path) -> None:
    said = refused(tmp_path, SQLITE_POOL_SIZE="ten", SQLITE_WAL_MODE="delete")
    assert "SQLITE_POOL_SIZE is 'ten': " in said
    assert "SQLITE_WAL_MODE is 'delete': " in said
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_dspy_ends_the_start(tmp_path: Path) -> None:
    code = "import sys; sys.modules['dspy'] = None; import prompt_service as service\n"
    code += "service.chosen_improver()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=EXAMPLES,
        env={"PROMPT_MODEL": "openai/gpt-4o-mini"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        "PROMPT_MODEL is openai/gpt-4o-mini, and dspy is missing: pip install dspy" in done.stderr
    )


def test_another_improver_is_put_in_and_its_failure_is_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLES)
    example = importlib.import_module("prompt_service")

    class Shouting(example.TemplateImprover):
        model = "loud"

        async def improve(self, idea: str, context: str) -> object:
            if "!" in idea:
                raise ValueError(f"cannot shout {idea}")
            return (await super().improve(idea, context)).model_copy(update={"role": "LOUD"})

    monkeypatch.setitem(example.app.dependency_overrides, example.get_improver, Shouting)
    with served(example.app) as web:
        answer = web.post("/api/v1/improve-prompt", json={"idea": "a secret"})
        assert (answer.json()["role"], answer.json()["model"]) == ("LOUD", "loud")
        answer = web.post("/api/v1/improve-prompt", json={"idea": "a secret!"})
        assert answer.status_code == 502
        assert "secret" not in answer.text
        eventually(lambda: web.get("/health/repository").json()["written"] == 1)
    assert "secret" not in caplog.text


def test_no_prompt_is_in_the_log(tmp_path: Path) -> None:
    with service(tmp_path, db_path="missing/history.db") as client:
        for _ in range(5):
            client.improve("the secret recipe")
        eventually(lambda: client.health()["breaker"] != "closed")
        client.improve("the secret recipe")
        client.service.end()
        assert "secret" not in client.service.said
