"""The page of the dashboard and its files."""

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import httpx
import pytest

import holdfast
from web_apps import below, dashboard, problem, served


@pytest.fixture
def web(db: holdfast.Database) -> Iterator[httpx.Client]:
    with dashboard(db) as client:
        yield client


def test_the_page_knows_where_it_is_and_how_to_write(db: holdfast.Database) -> None:
    for prefix, base in (("", "/"), ("/state", "/state/"), ("/a/b", "/a/b/")):
        with served(below(prefix, db)) as web:
            page = web.get(f"{prefix}/").raise_for_status()
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert f'<meta name="holdfast-base" content="{base}">' in page.text
            assert '<meta name="holdfast-token" content="token-of-the-tests">' in page.text
            assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("taken_away", [True, False])
def test_the_page_knows_where_it_is_behind_a_proxy(db: holdfast.Database, taken_away: bool) -> None:
    with served(below("/state", db), root_path="/proxy" if taken_away else "") as web:
        base = "/proxy/state/" if taken_away else "/state/"
        assert f'content="{base}"' in web.get("/state/").text


def test_an_app_that_knows_its_root_path_too(db: holdfast.Database) -> None:
    made = below("/state", db)
    made.root_path = "/proxy"
    with served(made) as web:
        assert 'content="/proxy/state/"' in web.get("/state/").text


def test_files_are_kept_by_browsers_until_they_change(web: httpx.Client) -> None:
    page = web.get("/").text
    names = set(re.findall(r'(?:src|href)="static/([^"]+)"', page))
    assert names
    for name in names:
        found = web.get(f"/static/{name}").raise_for_status()
        tag = found.headers["etag"]
        assert found.headers["cache-control"] == "no-cache"
        assert found.headers["content-type"].split("/")[0] in ("text", "image", "font")
        again = web.get(f"/static/{name}", headers={"If-None-Match": f'W/{tag}, "x"'})
        assert (again.status_code, again.content) == (304, b"")
        assert web.head(f"/static/{name}").status_code == 200


@pytest.mark.parametrize(
    "name",
    ["nothing.js", "dashboard.html", "..%2Fapp.py", "%2e%2e%2fapp.py", "__init__.py", "%00"],
)
def test_there_are_no_other_files(web: httpx.Client, name: str) -> None:
    problem(web.get(f"/static/{name}"), 404)


def test_without_its_slash_the_page_is_found_too(db: holdfast.Database) -> None:
    with served(below("/state", db)) as web:
        found = web.get("/state", follow_redirects=True).raise_for_status()
        assert found.url.path == "/state/"


def test_every_file_of_the_dashboard_is_served(web: httpx.Client) -> None:
    folder = Path(str(resources.files("holdfast.web"))) / "static"
    names = {file.name for file in folder.iterdir()} - {"dashboard.html"}
    assert {web.get(f"/static/{name}").status_code for name in names} == {200}
    problem(web.get("/static/dashboard.html"), 404)
