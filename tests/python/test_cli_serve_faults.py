"""What `holdfast serve` says when it cannot."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import holdfast
from command_line import failure
from command_line import holdfast as command
from handlers import WAIT


def test_read_only_makes_no_file(tmp_path: Path) -> None:
    failure(command("serve", tmp_path / "none.db", "--read-only", "--port", 0))
    assert not list(tmp_path.iterdir())


def test_read_only_without_an_index_says_what_to_do(tmp_path: Path) -> None:
    holdfast.open(tmp_path / "app.db").close()
    done = command("serve", tmp_path / "app.db", "--root", tmp_path, "--read-only", "--port", 0)
    assert "without --read-only" in failure(done)


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = command("serve", tmp_path / "app.db", "--port", port)
        assert f"port {port} of 127.0.0.1" in failure(done)
    assert not list(tmp_path.iterdir()), "nothing was made"


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_of_this_machine(tmp_path: Path, host: str) -> None:
    words = ["--host", host, "--allow-host", "state.example", "--port", 0]
    failure(command("serve", tmp_path / "app.db", *words))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", ""])
def test_others_may_only_connect_when_it_is_said_how(tmp_path: Path, host: str) -> None:
    done = command("serve", tmp_path / "app.db", "--host", host, "--port", 0)
    assert done.code == 2
    assert "--allow-host" in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["*", "*.example", "http://a", "a:80", ""])
def test_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    words = ["--host", "0.0.0.0", "--allow-host", name, "--port", 0]
    done = command("serve", tmp_path / "app.db", *words)
    assert done.code == 2
    assert "without port" in done.err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_there_is_not(tmp_path: Path) -> None:
    failure(command("serve", tmp_path / "app.db", "--root", tmp_path / "none", "--port", 0))


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_bytes(b"no database" * 1000)
    failure(command("serve", path, "--port", 0))


@pytest.mark.parametrize("missing", ["uvicorn", "fastapi", "markdown_it", "yaml"])
def test_a_missing_extra_is_one_line(tmp_path: Path, missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from holdfast.cli import main; main()"
    words = ["serve", str(tmp_path / "app.db"), "--root", str(tmp_path), "--port", "0"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=WAIT,
        env=os.environ,
    )
    assert done.returncode == 2, done
    assert done.stderr == f'error: serve needs {missing}: pip install "holdfast[web]"\n'
