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


def test_welch_is_students_test_for_equal_sizes_and_variances():
    found = report.welch([1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 3.0, 4.0, 5.0, 6.0])
    assert (found.t, found.freedom) == (pytest.approx(-1.0), pytest.approx(8.0))
    assert found.p == pytest.approx(0.346594, abs=1e-6)


def test_welch_loses_freedom_where_the_variances_differ():
    # By hand: variances 1 and 100, three values each.
    found = report.welch([1.0, 2.0, 3.0], [10.0, 20.0, 30.0])
    assert found.t == pytest.approx(-18 / math.sqrt(101 / 3))
    assert found.freedom == pytest.approx(101**2 / (1 / 2 + 100**2 / 2))


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
    assert report.welch([1.0, 3.0], [1.0, 3.0]).p == pytest.approx(1.0)
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
