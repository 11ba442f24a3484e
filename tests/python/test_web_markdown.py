"""Markdown from anywhere, as HTML that does nothing."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.web.markdown import LONGEST, render

TAGS = set(
    "a blockquote br code em h1 h2 h3 h4 h5 h6 hr input li ol p pre s span strong table "  # noqa: SIM905
    "tbody td th thead tr ul".split()
)
ATTRIBUTES = {
    "a": {"href", "title", "rel", "target", "data-path", "data-anchor", "class"},
    "code": {"class"},
    "input": {"type", "disabled", "checked"},
    "li": {"class"},
    "ol": {"start"},
    "span": {"class"},
    "td": {"class"},
    "th": {"class"},
}


class Looked(HTMLParser):
    """What a browser would find."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        assert {name for name, _ in attrs} <= ATTRIBUTES.get(tag, set()), (tag, attrs)
        self.hrefs += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def looked(markdown: str, path: str = "a/b.md") -> Looked:
    html = render(markdown, path)
    assert html is not None
    found = Looked(html)
    assert all(re.match(r"(https?://|mailto:)", href) for href in found.hrefs), found.hrefs
    return found


def test_what_markdown_is_for() -> None:
    html = render(
        "# Title\n\nSome *text*, `code`, ~~no~~.\n\n1. one\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n\n"
        "```py\nx < 1\n```\n\n- [ ] open\n- [x] done\n- [text](https://e.org 'hint')\n",
        "a.md",
    )
    assert html is not None
    for part in (
        "<h1>Title</h1>",
        "<em>text</em>",
        "<code>code</code>",
        "<s>no</s>",
        '<th class="left">a</th>',
        '<td class="right">2</td>',
        '<code class="language-py">x &lt; 1',
        '<li class="task"><input type="checkbox" disabled="" />open</li>',
        '<input type="checkbox" disabled="" checked="" />done',
        '<a title="hint" href="https://e.org" rel="noopener noreferrer nofollow" target="_blank">',
    ):
        assert part in html, html


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)>",
        "<svg><script>alert(1)</script></svg>",
        "<iframe srcdoc='<script>alert(1)</script>'>",
        "<a href='javascript:alert(1)'>x</a>",
        "<style>*{display:none}</style>",
        "<!-- <script>alert(1)</script> -->",
        "<?php x ?>",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<!DOCTYPE html>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java\tscript:alert(1))",
        "[x](<java\nscript:alert(1)>)",
        "[x](&#106;avascript:alert(1))",
        "[x](&#x6A;avascript&colon;alert(1))",
        "[x](javascript&Tab;:alert(1))",
        "[x](javascript&NewLine;:alert(1))",
        "[x](%6Aavascript:alert(1))",
        "[x](%20javascript:alert(1))",
        "[x](\x01javascript:alert(1))",
        "[x](\u00a0javascript:alert(1))",
        "[x](vbscript:x)",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](data:image/svg+xml,<svg onload=alert(1)>)",
        "[x](file:///etc/passwd)",
        "[x](blob:https://e.org/1)",
        "[x](view-source:https://e.org)",
        "[x](intent://e.org)",
        "<javascript:alert(1)>",
        "<data:text/html,x>",
        "<JAVASCRIPT:alert(1)>",
        "[x]: javascript:alert(1)\n\n[x]",
        "![x](javascript:alert(1))",
        "![x](data:image/svg+xml,x)",
        "![<script>alert(1)</script>](https://e.org/x.png)",
        '![x" onerror="alert(1)](https://e.org/x.png)',
        '![x](https://e.org/x.png" onerror="alert(1))',
        "[x](https://e.org '\" onmouseover=\"alert(1)')",
        '[x](<https://e.org/" onmouseover="alert(1)>)',
        '```"><script>alert(1)</script>\nx\n```',
        "`<script>alert(1)</script>`",
        "| <script>alert(1)</script> |\n|---|\n| <img onerror=x> |",
        "- [ ] <script>alert(1)</script>",
        "- [x] [y](javascript:alert(1))",
        "# <img src=x onerror=alert(1)>",
        "[a.md](a.md'\"><script>alert(1)</script>)",
        '[x](#"><script>alert(1)</script>)',
        "\x00<script\x00>alert(1)</script>",
        "\u202e<script>alert(1)</script>",
    ],
)
def test_hostile_markdown_does_nothing(hostile: str) -> None:
    for text in (hostile, f"> {hostile}", f"- {hostile}", f"a {hostile} b"):
        assert not [href for href in looked(text).hrefs if not href.startswith("https://e.org")]


PIECES = st.sampled_from(
    ["<script>", "javascript:", "[", "](", ")", "<", ">", '"', "'", "`", "\n", "![", "&#106;", "|",
     "- [ ] ", "data:", "https://e.org", "\\", "\t", "\x00", "onerror=", "#", "*", "\ud800"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join))
def test_whatever_is_written_does_nothing(text: str) -> None:
    looked(text)


def test_a_text_that_is_too_long_is_not_rendered() -> None:
    assert render("x" * LONGEST, "a.md") is not None
    assert render("x" * (LONGEST + 1), "a.md") is None


@pytest.mark.parametrize(
    "part",
    ["[", "![", "*a", "`", "> ", "- ", "<a", "|a", "\\", "[a](", "**a ", "~~", "&#", "_a_[`"],
)
def test_no_text_takes_for_ever(part: str) -> None:
    begun = time.perf_counter()
    render(part * (400_000 // len(part)), "a.md")
    assert time.perf_counter() - begun < 30
