"""The walk over a folder: which files it finds, what it tells of them, and how it ends."""

import gc
import hashlib
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import Error, PathError, ProgrammingError
from holdfast.walk import Walk, read_markdown
from markdown_files import settle, write
from processes import run


def empty(root: Path, names: str) -> Path:
    return write(root, dict.fromkeys(names.split(), ""))


def found(root: Path, **options: Any) -> set[str]:
    """The paths that a walk finds; none may be a problem."""
    with Walk(root, **options) as walk:
        files = [each for batch in walk for each in batch]
        assert walk.summary().scanned == len(files) and walk.progress() == (len(files), 0)
    assert [each.error for each in files if each.error] == []
    return {each.path for each in files}


def test_markdown_is_found_at_any_depth(tmp_path: Path) -> None:
    deep = "/".join(["d"] * 60) + "/deep.md"
    empty(tmp_path, f"a.md d/b.md {deep} c.txt md d.mdx E.MD")
    assert found(tmp_path) == {"a.md", "d/b.md", deep}
    assert found(tmp_path, patterns=["*.md", "*.MD"]) == {"a.md", "d/b.md", deep, "E.MD"}


def test_ignore_files_leave_files_out(tmp_path: Path) -> None:
    names = "a.md b.md keep/b.md build/x.md d/build/x.md d/one.md d/two.md d/e/two.md ignored.md"
    empty(tmp_path, f"{names} logs/x.md logs/keep.md nested/.git/x.md")
    write(tmp_path, {".gitignore": "b.md\n!keep/b.md\nbuild/\n# two.md\n/logs/*\n!/logs/keep.md\n"})
    write(tmp_path, {"d/.gitignore": "two.md\n", ".ignore": "ignored.md\n"})
    every = {"a.md", "keep/b.md", "d/one.md", "logs/keep.md"}
    assert found(tmp_path) == every
    assert found(tmp_path, gitignore=False) == every | {
        "b.md", "build/x.md", "d/build/x.md", "d/two.md", "d/e/two.md", "logs/x.md", "ignored.md",
    }  # fmt: skip


def test_what_lies_above_the_root_does_not_leave_files_out(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "*\n", "root/a.md": "", "root/b.md": ""})
    assert found(tmp_path / "root") == {"a.md", "b.md"}


def test_hidden_files_are_found_when_asked_for(tmp_path: Path) -> None:
    empty(tmp_path, "a.md .b.md .c/d.md .git/e.md f/.g/h.md")
    assert found(tmp_path) == {"a.md"}
    assert found(tmp_path, hidden=True) == {"a.md", ".b.md", ".c/d.md", "f/.g/h.md"}
    assert found(empty(tmp_path / ".c", "x.md")) == {"d.md", "x.md"}


@pytest.mark.parametrize(
    ("patterns", "paths"),
    [
        (["*.md", "!x.md"], {"a.md", "d/a.md", "d/e/a.md"}),
        (["*.md", "!d/"], {"a.md", "x.md", "d/a.md", "d/x.md", "d/e/a.md"}),
        (["*.md", "!d/**"], {"a.md", "x.md"}),
        (["*.md", "!/d/*.md"], {"a.md", "x.md", "d/e/a.md"}),
        (["/d/**/*.md"], {"d/a.md", "d/x.md", "d/e/a.md"}),
        (["/*.md"], {"a.md", "x.md"}),
        (["!*.md"], set()),
        (["!x.md", "*.md"], {"a.md", "x.md", "d/a.md", "d/x.md", "d/e/a.md"}),
        (["a.*"], {"a.md", "d/a.md", "d/e/a.md"}),
        ([], set()),
    ],
)
def test_the_last_pattern_that_matches_decides(
    tmp_path: Path, patterns: list[str], paths: set[str]
) -> None:
    empty(tmp_path, "a.md x.md d/a.md d/x.md d/e/a.md b.txt")
    assert found(tmp_path, patterns=patterns) == paths


def test_a_wrong_line_of_an_ignore_file_is_passed_by_and_the_others_count(tmp_path: Path) -> None:
    write(tmp_path, {"d/.gitignore": "[z-a]\nb.md\n", "d/a.md": "", "d/b.md": "", "c.md": ""})
    with Walk(tmp_path, known=[("d/gone.md", 1, 1, 1)]) as walk:
        files = {each.path: each.error for batch in walk for each in batch}
        assert files == {"d/a.md": None, "c.md": None}
        assert walk.summary().missing == ["d/gone.md"]


