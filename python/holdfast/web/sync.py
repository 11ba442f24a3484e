"""The sync of the index, as a job."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from ..artifacts import ArtifactError, ArtifactIndex, SyncResult
from ..jobs import JobContext, JobManager
from .answers import Answer
from .job_rows import row
from .pages import base_of
from .service import Service

KIND = "holdfast.artifacts.sync"
#: Problems that the result of a job names; all are in the index.
NAMED = 20

PATH = "/api/v1/database/sync"


class SyncRequest(BaseModel):
    """How to sync."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["incremental", "full"] = "incremental"
    dry_run: bool = False


def add(router: APIRouter, service: Service) -> None:
    """Add the endpoint."""

    @router.post(PATH, status_code=202)
    def sync(request: Request, wanted: SyncRequest | None = None) -> Response:
        """Queue a sync of the index; while one waits or runs, that one is returned."""
        index, jobs = service.index, service.workers
        register(jobs, index)
        wanted = wanted or SyncRequest()
        payload = {"mode": wanted.mode, "dry_run": wanted.dry_run, "root": root_of(index)}
        job = jobs.submit(KIND, payload, dedupe_key=root_of(index))
        location = f"{base_of(request, PATH)}api/v1/jobs/{job.id}"
        return Answer(service.hide(row(job)), 202, {"Location": location})


def root_of(index: ArtifactIndex) -> str:
    """What stands for the directory of an index, without telling which it is."""
    return hashlib.sha256(str(index.root).encode(errors="surrogateescape")).hexdigest()[:16]


def register(jobs: JobManager, index: ArtifactIndex) -> None:
    """Have the jobs of a manager run the syncs of an index."""

    def sync(ctx: JobContext, payload: Any) -> dict[str, Any]:
        if payload["root"] != root_of(index):
            raise ArtifactError("this process has the artifacts of another directory")
        percent = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal percent
            ctx.check()
            if total:
                # How many there are is only known at the end of the walk.
                percent = max(percent, min(99.0, 100 * done / total))
            ctx.report(percent, "sync", f"{done} of {total} files")

        result = index.sync(payload["mode"], dry_run=payload["dry_run"], progress=progress)
        ctx.report(100, "done", str(result))
        return small(result)

    jobs.handler(KIND)(sync)


def small(result: SyncResult) -> dict[str, Any]:
    """Make the result of a sync small enough to be kept beside its job."""
    found = result._asdict()
    del found["changes"]
    found["errors"] = result.errors
    found["summary"] = str(result)
    found["duplicates"] = len(result.duplicates)
    found["problems"] = [
        {"path": problem.path[-200:], "error": problem.error[:200]}
        for problem in result.problems[:NAMED]
    ]
    return found
