"""The example page that ingests documents, without a browser."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from holdfast.jobs import JobContext, JobState
from holdfast.streamlit import job_manager
from streamlit_pages import (
    DEADLINE,
    DOCUMENTS,
    managers_ended,
    streamlit_in_handlers,
    streamlit_in_workers,
    texts,
    until,
    waiter,
)

PACKAGE = DOCUMENTS.parents[1] / "python" / "holdfast"


@pytest.fixture(autouse=True)
def managers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HOLDFAST_DOCUMENTS", str(tmp_path))
    with managers_ended():
        yield


def opened() -> AppTest:
    at = AppTest.from_file(str(DOCUMENTS), default_timeout=DEADLINE).run()
    assert not at.exception
    return at


def ingest(at: AppTest, **files: str) -> None:
    """Upload files, by name without suffix and their text."""
    given = [(name, text.encode(), "text/plain") for name, text in files.items()]
    at.file_uploader[0].set_value(given)
    at.sidebar.button[0].click().run()
    until(at, lambda: "succeeded" in texts(at))


def found(at: AppTest, query: str) -> list[str]:
    at.text_input[0].set_value(query).run()
    assert not at.exception
    return [str(element.value) for element in at.html]


def test_documents_are_ingested_and_found(tmp_path: Path) -> None:
    at = opened()
    assert "Nothing to search yet" in at.info[0].value
    page = "<title>Kelp</title><p>It grips the rock.</p><script>rock</script><p>Other</p>"
    ingest(at, **{"a.md": "On a rock <b>by</b>\nthe sea.\n\nA storm.", "b.html": page})
    assert "snapshot: 1\nfiles: 2\npassages: 5" in texts(at)
    assert "2 files · 5 passages" in at.caption[0].value
    hits = found(at, "Rock")
    assert len(hits) == 2
    # The word is marked, and what the document says is no HTML of the page.
    assert any(">rock</mark> &lt;b&gt;by&lt;/b&gt; the sea." in hit for hit in hits)
    assert len(found(at, "grips roc")) == 1
    assert found(at, "rock storm") == []
    for strange in ['"', "a AND", "*", "(", "-", "body:", "NEAR(", "^", "'"]:
        found(at, strange)
    assert sorted(path.name for path in tmp_path.iterdir() if "jobs.db" not in path.name) == [
        "snapshots",
        "staging",
        "uploads",
    ]
    assert list((tmp_path / "uploads").iterdir()) == []


def test_what_is_published_last_is_searched() -> None:
    at = opened()
    ingest(at, **{"a.txt": "first"})
    ingest(at, **{"a.txt": "second"})
    assert "Snapshot 2" in at.caption[0].value
    assert len(found(at, "second")) == 1
    assert found(at, "first") == []


def test_names_of_files_lead_nowhere_and_hide_nothing(tmp_path: Path) -> None:
    at = opened()
    given = [(name, b"tide", "text/plain") for name in ("../../up.txt", "/etc/a.txt", "a.txt")]
    at.file_uploader[0].set_value([*given, given[-1]])
    at.sidebar.button[0].click().run()
    until(at, lambda: "succeeded" in texts(at))
    names = {hit.partition(">")[2].partition("<")[0] for hit in found(at, "tide")}
    assert names == {"up.txt", "etc/a.txt", "a.txt", "a_.txt"}
    assert not list(tmp_path.parent.glob("up.txt"))


def test_a_new_session_finds_the_job_that_runs(tmp_path: Path) -> None:
    jobs = job_manager(tmp_path)
    jobs.handler("ingest")(waiter)
    job = jobs.submit("ingest", {"percent": 42, "upload": "none"})
    at = opened()
    until(at, lambda: "running" in texts(at))
    assert at.session_state.job == job.id
    at.sidebar.button(key=f"holdfast_cancel_{job.id}").click().run()
    assert jobs.wait(job.id, DEADLINE).state is JobState.CANCELLED


def test_starting_without_documents_says_what_is_missing() -> None:
    at = opened()
    at.sidebar.button[0].click().run()
    assert at.warning[0].value == "Choose some documents first."


def test_its_handler_runs_nothing_of_streamlit() -> None:
    with streamlit_in_workers() as called:
        ingest(opened(), **{"a.txt": "tide"})
    assert called == set()
    assert streamlit_in_handlers(DOCUMENTS.read_text()) == set()


def test_a_handler_that_runs_streamlit_is_noticed(tmp_path: Path) -> None:
    page = DOCUMENTS.read_text()
    for line in ("st.write(1)", "job_panel(1, 2)", "from streamlit import write; write(1)"):
        # In what the handler calls, and in what that calls.
        for place in ("    count = index(", "    text = path.read_text("):
            assert streamlit_in_handlers(page.replace(place, f"    {line}\n{place}"))
    with streamlit_in_workers() as called:
        jobs = job_manager(tmp_path)

        @jobs.handler("write")
        def write(ctx: JobContext, payload: None) -> None:
            import streamlit as st

            st.session_state.get("owner")

        jobs.wait(jobs.submit("write").id, DEADLINE)
    assert called


def test_no_other_module_knows_streamlit() -> None:
    for module in PACKAGE.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(module.read_text())))
        names = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
        names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
        knows = any(name.partition(".")[0] == "streamlit" for name in names)
        assert knows == (module == PACKAGE / "streamlit.py"), module
