"""Publishing in tests of jobs, and what is in a directory then."""

from pathlib import Path
from typing import Any

from handlers import WAIT
from holdfast.jobs import JobContext, JobManager, Snapshot


def files(folder: Path) -> list[str]:
    """Every file below a folder of the data directory."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def publish(jobs: JobManager, body: str, name: str = "documents") -> Snapshot:
    def work(ctx: JobContext, _: Any) -> int:
        ctx.path("a/b.txt").write_text(body)
        (ctx.workspace / "c.txt").write_text("c")
        return ctx.publish(name).id

    identifier = jobs.result(jobs.submit(work).id, WAIT)
    return next(each for each in jobs.snapshots() if each.id == identifier)
