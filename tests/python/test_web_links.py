"""Links and pictures in markdown."""

import pytest

from holdfast.web.markdown import is_harmless, render, target_of


def test_pictures_are_links_or_their_text() -> None:
    html = str(render("![a *b*](https://e.org/x.png)", "a/b.md"))
    assert 'href="https://e.org/x.png"' in html and html.endswith(">a b</a></p>\n")
    for url in ("x.png", "/x.png", "../../x.png"):
        html = render(f"![a picture]({url})", "a/b.md")
        assert html == '<p><span class="image">a picture</span></p>\n'


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("c.md", "a/c.md"),
        ("./c.md#part", "a/c.md"),
        ("../c.md", "c.md"),
        ("/c.md", "c.md"),
        ("d/my%20file.md?x=1", "a/d/my file.md"),
        ("../../c.md", None),
        ("../..", None),
        ("..", None),
        ("#part", None),
        ("", None),
        ("//e.org/c.md", None),
        ("https://e.org/c.md", None),
        ("..\\c.md", None),
        ("http://[", None),
    ],
)
def test_links_to_other_files(url: str, target: str | None) -> None:
    assert target_of(url, "a/b.md") == target


def test_links_within_a_page() -> None:
    assert '<a data-path="a/c.md">c</a>' in str(render("[c](c.md)", "a/b.md"))
    assert '<a data-anchor="a b">c</a>' in str(render("[c](#a%20b)", "a/b.md"))
    assert "<a>c</a>" in str(render("[c](../../c.md)", "a/b.md"))


def test_schemes_in_capitals_are_harmless_too() -> None:
    assert is_harmless("HTTPS://e.org")
    assert not is_harmless("x y:z")
