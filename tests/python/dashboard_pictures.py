"""Takes the pictures of docs/web.md anew: `python tests/python/dashboard_pictures.py [FOLDER]`."""

import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import holdfast
import prompt_records
import run_records
import team_folder
from dashboard_pages import PHONE, WIDE, browser, live
from holdfast.artifacts import ArtifactIndex
from holdfast.history import HoldfastRepository
from holdfast.jobs import JobContext, JobManager
from web_apps import dashboard

PICTURES = Path(__file__).parents[2] / "docs" / "web"


def report(ctx: JobContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Goes as far as it is told, and waits there for its end."""
    ctx.report(payload.get("percent", 100), payload["phase"], payload["message"])
    while payload.get("waits") and not ctx.should_abort():
        time.sleep(0.05)
    ctx.check()
    return {"rows": 18_204, "file": "usage-2026-11.parquet"}


def export(ctx: JobContext, payload: dict[str, Any]) -> None:
    """Fails on the way."""
    ctx.report(61, "upload", f"part 3 to {payload['bucket']}")
    raise OSError("the bucket refused part 3: quota exceeded")


def fill(jobs: JobManager) -> None:
    for kind in ("usage.report", "thumbnails.render", "mail.digest", "search.reindex"):
        jobs.handler(kind)(report)
    jobs.handler("export.weekly")(export)
    for number in range(9):
        done = {"phase": "written", "message": f"week {40 + number}: 18 204 rows"}
        kind = ("usage.report", "mail.digest", "thumbnails.render")[number % 3]
        jobs.wait(jobs.submit(kind, done, owner=("ada", "farid", None)[number % 3]).id)
    jobs.wait(jobs.submit("export.weekly", {"week": 47, "bucket": "exports"}, owner="ines").id)
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
        if chance.random() < 0.2:
            with db.transaction() as tx:
                tx.execute("delete from reading where id = ?", [number])
                time.sleep(chance.random() / 100)


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
        history = HoldfastRepository(db)
        history.save_many(prompt_records.records())
        runs = run_records.fill(db)
        ended = threading.Event()
        workers = [
            threading.Thread(target=traffic, args=(db, ended), name=name)
            for name in ("importer", "collector")
        ]
        for worker in workers:
            worker.start()
        jobs = JobManager(db, workers=2)
        try:
            fill(jobs)
            with dashboard(db, index=index, jobs=jobs, history=history, runs=runs) as web:
                web.get("api/v1/database/stats")
                web.post("api/v1/database/backup")
                take(str(web.base_url), folder)
        finally:
            ended.set()
            for worker in workers:
                worker.join()
            jobs.shutdown(cancel=True, timeout=10)
            index.close()


#: What each picture shows: the address, what must be there, colours, size.
VIEWS = {
    "overview": ("#/", ".charts .value", "light", WIDE),
    "artifacts": ("#/artifacts?type=plan&type=spec&q=customers", "mark", "light", WIDE),
    "reader": ("#/artifacts?status=active", ".prose h2", "light", WIDE),
    "jobs": ("#/jobs?id=10", ".events li", "dark", WIDE),
    "history": ("#/history?q=release", ".improved", "light", WIDE),
    "runs": ("#/runs", "a.cell", "light", WIDE),
    "run": ("#/runs", "article.output", "dark", WIDE),
    "phone": ("#/artifacts?q=latency", "mark", "dark", PHONE),
}

#: What is opened before a picture is taken, and which of them.
OPENED = {"reader": ("a.row", 1), "history": ("a.row", 1), "run": ("a.cell", 2)}
#: What is scrolled to.
SCROLLED = {"run": ".run .heading"}


def take(address: str, folder: Path) -> None:
    with browser() as chrome:
        time.sleep(40)  # A chart needs its time.
        for name, (place, ready, scheme, size) in VIEWS.items():
            page = chrome.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")
            page.goto(address + place)
            live(page)
            if name in OPENED:
                opener, number = OPENED[name]
                page.locator(opener).nth(number).click()
            page.locator(ready).first.wait_for()
            if name in SCROLLED:
                page.locator(SCROLLED[name]).evaluate("each => each.scrollIntoView()")
            page.wait_for_timeout(3000)
            page.mouse.move(0, 0)
            page.screenshot(path=folder / f"{name}.png")
            page.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES)
