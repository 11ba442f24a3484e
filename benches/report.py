"""Write what `cargo bench --bench engine` measured into docs/benchmarks.md.

The page keeps what others wrote around the two markers. Needs nothing but Python.
"""

import datetime
import json
import math
import os
import platform
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- engine:begin -->", "<!-- engine:end -->"
SIGNIFICANT = 0.05

# Work, its old side, its new side, and what the two have in common.
DEFAULTS = "defaults of each"
COMPARISONS = [
    ("writes", "old", "new", DEFAULTS),
    ("writes", "old-normal", "new", "both NORMAL"),
    ("writes", "old", "new-durable", "both FULL"),
    ("writes", "old", "new-verb", "defaults; `upsert()`, which gives the row id, for SQL"),
    ("batch", "old", "new", DEFAULTS),
    ("batch", "old-normal", "new", "both NORMAL"),
    ("batch", "old", "new-durable", "both FULL"),
    ("selects", "old", "new", DEFAULTS),
    ("selects", "old", "new-query", "defaults; `query()`, untyped rows"),
    ("selects", "old", "new-held", "defaults; one reader kept checked out"),
    ("selects-10-threads", "old", "new", DEFAULTS),
    ("parallel", "old", "new", DEFAULTS),
    ("parallel", "old-normal", "new", "both NORMAL"),
    ("parallel", "old", "new-durable", "both FULL"),
    ("beside-1", "old", "new", DEFAULTS),
    ("beside-1", "old-normal", "new", "both NORMAL"),
    ("beside-1", "old", "new-durable", "both FULL"),
    ("beside-4", "old", "new", DEFAULTS),
    ("beside-4", "old-normal", "new", "both NORMAL"),
    ("beside-4", "old", "new-durable", "both FULL"),
    ("beside-batches", "old", "new", DEFAULTS),
    ("beside-batches", "old-normal", "new", "both NORMAL"),
    ("beside-batches", "old", "new-durable", "both FULL"),
    ("scan", "old", "new", DEFAULTS),
]
WORKS = {
    "writes": "one-row upserts, a transaction each",
    "batch": "rows inserted, 1,000 a transaction",
    "selects": "point selects, one thread",
    "selects-10-threads": "point selects, 10 threads",
    "parallel": "operations of 10 threads, 1 in 5 a write",
    "beside-1": "reads of 1 thread beside a writer that never stops (one-row commits)",
    "beside-4": "reads of 4 threads beside the same",
    "beside-batches": "reads of 4 threads beside a writer that never stops (10,000 rows a commit)",
    "scan": "rows of a scan of 100,000",
}


@dataclass(frozen=True)
class Welch:
    """A two-sided test of equal means that does not assume equal variances."""

    t: float
    freedom: float
    p: float


def beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    result = d
    for m in range(1, 10_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + numerator * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + numerator / c
            c = c if abs(c) > tiny else tiny
            result *= c * d
        if abs(c * d - 1.0) < 1e-14:
            return result
    raise ArithmeticError(f"no convergence for {a=} {b=} {x=}")


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, I_x(a, b)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * beta_fraction(a, b, x) / a
    return 1.0 - front * beta_fraction(b, a, 1.0 - x) / b


def welch(first: list[float], second: list[float]) -> Welch:
    """Welch's t-test; the p-value is exact (Student's t by the incomplete beta function)."""
    a = statistics.variance(first) / len(first)
    b = statistics.variance(second) / len(second)
    difference = statistics.fmean(first) - statistics.fmean(second)
    if a + b == 0.0:
        same = difference == 0.0
        t = 0.0 if same else math.copysign(math.inf, difference)
        return Welch(t, len(first) + len(second) - 2.0, 1.0 if same else 0.0)
    t = difference / math.sqrt(a + b)
    freedom = (a + b) ** 2 / (a**2 / (len(first) - 1) + b**2 / (len(second) - 1))
    return Welch(t, freedom, incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)))


def rates(work: str, side: str) -> list[float]:
    """Elements a second, a value for each of criterion's samples."""
    directory = TARGET / "criterion" / work / side / "new"
    try:
        sample = json.loads((directory / "sample.json").read_text())
        benchmark = json.loads((directory / "benchmark.json").read_text())
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} is missing: run `cargo bench --bench engine` first")
    elements = benchmark["throughput"]["Elements"]
    pairs = zip(sample["iters"], sample["times"], strict=True)
    return [elements * iterations / nanoseconds * 1e9 for iterations, nanoseconds in pairs]


@dataclass(frozen=True)
class Row:
    """One comparison, measured."""

    work: str
    settings: str
    old: list[float]
    new: list[float]

    @property
    def ratio(self) -> float:
        """How many times as much the new side does a second."""
        return statistics.fmean(self.new) / statistics.fmean(self.old)

    @property
    def p(self) -> float:
        """The probability of such a difference between equal sides."""
        return welch(self.old, self.new).p

    @property
    def is_loss(self) -> bool:
        """Whether the new side is slower, beyond chance."""
        return self.ratio < 1.0 and self.p < SIGNIFICANT

    def line(self) -> str:
        """The row of the table."""
        p = "< 0.0001" if self.p < 0.0001 else f"{self.p:.4f}"
        old, new, ratio = shown(self.old), shown(self.new), f"{self.ratio:.2f}"
        if self.is_loss:
            old, ratio = f"**{old}**", f"**{ratio}, slower**"
        return f"| {WORKS[self.work]} | {self.settings} | {old} | {new} | {ratio} | {p} |"


