"""Who may ask for what."""

import re
from collections.abc import Iterator

import httpx
import pytest

import holdfast
from holdfast.web import app, router
from web_apps import ROUTES, TOKEN, WRITES, dashboard, problem, served

FOREIGN_HOSTS = [
    "evil.example",
    "localhost.evil.example",
    "evil.example:8765",
    "127.0.0.1.evil.example",
    "localhost@evil.example",
    "evil.example/localhost",
    "localhost:80:80",
    "localhost:99999",
    "localhost:",
    "[::2]",
    "[::1",
    "::1",
    "127.0.0.2",
    "0.0.0.0",
    "*",
    "",
]
FOREIGN_ORIGINS = [
    "http://evil.example",
    "null",
    "http://127.0.0.1",
    "http://127.0.0.1.evil.example",
    "http://localhost",
    "file://",
    "http://",
    "x",
    "",
]


@pytest.fixture
def web(db: holdfast.Database) -> Iterator[httpx.Client]:
    with dashboard(db) as client:
        yield client


def test_there_are_routes_that_write() -> None:
    assert len(WRITES) >= 5
    assert {method for method, _ in ROUTES} == {"GET", "HEAD", "POST", "DELETE"}


@pytest.mark.parametrize(("method", "url"), ROUTES)
def test_a_foreign_host_is_refused_everywhere(web: httpx.Client, method: str, url: str) -> None:
    for host in FOREIGN_HOSTS:
        found = web.request(method, url, headers={"Host": host})
        assert found.status_code == (421 if host else found.status_code), host
        assert found.status_code in (400, 421), host
        assert TOKEN not in found.text


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8765", "[::1]", "[0:0::1]:80"]
)
def test_its_own_hosts_are_served(web: httpx.Client, host: str) -> None:
    assert web.get("/health", headers={"Host": host}).status_code == 200


def test_an_app_names_its_hosts(db: holdfast.Database) -> None:
    with dashboard(db, allowed_hosts=["state.example", "::1"]) as web:
        assert web.get("/health", headers={"Host": "State.Example:443"}).status_code == 200
        problem(web.get("/health"), 421)


@pytest.mark.parametrize("hosts", [["*"], ["*.example"], ["a:80"], ["http://a"], [""], []])
def test_hosts_that_are_none_are_refused(db: holdfast.Database, hosts: list[str]) -> None:
    with pytest.raises(ValueError, match="allowed_hosts"):
        router(db, allowed_hosts=hosts)


def test_a_single_name_is_no_list_of_hosts(db: holdfast.Database) -> None:
    with pytest.raises(TypeError, match="allowed_hosts"):
        router(db, allowed_hosts="localhost")


@pytest.mark.parametrize(("method", "url"), WRITES)
def test_a_foreign_origin_is_refused(web: httpx.Client, method: str, url: str) -> None:
    for origin in FOREIGN_ORIGINS:
        found = web.request(method, url, headers={"Origin": origin})
        assert "Origin" in problem(found, 403)["detail"], origin
    for site in ("cross-site", "same-site", "x", ""):
        problem(web.request(method, url, headers={"Sec-Fetch-Site": site}), 403)


@pytest.mark.parametrize(("method", "url"), WRITES)
def test_a_wrong_token_is_refused(web: httpx.Client, method: str, url: str) -> None:
    for token in ("", "x", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper(), "\xe9"):
        headers = {"X-Holdfast-Token": token.encode("latin-1")}
        found = problem(web.request(method, url, headers=headers), 403)  # type: ignore[arg-type]
        # The page, which knows it by that name, says that the server has started anew.
        assert found["error"] == "TokenError"
    del web.headers["X-Holdfast-Token"]
    assert "X-Holdfast-Token" in problem(web.request(method, url), 403)["detail"]
    twice = [("X-Holdfast-Token", TOKEN), ("X-Holdfast-Token", TOKEN)]
    problem(web.request(method, url, headers=twice), 403)


def test_without_an_origin_the_browser_says_that_it_is_the_same_site(web: httpx.Client) -> None:
    del web.headers["Origin"]
    url = "/api/v1/database/vacuum"
    problem(web.post(url), 403)
    for site in ("same-origin", "none"):
        assert web.post(url, headers={"Sec-Fetch-Site": site}).status_code == 200


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("state.example", "https://state.example", 200),
        ("state.example", "http://state.example", 200),
        ("state.example:443", "https://state.example", 200),
        ("state.example:8443", "https://state.example:8443", 200),
        ("state.example:80", "https://state.example", 403),
        ("state.example", "https://state.example:8443", 403),
        ("state.example", "https://state.example/", 403),
        ("state.example", "ftp://state.example", 403),
    ],
)
def test_behind_a_proxy_that_ends_tls(
    db: holdfast.Database, host: str, origin: str, status: int
) -> None:
    with dashboard(db, allowed_hosts=["state.example"]) as web:
        headers = {"Host": host, "Origin": origin}
        assert web.post("/api/v1/database/vacuum", headers=headers).status_code == status


@pytest.mark.parametrize(("method", "url"), WRITES)
def test_read_only_refuses_to_write(db: holdfast.Database, method: str, url: str) -> None:
    with dashboard(db, read_only=True) as web:
        assert "read-only" in problem(web.request(method, url), 403)["detail"]
        page = web.get("/").text
        assert "holdfast-token" not in page and TOKEN not in page
        assert web.get("/api/v1/database/stats").json()["read_only"]


def test_a_token_is_made_for_each_run(db: holdfast.Database) -> None:
    tokens: set[str] = set()
    for _ in range(2):
        with served(app(db)) as web:
            found = re.search(r'name="holdfast-token" content="([\w-]{40,})"', web.get("/").text)
            assert found
            tokens.add(found[1])
            url, headers = "/api/v1/database/vacuum", {"X-Holdfast-Token": found[1]}
            assert web.post(url, headers=headers).status_code == 200
    assert len(tokens) == 2


@pytest.mark.parametrize("token", ["", "short", "with spaces in its middle", "t\u00f6ken" * 5])
def test_a_token_that_would_be_none_is_refused(db: holdfast.Database, token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        router(db, token=token)
