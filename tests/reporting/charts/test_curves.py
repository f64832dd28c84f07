import pytest

from tvm_bnn.reporting.charts import WIDE
from tvm_bnn.reporting.charts.curves import Curve, curve_chart, mean_curve
from tvm_bnn.reporting.drawing import Path

CURVES = [Curve("a", (1.0, 0.5)), Curve("b", (1.0, 1.0, 0.125))]


def test_the_mean_is_geometric_and_keeps_what_was_found() -> None:
    assert mean_curve(CURVES) == pytest.approx((1, 0.5**0.5, 0.25))


def test_a_line_an_operator_and_the_mean_on_top() -> None:
    lines = [s for s in curve_chart(CURVES, "told", WIDE).shapes if isinstance(s, Path) and s.width in (0.8, 3.0)]
    assert [len(line.points) for line in lines] == [2, 3, 3]
    assert lines[-1].points[-1][1] > lines[-1].points[0][1]
