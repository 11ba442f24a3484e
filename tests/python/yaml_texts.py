"""Texts with front matter: well formed, nearly so, and noise of the characters that YAML minds."""

from hypothesis import strategies as st

#: Scalars that YAML 1.1 reads as something else than most people think, and those that look so.
_WORDS = """
true True TRUE tRue false yes Yes yEs no NO on On off OFF y Y n N null Null NULL nUll ~ none None
nan .nan .NaN .inf -.inf +.INF inf .5 1. 1.5 -1.5 +1.5 1e5 1.0e5 1.0e+5 1.5E-3 0 00 010 08 0o17
0x1F 0b101 0b2 1_000 1_0.5 -0 +0 -7 +12 007 0.10 00.5 1:30 1:30:00 190:20:30.15 12:60 1:3 0:0
9223372036854775807 9223372036854775808 123456789012345678 1234567890123456789
99999999999999999999 0.1 1.7976931348623159e+308 179769313486231590.5 2024-01-02 2024-1-2
2024-13-01 2024-02-30 2023-02-29 2024-02-29 1900-02-29 2000-02-29 0000-01-01 0001-01-01
2024-01-02T03:04:05Z 2024-01-02T03:04:05+02:00 2024-01-02T03:04:05.123456789 2024-01-02t03:04:05
2024-01 20240102 2024-01-02x 2024_01_02 = << - -- --- ... -a ?a :a ? : a:b a::b http://a.b/c a#b
#a a% %a @a `a !a !!str &a *a | > [] {} [a] {a:b} a[b] a] a} b,c ,a a, '' 'a' 'a''b' a ' *x [a,b]
[,] [a:b] [[a]] [a ['a''b'] ['a'b] [#a] [?] [a?b] [a!b] [a%] [-]
"""
WORDS = _WORDS.split()
WORDS += [
    '""', '"a"', '"a\'b"', '\'a"b\'', '"a\\nb"', '"a\\\\b"', '"\\u00e9"', '"\\ud800"', '\'b"',
    '"a', 'b"', '"a:', '"a,', '"#', 'a"', '"', "é", "Ünïcode", "ß", "日本語", "٣", "٣٤",
    "\uff11\uff12", "\xb2", "\xbd", "\u2167", "\u01c6", "été", "e\u0301", "\U0001f600", "a\xadb",
    "\xb5", "a b", "a  b", "a # b", "a #b", "a: b", "a :b", "a : b", "2024-01-02 03:04:05",
    "a\tb", "a\xa0b", "a\u2028b", "a\x85b", "a\ufeffb", "\ufeffa", "a\x0cb", "a\rb", "a\x1cb",
    "a\x00b", "a\u2014b", "!!int 5", "!!str 5", "!!bool x", "!!int ''", "!!timestamp x",
    "!!float x", "!!binary é", "!!set {a}", "!!omap [a: 1]", "'a' # b", '"a" # b', "[a, b] # c",
    "[a, 'b, c']", '["a", b]', "[ a ,b ]", "[a, ]", "[a: b]", "[1, 1.5, yes, null, ~, 010]",
    "[a] b", "{a: b}", "{a: [b]}", "[2024-01-02, 2024-13-02]", '["a"b]', '["]"]', "[a #b]",
    "[a -b]", "[- a]", "[a\u2010b]",
]  # fmt: skip

KEYS = [
    "a", "b", "title", "tags", "a-b", "a_b", "_a", "A1", "on", "yes", "null", "y", "n", "true",
    "True", "1", "1.5", "~", "''", "'a'", '"a b"', "a b", "é", "日本", "<<", "=", "a.b", "a:b",
    "? a", "-a", "- a", "", " a", "a ", "2024-01-02", "#a", "&a a", "*a", "[a]", "{a: b}", "a\t",
    "010", "a#", "a #",
    "x" * 101, "x" * 1025,
]  # fmt: skip
SPACES = [
    "", " ", "  ", "\t", " \t", "\xa0", "\u3000", "\x0c", "\x1c", "\x85", "\u2028", "\r", "   ",
]  # fmt: skip
ENDS = ["\n"] * 8 + ["\r\n"] * 3
ENDS += ["\r", "\x85", "\u2028", "\n\n", " \n", "\t\n", "\n# c\n", " # c\n", "\n  \n"]
DASHES = ["---"] * 8
DASHES += ["----", "------", "--- ", "---\t", "---\u00a0", "--", " ---", "---a", "--- # c", "---\f"]
COLONS = [": "] * 8 + [":", " : ", ":  ", ":\t", "", ":\u00a0", "=", ": |\n  ", ": >\n "]
BODIES = ["", "# T\n", "a\n---\nb", " x ", "```\n---\n```"]

_few = st.sampled_from
_often_nothing = st.one_of(st.just(""), st.just(""), st.just(""), _few(SPACES))


_scalar = st.one_of(
    _few(WORDS),
    _few(WORDS),
    st.text(max_size=12),
    st.floats().map(str),
    st.integers().map(str),
    st.dates().map(str),
    st.datetimes().map(str),
)


@st.composite
def scalars(draw: st.DrawFn) -> str:
    """A value as it stands behind a key."""
    return draw(_scalar) + draw(_often_nothing)


@st.composite
def lists(draw: st.DrawFn) -> str:
    """A value that is a list of lines, mostly below one another."""
    indent = draw(_few([0, 0, 2, 2, 4, 1]))
    lines = [""]
    for item in draw(st.lists(scalars(), max_size=4)):
        shift = draw(_few([0] * 12 + [1, 2]))
        dash = draw(_few(["- "] * 8 + ["-", "-  ", "- - ", "-\t", "", "# "]))
        lines.append(" " * (indent + shift) + dash + item)
    return draw(_few(ENDS)).join(lines)


@st.composite
def flows(draw: st.DrawFn) -> str:
    """A value that is a list in brackets."""
    items = draw(_few([",", ", ", " , ", ",\n  "])).join(draw(st.lists(scalars(), max_size=4)))
    return f"[{items}{draw(_few([']'] * 8 + ['', '] ', ']]', '] # c']))}"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A text that has front matter, or nearly."""
    parts = [draw(_few([""] * 8 + ["\n", " ", "\ufeff", "x\n"])), draw(_few(DASHES))]
    parts.append(draw(_few(ENDS)))
    for _ in range(draw(st.integers(0, 5))):
        colon = draw(_few(COLONS))
        value = draw(st.one_of(scalars(), scalars(), lists(), flows(), st.just("")))
        indent = draw(_few([""] * 10 + [" ", "  ", "\t"]))
        parts += [indent, draw(_few(KEYS)), colon, value, draw(_few(ENDS))]
    parts += [
        draw(_few(DASHES)),
        draw(_few(["", *ENDS])),
        draw(_few(["", "# T\n", "a\n---\nb", " x ", "```\n---\n```"])),
    ]
    return "".join(parts)


NOISE = st.text(
    "abny01289-:.,#[]{}'\"!&*|>?=<~_%@`\\ \t\n\n\n\r\x0c\x1c\x85\u00a0\u2028\ufeffé日٣", max_size=60
)
noise = st.one_of(
    NOISE,
    NOISE.map("---\n{}\n---\n".format),
    NOISE.map("---\na: {}\n---\n".format),
    NOISE.map("---\na:\n- {}\n- b\n---\n".format),
    NOISE.map("---\na: [{}]\n---\n".format),
)
