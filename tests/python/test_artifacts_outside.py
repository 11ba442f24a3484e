"""Nothing outside the root is read, and nothing in it can hang a sync or end it."""

import os
import socket
import stat
from pathlib import Path

import pytest

from holdfast.artifacts import ArtifactFileError, parse
from markdown_files import counts, everything, indexed, note, paths, titles, write

SECRET = "correct horse battery staple"


def secret(tmp_path: Path) -> Path:
    return write(tmp_path / "outside", {"secret.md": note(SECRET, SECRET)}) / "secret.md"


def in_file(tmp_path: Path) -> bool:
    """Whether the secret is in the database's files; they must not be open."""
    return any(
        SECRET.split()[-1].encode() in path.read_bytes() for path in tmp_path.glob("index.db*")
    )


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = secret(tmp_path)
    with indexed(tmp_path, {"a.md": "# A\n", "d/b.md": "# B\n"}) as (index, root, db):
        (root / "link.md").symlink_to(outside)
        (root / "folder").symlink_to(outside.parent)
        (root / "inner.md").symlink_to("a.md")
        (root / "loop").symlink_to(".")
        (root / "circle.md").symlink_to("circle.md")
        (root / "dangling.md").symlink_to("nowhere.md")
        (root / "up.md").symlink_to("../outside/secret.md")
        for mode in ("incremental", "full"):
            assert counts(index.sync(mode)) == (0, 0, 2, 0, 0)  # type: ignore[arg-type]
        assert paths(index) == {"a.md", "d/b.md"}
        assert SECRET not in str(everything(db)) and index.query(text="staple").total == 0
    assert not in_file(tmp_path)


def test_a_file_that_becomes_a_link_is_not_read(tmp_path: Path) -> None:
    outside = secret(tmp_path)
    with indexed(tmp_path, {"a.md": "# A\n", "d/b.md": "# B\n"}) as (index, root, _):
        number = {found.path: found.id for found in index.query().items}
        (root / "a.md").unlink()
        (root / "a.md").symlink_to(outside)
        (root / "d/b.md").unlink()
        (root / "d").rmdir()
        (root / "d").symlink_to(outside.parent)
        (outside.parent / "b.md").write_text(note(SECRET, SECRET))
        for path in ("a.md", "d/b.md"):
            with pytest.raises(ArtifactFileError) as caught:
                index.get(number[path])
            assert SECRET not in str(caught.value) and str(tmp_path) not in str(caught.value)
        page = index.query(text="A")
        assert SECRET not in str(page) and page.items[0].snippet == ()
        assert counts(index.sync()) == (0, 0, 0, 2, 0)
    assert not in_file(tmp_path)


def test_a_hard_link_is_a_file_like_any(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# A\n"}) as (index, root, _):
        os.link(root / "a.md", root / "b.md")
        assert counts(index.sync()) == (1, 0, 1, 0, 0)


def test_what_is_no_regular_file_is_passed_by(tmp_path: Path) -> None:
    with indexed(tmp_path, {"folder.md/inner.md": "# Inner\n", "a.md": "# A\n"}) as (
        index,
        root,
        _,
    ):
        os.mkfifo(root / "pipe.md")
        with socket.socket(socket.AF_UNIX) as bound:
            place = os.open(root, os.O_RDONLY)
            bound.bind(f"/proc/self/fd/{place}/socket.md")
            os.close(place)
            assert stat.S_ISSOCK((root / "socket.md").stat().st_mode)
            assert counts(index.sync()) == (0, 0, 2, 0, 0)
        number = index.query(path="a.md").items[0].id
        (root / "a.md").unlink()
        os.mkfifo(root / "a.md")
        with pytest.raises(ArtifactFileError):
            index.get(number)
        assert counts(index.sync()) == (0, 0, 1, 1, 0)


def test_names_that_are_no_text_are_recorded(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# A\n"}) as (index, root, _):
        (Path(os.fsdecode(os.fsencode(root) + b"/b\xff.md"))).write_text("# B\n")
        folder = Path(os.fsdecode(os.fsencode(root) + b"/d\xfe"))
        folder.mkdir()
        (folder / "c.md").write_text("# C\n")
        for _ in range(2):
            result = index.sync()
            assert counts(result) == (0, 0, 1, 0, 2)
            assert {problem.error for problem in result.problems} == {"its name is not UTF-8"}
        (folder / "c.md").unlink()
        assert counts(index.sync()) == (0, 0, 1, 0, 1)


@pytest.mark.parametrize(
    "name",
    ["a b.md", "ünï.md", "%_.md", "-x.md", "a\nb.md", "'q\".md", "日本/語.md", "🙂.md", "x.MD.md"],
)
def test_strange_names_are_names(tmp_path: Path, name: str) -> None:
    with indexed(tmp_path, {name: "# A\n"}) as (index, _, _):
        assert paths(index) == {name} == paths(index, path=name)
        assert index.get(index.query().items[0].id).body == "# A"
        assert index.sync().errors == 0


def test_a_file_that_is_too_large_is_recorded(tmp_path: Path) -> None:
    with indexed(tmp_path, {"a.md": "# A\n"}) as (index, root, _):
        with (root / "large.md").open("wb") as file:
            file.truncate(50_000_000)
        result = index.sync()
        assert counts(result) == (0, 0, 1, 0, 1)
        assert result.problems[0].error == "it has 50000000 bytes, and max_size is 10000000"
        write(root, {"large.md": "# Small\n"})
        assert counts(index.sync()) == (1, 0, 1, 0, 0)


def test_bombs_of_aliases_are_recorded(tmp_path: Path) -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    merges = "a0: &a0 {k: v}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 9)
    )
    files = {
        "laughs.md": f"---\n{laughs}---\n",
        "tags.md": f"---\n{laughs}tags: *a11\n---\n",
        "self.md": "---\na: &x [*x]\n---\n",
        "key.md": "---\na: &x {b: *x}\n---\n",
        "deep.md": f"---\na: {'[' * 900}{']' * 900}\n---\n",
        "deeper.md": f"---\na: {'[' * 100_000}{']' * 100_000}\n---\n",
        "digits.md": f"---\na: {'1:' * 200_000}1\n---\n",
        "hex.md": f"---\ntitle: 0x{'f' * 6000}\n---\n",
        "fine.md": "# Fine\n",
    }
    with indexed(tmp_path, files | {"merges.md": f"---\n{merges}---\n"}) as (index, _, _):
        assert "Fine" in titles(index)
        assert {problem.path for problem in index.problems()} >= set(files) - {"fine.md"}
    # The values themselves are shared, so that reading them alone is no matter.
    assert len(parse(files["laughs.md"])[0]) == 12


def test_ten_thousand_tags_are_found(tmp_path: Path) -> None:
    files = {"a.md": f"---\ntags: [{', '.join(f't{n}' for n in range(10_000))}]\n---\n"}
    with indexed(tmp_path, files) as (index, _, _):
        assert index.query(tags="t9999").total == 1
        assert len(index.query().items[0].tags) == 10_000
        assert len(index.query().facets.tag) == 100
        assert index.query(tags=["t1", "t2", "t3"]).total == 1
