"""The router: all endpoints around one database."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypedDict

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from ..artifacts import ArtifactIndex
from ..database import Database
from ..errors import Error
from ..history import History, PromptRepository
from ..jobs import JobReader
from ..runs import RunStore
from . import artifacts, database, events, metrics, pages, sync
from . import history as prompts
from . import jobs as job_pages
from . import runs as run_pages
from .problems import Refused
from .routes import route_class
from .security import LOCAL, Guard
from .service import Service
from .watcher import Watcher


class Settings(TypedDict, total=False):
    """What `router` and `app` take; `router` says what each means."""

    index: ArtifactIndex | None
    jobs: JobReader | None
    history: PromptRepository | History | None
    runs: RunStore | None
    allowed_hosts: Iterable[str]
    token: str | None
    read: Callable[..., Any] | None
    write: Callable[..., Any] | None
    read_only: bool
    backup_dir: str | os.PathLike[str] | None


def router(
    db: Database,
    *,
    index: ArtifactIndex | None = None,
    jobs: JobReader | None = None,
    history: PromptRepository | History | None = None,
    runs: RunStore | None = None,
    allowed_hosts: Iterable[str] = LOCAL,
    token: str | None = None,
    read: Callable[..., Any] | None = None,
    write: Callable[..., Any] | None = None,
    read_only: bool = False,
    backup_dir: str | os.PathLike[str] | None = None,
) -> APIRouter:
    """Make a router to include in an app, under any prefix.

    Args:
        db: An open database.
        index: Its artifacts, if it has some.
        jobs: Its jobs, if it has some; a JobManager to change them, one with workers to sync.
        history: A history of prompts: its repository, or a History, whose health is then told.
        runs: Its runs of agents, if it has some.
        allowed_hosts: The names, without port, by which the app is reached. Others are refused.
        token: What requests that write have in the header X-Holdfast-Token. The page has it;
            without one given, it is made anew at each start.
        read: A FastAPI dependency that raises for who may not look.
        write: One that raises for who may not change anything; it replaces the token.
        read_only: Refuse whatever would change something.
        backup_dir: Where backups are put; `backups` beside the database by default.

    >>> from fastapi import FastAPI
    >>> app = FastAPI()
    >>> app.include_router(router(db), prefix="/state")
    """
    service = Service(db, index, jobs, backup_dir, history=history, runs=runs, read_only=read_only)
    guard = Guard(allowed_hosts, token, read, write, read_only=read_only)
    watcher = Watcher(service)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncGenerator[None]:
        service.ending.clear()
        await run_in_threadpool(_take_up, service)
        yield
        await run_in_threadpool(watcher.end)

    made = APIRouter(
        route_class=route_class(guard, service.hide), lifespan=lifespan, tags=["holdfast"]
    )
    database.add(made, service, watcher)
    metrics.add(made, service)
    sync.add(made, service)
    artifacts.add(made, service)
    job_pages.add(made, service)
    prompts.add(made, service)
    run_pages.add(made, service)
    events.add(made, watcher)
    pages.add(made, service, guard)
    return made


def _take_up(service: Service) -> None:
    """Have syncs run that were queued before this start."""
    # One whose database fails now shows that it does.
    with suppress(Refused, Error):
        sync.register(service.workers, service.index)
