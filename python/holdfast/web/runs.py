"""Endpoints about runs of agents."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from ..runs import Run, mismatches, unmapped
from ..runs import specs as specs_of
from ..runs import status as status_of
from ..runs.overview import has_old_tables
from .answers import Answer, ready
from .artifacts import FARTHEST
from .documents import Documents
from .jobs import LARGEST, LEAST, Limit, aware
from .mismatches import shown
from .problems import Refused
from .service import Service

Name = Annotated[str | None, Query(max_length=1000)]
Id = Annotated[int, Path(ge=LEAST, le=LARGEST)]
Offset = Annotated[int, Query(ge=0, le=FARTHEST)]
#: Runs of the same stage that are told with one of them.
SAME = 20


def add(router: APIRouter, service: Service) -> None:
    """Add the endpoints."""

    @router.get("/api/v1/runs")
    def runs(
        spec_id: Name = None,
        stage: Name = None,
        agent_name: Name = None,
        consensus_ok: bool | None = None,
        degraded: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: Limit = 50,
        offset: Offset = 0,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Response:
        """List runs under filters, the newest first, a page at a time, without their texts."""
        with _checked(service):
            page = service.runs.query(
                spec_id=spec_id or None,
                stage=stage or None,
                agent_name=agent_name or None,
                consensus_ok=consensus_ok,
                degraded=degraded,
                since=aware(since),
                until=aware(until),
                limit=limit,
                offset=offset,
                cursor=cursor or None,
            )
        return Answer({**page._asdict(), "items": [_row(run) for run in page.items]})

    @router.get("/api/v1/runs/stats")
    def stats() -> Response:
        """Count runs and outputs; `old_tables` tells whether there are those of the old schema."""
        found = service.runs.stats()
        return Answer({**found._asdict(), "old_tables": has_old_tables(service.runs.db)})

    @router.get("/api/v1/runs/specs")
    def specs(q: Name = None, limit: Limit = 50, offset: Offset = 0) -> Response:
        """List specs, each with its stages and the newest run of each."""
        return Answer(specs_of(service.runs.db, text=q or None, limit=limit, offset=offset))

    @router.get("/api/v1/runs/mismatches")
    def differences(
        resolved: bool = False,
        limit: Limit = 50,
        cursor: Annotated[int | None, Query(ge=LEAST, le=LARGEST)] = None,
    ) -> Response:
        """List what the old schema and the new one do not agree on, the newest first."""
        db = service.runs.db
        page = mismatches.read(db, resolved=resolved, limit=limit, cursor=cursor)
        items = [shown(each) for each in page.items]
        return Answer({"items": items, "open": mismatches.count(db), "cursor": page.cursor})

    @router.get("/api/v1/runs/status")
    def status() -> Response:
        """Tell how far the file has come from the old schema to the new one."""
        db = service.runs.db
        return Answer({**status_of(db)._asdict(), "unmapped": unmapped(db)})

    @router.get("/api/v1/runs/{run_id}")
    def run(run_id: Id) -> Response:
        """Show a run with its texts, as they are and rendered, and other runs of its stage."""
        found = service.runs.get(run_id)
        same = service.runs.query(spec_id=found.spec_id, stage=found.stage, limit=SAME)
        texts = Documents()
        return Answer(
            {
                **_row(found),
                "synthesis": texts.made(found.synthesis_json),
                "outputs": [
                    {
                        **ready(output),
                        "content": texts.made(output.content),
                        "response_text": texts.made(output.response_text),
                    }
                    for output in found.outputs
                ],
                "same": [_row(each) for each in same.items],
                "same_total": same.total,
            }
        )

    @router.get("/api/v1/runs/{run_id}/outputs/{output_id}")
    def output(run_id: Id, output_id: Id) -> Response:
        """Show an output with its whole text."""
        for each in service.runs.get(run_id).outputs:
            if each.id == output_id:
                return Answer(each)
        raise Refused(404, f"run {run_id} has no output {output_id}")


def _row(run: Run) -> dict[str, Any]:
    """A run without its texts."""
    found = ready(run)
    del found["synthesis_json"], found["outputs"]
    return {**found, "has_synthesis": run.synthesis_json is not None}


@contextmanager
def _checked(service: Service) -> Generator[None]:
    try:
        yield
    except ValueError as error:
        raise Refused(422, service.hide(str(error))) from error
