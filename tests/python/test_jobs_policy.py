"""What may be kept beside a job, and what is kept of its errors."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
from handlers import WAIT
from holdfast.jobs import JobManager, MetadataPolicy, MetadataPolicyError
from holdfast.jobs.policy import FORBIDDEN, redact
from processes import look

Make = Callable[..., JobManager]
POLICY = MetadataPolicy()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"prompt": "x"}, "payload.prompt"),
        ({"user": {"api_key": "x"}}, "payload.user.api_key"),
        ({"files": [{"name": "a"}, {"content": "x"}]}, r"payload.files\[1\].content"),
        ({"openaiApiKey": "x"}, "payload.openaiApiKey"),
        ({"raw-prompt": "x"}, "payload.raw-prompt"),
        ({"DBPassword": "x"}, "payload.DBPassword"),
        ({"access_token": "x"}, "payload.access_token"),
        ({"note": "x" * 1001}, "payload.note has 1001 characters"),
        ({"x": b"bytes"}, "payload.x is of type bytes"),
        ({"x": {1, 2}}, "payload.x is of type set"),
        ({"x": float("nan")}, "payload is no JSON"),
        ({1: "x"}, "payload has the key 1"),
        ({"x": "\ud800"}, "payload is no JSON"),
        ({"x": list(range(10_000))}, "more than 16384"),
    ],
)
def test_content_and_secrets_are_refused_by_name(value: Any, named: str) -> None:
    with pytest.raises(MetadataPolicyError, match=named):
        POLICY.dump(value)


def test_what_only_sounds_like_content_is_kept() -> None:
    value = {"document_id": 1, "token_count": 2, "context": "x", "bodyparts": [None, True, 1.5]}
    assert POLICY.dump(value) == (
        '{"document_id":1,"token_count":2,"context":"x","bodyparts":[null,true,1.5]}'
    )


def test_a_value_that_contains_itself_is_refused() -> None:
    value: dict[str, Any] = {}
    value["again"] = value
    with pytest.raises(MetadataPolicyError, match="nested too deeply"):
        POLICY.dump(value)


def test_the_list_and_the_bounds_can_be_changed(make: Make) -> None:
    policy = MetadataPolicy(
        max_bytes=100, max_string=10, forbidden=FORBIDDEN - {"document"} | {"IBAN"}
    )
    jobs = make(workers=0, policy=policy)
    assert jobs.submit("any", {"document": "a.pdf"}).payload == {"document": "a.pdf"}
    for payload in ({"iban": "DE1"}, {"x": "y" * 11}, {str(n): 1 for n in range(50)}):
        with pytest.raises(MetadataPolicyError):
            jobs.submit("any", payload)


def test_the_policy_holds_for_results_and_ui_state_too(jobs: JobManager) -> None:
    job = jobs.wait(jobs.submit(lambda ctx, payload: {"text": "secret text"}).id, WAIT)
    assert (job.state, job.result) == ("failed", None)
    assert job.error is not None
    assert job.error.startswith("MetadataPolicyError: result.text names content")
    with pytest.raises(MetadataPolicyError, match="ui_state.password"):
        jobs.ui_state.set("password", "x")
    jobs.ui_state.set("filter", ["a", 1])
    assert jobs.ui_state.get("filter") == ["a", 1]
    assert jobs.ui_state.get("other", 7) == 7
    assert jobs.ui_state.delete("filter")
    assert not jobs.ui_state.delete("filter")
    assert jobs.ui_state.get("filter") is None


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("no access: api_key=sk-abc", "no access: api_key=***"),
        ('{"password": "hunter2", "n": 1}', '{"password": ***, "n": 1}'),
        ("Authorization: Bearer abcdef123456", "Authorization: *** ***"),
        ("at https://ann:hunter2@host/x", "at https://***@host/x"),
        ("key sk-abcdefghijkl1234 was refused", "key *** was refused"),
        ("session 0123456789abcdef0123456789abcdef ended", "session *** ended"),
        (
            "cannot parse 'It was the best of times, it was the worst of times'",
            "cannot parse '...'",
        ),
        ("cannot open 'a.txt'", "cannot open 'a.txt'"),
        ("two\nlines\tand   spaces", "two lines and spaces"),
    ],
)
def test_errors_are_kept_without_secrets(message: str, kept: str) -> None:
    assert redact(ValueError(message)) == f"ValueError: {kept}"


def test_an_error_is_cut_and_says_where_it_was_raised() -> None:
    class Strange(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert redact(ValueError("x " * 1000)).endswith("x x...")
    assert len(redact(ValueError("x " * 10_000_000))) == 500
    for text in ("token" * 2000, "a" * 10_000, "sEcReT=" * 1500, "a1" * 5000, '"' * 10_000):
        # A search that started over at each letter would not come to an end here.
        assert redact(ValueError(text)).startswith("ValueError: ")
    assert redact(Strange()) == "Strange: (its message cannot be read)"
    with pytest.raises(ValueError) as caught:
        int("x")
    assert re.search(r"\(test_jobs_policy.py, line \d+\)$", redact(caught.value))


def test_no_secret_reaches_the_file_or_the_log(
    jobs: JobManager, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="holdfast.jobs")

    @jobs.handler("leaky")
    def leaky(ctx: Any, payload: Any) -> None:
        raise RuntimeError("login with password='hunter2-and-more' failed")

    jobs.wait(jobs.submit("leaky", {"id": 1}).id, WAIT)
    assert "hunter2" not in caplog.text
    rows = look(path, "select error from jobs union all select detail from job_history")
    assert rows
    assert "hunter2" not in str(rows)


def test_the_database_lies_in_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with (
        holdfast.open(tmp_path / "app.db") as db,
        pytest.raises(holdfast.PathError, match="does not lie in the data directory"),
    ):
        JobManager(db, data_dir=tmp_path / "data")
