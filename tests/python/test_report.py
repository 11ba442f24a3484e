import importlib.util
import math
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "benches" / "report.py"
SPEC = importlib.util.spec_from_file_location("engine_report", PATH)
assert SPEC is not None
assert SPEC.loader is not None
report = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = report
SPEC.loader.exec_module(report)

A1 = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4]
A2 = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.2]


def test_welch_gives_published_values():
    # The first example of the article on Welch's t-test in Wikipedia, as R computes it.
    found = report.welch(A1, [*A2[:13], 24.4, *A2[14:]][:15])
    assert found.t < 0
    found = report.welch(
        [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4],
        [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.4],
    )
    assert found.t == pytest.approx(-2.46, abs=0.05)
    assert found.p == pytest.approx(0.021, abs=0.003)


@pytest.mark.parametrize(
    ("freedom", "t", "p"),
    [(1, 1.0, 0.5), (2, 4.302653, 0.05), (10, 2.228139, 0.05), (30, 2.749996, 0.01)],
)
def test_the_t_distribution_agrees_with_its_tables(freedom: int, t: float, p: float):
    x = freedom / (freedom + t * t)
    assert report.incomplete_beta(freedom / 2, 0.5, x) == pytest.approx(p, abs=1e-6)


def test_the_incomplete_beta_function_agrees_with_its_closed_forms():
    assert report.incomplete_beta(1, 3, 0.2) == pytest.approx(1 - 0.8**3)
    assert report.incomplete_beta(0.5, 0.5, 0.3) == pytest.approx(
        2 / math.pi * math.asin(math.sqrt(0.3))
    )
    assert (report.incomplete_beta(2, 2, 0.0), report.incomplete_beta(2, 2, 1.0)) == (0.0, 1.0)


def test_equal_samples_are_no_difference():
    assert report.welch(A1, A1).p == pytest.approx(1.0)
    assert report.welch([1.0, 1.0], [1.0, 1.0]).p == 1.0
    assert report.welch([1.0, 1.0], [2.0, 2.0]).p == 0.0


def test_the_section_is_replaced_and_the_rest_of_the_page_stays():
    page = f"# Top\n\n{report.BEGIN}\nold\n{report.END}\n\n## Below\n"
    assert report.replaced(page, "new") == page.replace("old", "new")
    added = report.replaced("# Top\n", "new")
    assert added == f"# Top\n\n{report.BEGIN}\nnew\n{report.END}\n"


def test_a_slower_new_side_is_a_loss_in_plain_sight():
    row = report.Row("scan", "defaults of each", [100.0, 101.0, 99.0], [50.0, 51.0, 49.0])
    assert row.is_loss
    assert "slower" in row.line()
