import itertools
from collections.abc import Sequence

import pytest

from tvm_bnn.reporting.charts import NARROW, WIDE
from tvm_bnn.reporting.charts.roofline import Peak, Point, Roofs, roofline
from tvm_bnn.reporting.charts.room import Area
from tvm_bnn.reporting.drawing import Dot, Path, Text, text_width
from tvm_bnn.reporting.palette import GRID

ROOFS = Roofs(
    [Peak("1x1 bit", 1000), Peak("8x8 bit", 950), Peak("float", 100)], [Peak("cache", 100), Peak("memory", 10)]
)
POINTS = [
    Point(5_000_000, 100_000, 0.02, "binary", False, "conv: 0.02 ms"),
    Point(0, 100_000, 0.01, "moving", True, "pool: 0.01 ms"),
]


def test_speeds_of_a_point() -> None:
    assert POINTS[0].intensity == pytest.approx(100)
    assert POINTS[0].gops == pytest.approx(500)
    assert POINTS[1].gbytes == pytest.approx(10)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_operator_is_on_it(width: float) -> None:
    drawing = roofline(POINTS, ROOFS, "told", width)
    dots = [shape for shape in drawing.shapes if isinstance(shape, Dot)]
    assert [dot.told for dot in dots] == ["conv: 0.02 ms", "pool: 0.01 ms"]
    assert [dot.ring for dot in dots] == [False, True]
    assert all(0 < dot.x < width and 0 < dot.y < drawing.height for dot in dots)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_names_of_roofs_that_are_near_each_other_do_not_overlap(width: float) -> None:
    drawing = roofline(POINTS, ROOFS, "told", width)
    names = {peak.name for peak in ROOFS.speeds}
    lines = sorted(shape.y for shape in drawing.shapes if isinstance(shape, Text) and shape.text in names)
    assert len(lines) == 3
    assert all(below - above >= 12 for above, below in itertools.pairwise(lines))


def test_operators_that_only_move_data_need_no_others() -> None:
    drawing = roofline(POINTS[1:], ROOFS, "told", WIDE)
    assert [shape.told for shape in drawing.shapes if isinstance(shape, Dot)] == ["pool: 0.01 ms"]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_names_stand_clear_of_roofs_slopes_and_points(width: float) -> None:
    named = [
        Point(5_000_000, 100_000, 0.02, "binary", False, "conv: 0.02 ms", name="conv"),
        # On the slope of the memory.
        Point(250_000, 100_000, 0.01, "bytes", False, "stem: 0.01 ms", name="stem"),
        Point(0, 100_000, 0.003, "moving", True, "pool: 0.003 ms", name="pool"),
    ]
    drawing = roofline(named, ROOFS, "told", width)
    texts = {shape.text: shape for shape in drawing.shapes if isinstance(shape, Text)}
    assert {"conv", "stem", "pool", "cache", "memory"} <= texts.keys()
    for name in ("conv", "stem", "pool"):
        area = _area(texts[name])
        dots = [shape for shape in drawing.shapes if isinstance(shape, Dot)]
        assert not any(area.overlaps(Area(dot.x - 5, dot.y - 5, dot.x + 5, dot.y + 5)) for dot in dots)
        lines = [shape.points for shape in drawing.shapes if isinstance(shape, Path) and shape.role != GRID]
        assert not any(area.overlaps(_point(points, share)) for points in lines for share in range(101))


def _area(text: Text) -> Area:
    width = text_width(text.text, text.size)
    left = text.x - {"start": 0.0, "middle": width / 2, "end": width}[text.anchor]
    return Area(left, text.y - 0.8 * text.size, left + width, text.y + 0.2 * text.size)


def _point(points: Sequence[tuple[float, float]], share: int) -> Area:
    """A point of the first piece of a line, so many hundredths from its beginning."""
    (x, y), (end, last) = points[:2]
    at, up = x + (end - x) * share / 100, y + (last - y) * share / 100
    return Area(at, up, at + 0.1, up + 0.1)