def test_a_file_is_told_of_as_it_is(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf---\r\ntags: [a]\r\n---\r\n# H\xc3\xa9\r\ntext\r\n"
    write(tmp_path, {"a.md": data})
    with Walk(tmp_path) as walk:
        (file,) = [each for batch in walk for each in batch]
    status = (tmp_path / "a.md").stat()
    assert file.hash == hashlib.sha256(data).hexdigest()
    assert file.metadata == {"tags": ["a"]} and file.yaml is None and file.heading == "Hé"
    assert file.body == "# Hé\ntext".encode()
    assert file.stamp is not None
    assert file.stamp[:3] == (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    assert file == read_markdown(tmp_path, "a.md") or file.stamp.settled is False


def test_known_files_are_passed_by(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "a", "b.md": "b", "d/c.md": "c"})
    settle(tmp_path)
    with Walk(tmp_path) as walk:
        stamps = {each.path: each.stamp for batch in walk for each in batch}
    assert all(stamp is not None and stamp.settled for stamp in stamps.values())
    known = [(path, *stamp[:3]) for path, stamp in stamps.items() if stamp]
    (tmp_path / "a.md").unlink()
    write(tmp_path, {"b.md": "c"})
    with Walk(tmp_path, known=known) as walk:
        assert [each.path for batch in walk for each in batch] == ["b.md"]
        assert walk.summary() == (2, 1, ["a.md"])


@pytest.mark.parametrize(
    "path",
    [
        "../x.md",
        "/etc/passwd",
        "",
        ".",
        "d/../a.md",
        "d",
        "nowhere.md",
        "a\0.md",
        "link.md",
        "to/x.md",
    ],
)
def test_only_regular_files_below_the_root_are_read(tmp_path: Path, path: str) -> None:
    root = write(tmp_path / "root", {"a.md": "", "d/b.md": ""})
    write(tmp_path, {"x.md": "secret"})
    (root / "link.md").symlink_to("../x.md")
    (root / "to").symlink_to("..")
    with pytest.raises(Error) as caught:
        read_markdown(root, path)
    assert str(tmp_path) not in str(caught.value)


def test_a_file_larger_than_allowed_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("12345")
    assert read_markdown(tmp_path, "a.md", max_size=5).body == b"12345"
    with pytest.raises(PathError, match="max_size"):
        read_markdown(tmp_path, "a.md", max_size=4)


def test_a_walk_ends_whenever_it_is_left(tmp_path: Path) -> None:
    write(tmp_path, {f"d{n % 10}/{n}.md": "x" * 30_000 for n in range(2000)})
    threads = Path("/proc/self/task")
    count = len(list(threads.iterdir()))
    for _ in range(5):
        with Walk(tmp_path) as walk:
            next(iter(walk))
            with pytest.raises(ValueError, match="not ended"):
                walk.summary()
        with pytest.raises(ProgrammingError, match="closed"):
            next(iter(walk))
        Walk(tmp_path)
        dropped = iter(Walk(tmp_path))
        next(dropped)
        del dropped
        gc.collect()
    assert len(list(threads.iterdir())) == count


_FORK = """
import faulthandler, os, sys
from holdfast.errors import ForkError
from holdfast.walk import Walk
with Walk(sys.argv[1]) as walk:
    pid = os.fork()
    if pid == 0:
        faulthandler.dump_traceback_later(10, exit=True)
        try:
            list(walk)
        except ForkError:
            walk.close()
            with Walk(sys.argv[1]) as mine:
                os._exit(sum(map(len, mine)) != 500)
        os._exit(2)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), sum(map(len, walk)))
"""


def test_a_walk_does_not_go_on_in_a_forked_child(tmp_path: Path) -> None:
    write(tmp_path, {f"{n}.md": "x" * 30_000 for n in range(500)})
    assert run(_FORK, tmp_path) == ["0 500"]


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": ""})
    for root in (tmp_path / "a.md", tmp_path / "nowhere"):
        with pytest.raises(PathError):
            Walk(root)
    with pytest.raises(Error, match="glob"):
        Walk(tmp_path, patterns=["[z-a]"])
