"""The settings of a history, from the environment and `.env`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.history import HistorySettings, InvalidSettingsError

DEFAULTS = {
    "enabled": True,
    "db_path": Path("prompt_history.db"),
    "pool_size": 10,
    "retention_days": 30.0,
    "max_records": None,
    "max_bytes": None,
    "auto_cleanup": True,
    "async_enabled": True,
    "wal_mode": True,
    "breaker_failures": 5,
    "breaker_seconds": 60.0,
}
GIVEN = {
    "SQLITE_ENABLED": "false",
    "SQLITE_DB_PATH": "data/prompts.db",
    "SQLITE_POOL_SIZE": "3",
    "SQLITE_RETENTION_DAYS": "7.5",
    "SQLITE_MAX_RECORDS": "1000",
    "SQLITE_MAX_BYTES": "1000000",
    "SQLITE_AUTO_CLEANUP": "no",
    "SQLITE_ASYNC_ENABLED": "0",
    "SQLITE_WAL_MODE": "off",
    "SQLITE_BREAKER_FAILURES": "2",
    "SQLITE_BREAKER_SECONDS": "0.5",
}
READ = {
    "enabled": False,
    "db_path": Path("data/prompts.db"),
    "pool_size": 3,
    "retention_days": 7.5,
    "max_records": 1000,
    "max_bytes": 1_000_000,
    "auto_cleanup": False,
    "async_enabled": False,
    "wal_mode": False,
    "breaker_failures": 2,
    "breaker_seconds": 0.5,
}


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in GIVEN:
        monkeypatch.delenv(name, raising=False)


def test_the_defaults() -> None:
    assert HistorySettings().model_dump() == DEFAULTS


def test_each_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    assert HistorySettings().model_dump() == READ


def test_each_comes_from_a_file_whose_other_lines_do_not_matter() -> None:
    lines = [f"{name}={value}" for name, value in GIVEN.items()]
    Path(".env").write_text("\n".join(["OPENAI_API_KEY=none", "# a comment", *lines]))
    assert HistorySettings().model_dump() == READ


def test_the_environment_comes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("SQLITE_POOL_SIZE=3\nSQLITE_RETENTION_DAYS=7\n")
    monkeypatch.setenv("SQLITE_POOL_SIZE", "4")
    found = HistorySettings()
    assert (found.pool_size, found.retention_days) == (4, 7)
    assert HistorySettings(pool_size=5).pool_size == 5


def test_what_is_empty_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GIVEN:
        monkeypatch.setenv(name, "")
    assert HistorySettings().model_dump() == DEFAULTS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SQLITE_ENABLED", "maybe"),
        ("SQLITE_DB_PATH", "."),
        ("SQLITE_DB_PATH", "file:history.db?mode=ro"),
        ("SQLITE_DB_PATH", "~nobody-of-this-name/history.db"),
        ("SQLITE_POOL_SIZE", "ten"),
        ("SQLITE_POOL_SIZE", "0"),
        ("SQLITE_POOL_SIZE", "1001"),
        ("SQLITE_RETENTION_DAYS", "0"),
        ("SQLITE_RETENTION_DAYS", "-1"),
        ("SQLITE_RETENTION_DAYS", "inf"),
        ("SQLITE_RETENTION_DAYS", "nan"),
        ("SQLITE_RETENTION_DAYS", "1e9"),
        ("SQLITE_MAX_RECORDS", "0"),
        ("SQLITE_MAX_BYTES", "1.5"),
        ("SQLITE_AUTO_CLEANUP", "sometimes"),
        ("SQLITE_ASYNC_ENABLED", "2"),
        ("SQLITE_WAL_MODE", "delete"),
        ("SQLITE_BREAKER_FAILURES", "0"),
        ("SQLITE_BREAKER_SECONDS", "0"),
        ("SQLITE_BREAKER_SECONDS", "inf"),
    ],
)
def test_a_wrong_value_is_told_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettingsError) as raised:
        HistorySettings()
    assert str(raised.value).startswith(f"{name} is {value!r}: ")


def test_all_wrong_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("SQLITE_POOL_SIZE=many\n")
    monkeypatch.setenv("SQLITE_WAL_MODE", "perhaps")
    with pytest.raises(ValueError, match=r"SQLITE_POOL_SIZE is 'many': .*; SQLITE_WAL_MODE is "):
        HistorySettings()


@pytest.mark.parametrize("name", [".env", "other.env"])
def test_a_file_that_is_no_utf_8_is_told_by_its_name(name: str) -> None:
    Path(name).write_bytes(b"# caf\xe9\nSQLITE_POOL_SIZE=5\n")
    with pytest.raises(InvalidSettingsError) as raised:
        HistorySettings(**{} if name == ".env" else {"_env_file": name})
    assert str(raised.value) == f"{name} cannot be read: its byte 6 is no UTF-8"


def test_a_keyword_that_is_no_setting_is_refused() -> None:
    with pytest.raises(InvalidSettingsError, match="there is no setting polsize"):
        HistorySettings(polsize=3)


def test_settings_do_not_change() -> None:
    settings = HistorySettings()
    with pytest.raises(ValueError, match="frozen"):
        settings.pool_size = 3  # pyright: ignore[reportAttributeAccessIssue]


def test_importing_the_history_brings_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); import holdfast.history; "
        "brought = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(brought - sys.stdlib_module_names - {'holdfast'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "package"), [("HistorySettings", "pydantic_settings"), ("lifespan", "fastapi")]
)
def test_what_is_missing_is_told_with_its_extra(name: str, package: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; import holdfast.history\n"
        f"try: holdfast.history.{name}\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f'{package}: pip install "holdfast[history' in done.stdout
