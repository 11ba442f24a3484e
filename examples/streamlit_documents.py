"""Ingest documents in the background, and search them meanwhile.

    pip install "holdfast[streamlit]"
    streamlit run examples/streamlit_documents.py

Files are saved first; a job reads and indexes them and publishes a directory with the originals and
the index at once, or not at all. Everything is kept in ./documents, or in $HOLDFAST_DOCUMENTS.
"""

import html
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

import holdfast
from holdfast.jobs import JobContext, JobManager
from holdfast.streamlit import job_manager, job_panel

DATA = Path(os.environ.get("HOLDFAST_DOCUMENTS", "documents"))
UPLOADS = DATA / "uploads"
TYPES = ["txt", "md", "rst", "csv", "html", "htm"]
BLOCKS = ("article", "div", "h1", "h2", "h3", "h4", "li", "p", "pre", "section", "title", "tr")
INDEX = "index.db"
ACTIVE, STOPPED = ("queued", "running"), ("failed", "cancelled", "interrupted")


# What runs in a worker thread. It knows nothing of Streamlit: it tells how far it is by `ctx`.


def ingest(ctx: JobContext, payload: dict[str, Any]) -> dict[str, int]:
    """Index the files of an upload, and publish them."""
    upload = UPLOADS / payload["upload"]
    files = sorted(path for path in upload.rglob("*") if path.is_file())
    count = index(ctx, upload, files)
    ctx.report(100, "publishing", f"{count:,} passages")
    snapshot = ctx.publish("documents")
    shutil.rmtree(upload, ignore_errors=True)
    return {"snapshot": snapshot.id, "files": len(files), "passages": count}


def index(ctx: JobContext, upload: Path, files: list[Path]) -> int:
    """Copy files into the workspace, and their passages into an index beside them."""
    count = 0
    with holdfast.open(ctx.path(INDEX)) as db:
        db.execute("create virtual table passage using fts5(file unindexed, body)")
        for done, path in enumerate(files):
            name = path.relative_to(upload).as_posix()
            ctx.report(100 * done / len(files), "indexing", name)
            shutil.copyfile(path, ctx.path(f"files/{name}"))
            rows = []
            for body in passages(path):
                ctx.check()
                rows.append((name, body))
            db.execute_many("insert into passage(file, body) values (?, ?)", rows)
            count += len(rows)
    return count


def passages(path: Path) -> Iterator[str]:
    """The paragraphs of a file."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix.lower() in (".html", ".htm"):
        parser = Paragraphs()
        parser.feed(text)
        text = "".join(parser.parts)
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph := " ".join(paragraph.split()):
            yield paragraph


class Paragraphs(HTMLParser):
    """The text of a page, with blank lines between its blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.hidden = False

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.hidden = tag in ("script", "style")
        if tag in BLOCKS:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        self.handle_starttag(tag, None)
        self.hidden = False

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


# The page.


def save(jobs: JobManager, files: list[UploadedFile]) -> str:
    """Keep an upload where the job finds it, also after a restart, and return its id."""
    for job in jobs.list(kind="ingest", state=STOPPED).items:
        shutil.rmtree(UPLOADS / job.payload["upload"], ignore_errors=True)
    upload = uuid.uuid4().hex
    for file in files:
        # A browser can send any name: none leads out of the directory.
        parts = [part for part in PurePosixPath(file.name).parts if part not in ("/", "..")]
        path = UPLOADS.joinpath(upload, *parts)
        while path.exists():
            path = path.with_stem(path.stem + "_")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.getbuffer())
    return upload


def add(jobs: JobManager) -> None:
    """Choose files, start a job, and follow it."""
    st.header("Add documents")
    folder = st.segmented_control(
        "From", ["Files", "Folder"], default="Files", label_visibility="collapsed"
    )
    with st.form("add", clear_on_submit=True, border=False):
        files = st.file_uploader(
            "Text, Markdown, CSV or HTML",
            type=TYPES,
            accept_multiple_files="directory" if folder == "Folder" else True,
        )
        start = st.form_submit_button("Ingest", type="primary", width="stretch")
    if start and files:
        job = jobs.submit("ingest", {"upload": save(jobs, files)}, owner=st.session_state.owner)
        st.session_state.job = job.id
    elif start:
        st.warning("Choose some documents first.")
    if st.session_state.job is not None:
        job_panel(jobs, st.session_state.job)


MARK = '<mark style="background: rgba(255, 196, 0, .35); color: inherit; border-radius: .2em">'
# Control characters mark the words that were found: what the documents say is escaped after that.
FIND = """
select file, snippet(passage, 1, char(1), char(2), '…', 32) from passage
where passage match ? order by rank limit 20
"""


def terms(query: str) -> str:
    """Return the FTS5 query for passages with words that begin as all of these."""
    return " ".join('"' + word.replace('"', '""') + '"*' for word in query.split())


def search(jobs: JobManager) -> None:
    """Search what was published last."""
    st.title("Documents")
    query = st.text_input(
        "Search",
        placeholder="Search the documents",
        icon=":material/search:",
        label_visibility="collapsed",
    )
    with jobs.pinned("documents") as snapshot:
        if snapshot is None:
            st.info("Nothing to search yet: add some documents.", icon=":material/upload_file:")
            return
        with holdfast.open(snapshot.path / INDEX, read_only=True) as db:
            total = db.fetch_value("select max(rowid) from passage") or 0
            hits = db.fetch_all(FIND, [terms(query)]) if terms(query) else []
    st.caption(
        f"Snapshot {snapshot.id} of {snapshot.created_at:%d %B %Y, %H:%M} UTC · "
        f"{snapshot.files - 1:,} files · {total:,} passages"
    )
    if query and not hits:
        st.info("No passage has all of these words.", icon=":material/search_off:")
    for name, snippet in hits:
        marked = html.escape(snippet).replace("\1", MARK).replace("\2", "</mark>")
        with st.container(border=True):
            st.html(f"<small style='opacity: .6'>{html.escape(name)}</small><br>{marked}")


st.set_page_config("Documents", "📚", initial_sidebar_state="expanded")
jobs = job_manager(DATA)
jobs.handler("ingest")(ingest)

if "owner" not in st.session_state:
    st.session_state.owner = uuid.uuid4().hex
    # The browser was loaded anew, perhaps: a job that runs is found again.
    running = jobs.list(kind="ingest", state=ACTIVE, limit=1).items
    st.session_state.job = running[0].id if running else None

with st.sidebar:
    add(jobs)
search(jobs)
