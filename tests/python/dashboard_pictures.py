"""Takes the pictures of docs/web.md anew: `python tests/python/dashboard_pictures.py [FOLDER]`."""

import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import holdfast
import team_folder
from dashboard_pages import PHONE, browser, live
from holdfast.artifacts import ArtifactIndex
from holdfast.jobs import JobContext, JobManager
from web_apps import dashboard

PICTURES = Path(__file__).parents[2] / "docs" / "web"


def report(ctx: JobContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Goes as far as it is told, and waits there for its end."""
    ctx.report(payload.get("percent", 100), payload["phase"], payload["message"])
    if payload.get("fails"):
        raise ValueError(payload["fails"])
    while payload.get("waits") and not ctx.should_abort():
        time.sleep(0.05)
    ctx.check()
    return {"rows": 18_204, "file": "usage-2026-11.parquet"}


def fill(jobs: JobManager) -> None:
    for kind in ("usage.report", "thumbnails.render", "mail.digest", "search.reindex"):
        jobs.handler(kind)(report)
    jobs.handler("export.weekly", retries=0)(report)
    for number in range(9):
        done = {"phase": "written", "message": f"week {40 + number}: 18 204 rows"}
        kind = ("usage.report", "mail.digest", "thumbnails.render")[number % 3]
        jobs.wait(jobs.submit(kind, done, owner=("ada", "farid", None)[number % 3]).id)
    broken = {"phase": "upload", "message": "part 3", "percent": 61}
    broken["fails"] = "the bucket refused part 3: quota exceeded"
    jobs.wait(jobs.submit("export.weekly", broken, owner="ines").id)
    for number, (kind, message) in enumerate(
        [("thumbnails.render", "1 940 of 4 600 images"), ("search.reindex", "shard 7 of 9")]
    ):
        going = {"phase": "working", "message": message, "percent": 42 + 35 * number, "waits": True}
        jobs.submit(kind, going, owner="ada")
    jobs.submit("mail.digest", {"phase": "sent", "message": "to 312 people"}, owner="farid")


def traffic(db: holdfast.Database, ended: threading.Event) -> None:
    """Reads and writes, more and fewer."""
    chance, number = random.Random(3), 0
    while not ended.wait(0.02):
        number += 1
        for _ in range(chance.randint(0, 3 + number // 40 % 7)):
            db.execute("insert into reading(value) values (?)", [chance.random()])
            db.fetch_value("select count(*) from reading where id > ?", [number])


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, holdfast.open(Path(place, "team.db")) as db:
        root = Path(place, "docs")
        team_folder.write(root)
        db.execute("create table reading(id integer primary key, value)")
        db.execute("create table old(body)")
        db.execute_many("insert into old values (?)", [["x" * 4000]] * 600)
        db.execute("drop table old")
        index = ArtifactIndex(db, root)
        index.sync()
        ended = threading.Event()
        worker = threading.Thread(target=traffic, args=(db, ended), name="importer")
        worker.start()
        jobs = JobManager(db, workers=2)
        try:
            fill(jobs)
            with dashboard(db, index=index, jobs=jobs) as web:
                web.post("api/v1/database/backup")
                take(str(web.base_url), folder)
        finally:
            ended.set()
            worker.join()
            jobs.shutdown(cancel=True, timeout=10)
            index.close()


VIEWS = {
    "overview": ("#/", ".charts .value"),
    "artifacts": ("#/artifacts?type=plan&type=spec&q=customers+interface", "mark"),
    "reader": ("#/artifacts?status=active&id=3", ".prose h2"),
    "jobs": ("#/jobs?id=10", ".events li"),
}


def take(address: str, folder: Path) -> None:
    with browser() as chrome:
        for scheme in ("light", "dark"):
            for name, size in (("", {"width": 1280, "height": 800}), ("phone-", PHONE)):
                page = chrome.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")
                page.goto(address)
                live(page)
                if scheme == "light" and not name:
                    page.wait_for_timeout(25_000)  # A chart needs its time.
                for view, (hash_, ready) in VIEWS.items():
                    page.goto(address + hash_)
                    page.locator(ready).first.wait_for()
                    page.wait_for_timeout(600)
                    page.screenshot(path=folder / f"{name}{view}-{scheme}.png")
                page.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES)