def shown(values: list[float]) -> str:
    """Mean and standard deviation, rounded alike."""
    mean, deviation = statistics.fmean(values), statistics.stdev(values)
    digits = min(0, 2 - math.floor(math.log10(mean)))
    return f"{round(mean, digits):,.0f} ± {round(deviation, digits):,.0f}"


def note(name: str) -> str:
    """A fact that the bench noted beside criterion's figures."""
    path = TARGET / "tmp" / "bench-engine" / name
    return path.read_text().strip() if path.exists() else "unknown"


def earlier() -> list[str]:
    """The works with samples of an earlier run than the last, which was a partial one."""
    begun = TARGET / "tmp" / "bench-engine" / "sqlite"
    if not begun.exists():
        return []
    samples = (
        (work, TARGET / "criterion" / work / side / "new" / "sample.json")
        for work, *sides, _ in COMPARISONS
        for side in sides
    )
    stale = {work for work, path in samples if path.stat().st_mtime < begun.stat().st_mtime}
    return [WORKS[work] for work in WORKS if work in stale]


def machine() -> str:
    """The processor, its cores, the kernel."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def aims(rows: list[Row]) -> list[str]:
    """Each aim, and whether these figures meet it."""
    by_default = {row.work: row for row in rows if row.settings == DEFAULTS}

    def line(aim: str, found: str, *, met: bool) -> str:
        return f"| {aim} | {found} | {'met' if met else '**missed**'} |"

    selects = statistics.fmean(by_default["selects"].new)
    writes = by_default["writes"].ratio
    beside = [
        ("1 reader", "beside-1"),
        ("4 readers", "beside-4"),
        ("large commits", "beside-batches"),
    ]
    losses = [row for row in rows if row.is_loss]
    return [
        "| aim | found | |",
        "|---|---|---|",
        line("over 100,000 selects a second", f"{selects:,.0f}", met=selects > 100_000),
        line("writes 5 times as fast", f"{writes:.1f} times", met=writes >= 5),
        *(
            line(
                f"reads beside a writer 6.6 times as fast, {name}",
                f"{by_default[work].ratio:.1f} times",
                met=by_default[work].ratio >= 6.6,
            )
            for name, work in beside
        ),
        line("no regression anywhere", f"{len(losses)} slower", met=not losses),
    ]


def commits() -> list[str]:
    """How often the writer committed beside the readers."""
    sides = ["old", "old-normal", "new", "new-durable"]
    lines = ["| commits a second beside | " + " | ".join(sides) + " |", "|---|--:|--:|--:|--:|"]
    for work in ("beside-1", "beside-4", "beside-batches"):
        found = [note(f"commits-{work}-{side}") for side in sides]
        found = [f"{int(count):,}" if count.isdigit() else count for count in found]
        lines.append(f"| {WORKS[work]} | {' | '.join(found)} |")
    return lines


def section() -> str:
    """The text between the markers."""
    rows = [
        Row(work, settings, rates(work, old), rates(work, new))
        for work, old, new, settings in COMPARISONS
    ]
    losses = [
        f"- {WORKS[row.work]} ({row.settings}): {row.ratio:.2f}" for row in rows if row.is_loss
    ]
    stale = earlier()
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    settings = [
        f"- {name}: {note(f'settings-{side}')}."
        for name, side in [
            ("old", "old"),
            ("old, NORMAL", "old-normal"),
            ("new (`balanced`, the default)", "new"),
            ("new (`durable`)", "new-durable"),
        ]
    ]
    lines = [
        "## The engine against a mutexed connection",
        "",
        "*Old* is one `Arc<Mutex<rusqlite::Connection>>` in rollback-journal mode with cached",
        "statements, *new* is `holdfast::Database`; the same SQL on the same rows, in Rust.",
        "Figures are per second: mean ± standard deviation over criterion's 30 samples.",
        "",
        *aims(rows),
        "",
        "| work | settings | old | new | ratio | p |",
        "|---|---|--:|--:|--:|--:|",
        *(row.line() for row in rows),
        "",
        "Slower than the old way, beyond chance:" + (" nothing." if not losses else ""),
        *(["", *losses] if losses else []),
        "",
        "A mutex is not fair and neither writer is paced, so a ratio of reads alone tells half:",
        "this is how often the writer committed meanwhile. Each commit also empties the readers'",
        "page caches, so the faster writer of *new* slows its readers.",
        "",
        *commits(),
        "",
        "With the defaults of each, old syncs at every commit and new does not: a power cut can",
        "take the last commits of `balanced`, never the file. *Both FULL* compares equal promises.",
        "At NORMAL the rollback journal still syncs at every commit, and WAL does not.",
        "",
        "p is that of Welch's two-sided t-test over the samples, exact by the incomplete beta",
        "function. Samples of one run share the machine's mood of that minute, so a small p with",
        "a ratio near 1 says little.",
        "",
        f"Measured on {today}: {machine()}; SQLite {note('sqlite')} on both sides.",
        *([f"Not from the same run as the rest: {'; '.join(stale)}."] if stale else []),
        "Settings, as SQLite reads them back:",
        "",
        *settings,
        "",
        "Run it again on a quiet machine: `make bench`.",
    ]
    return "\n".join(lines)


def replaced(page: str, text: str) -> str:
    """The page with the text between the markers, which are added where they are missing."""
    before, begin, rest = page.partition(BEGIN)
    if not begin:
        return f"{page.rstrip()}\n\n{BEGIN}\n{text}\n{END}\n".lstrip()
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"{PAGE} has {BEGIN} without {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main() -> None:
    """Read the figures, write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    page = PAGE.read_text() if PAGE.exists() else "# Benchmarks\n"
    PAGE.write_text(replaced(page, section()))
    print(f"{PAGE.relative_to(ROOT)} is written")


if __name__ == "__main__":
    main()
