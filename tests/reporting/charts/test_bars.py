from tvm_bnn.reporting.charts import NARROW, WIDE
from tvm_bnn.reporting.charts.bars import Bar, Row, bar_chart
from tvm_bnn.reporting.drawing import Box, Text

ROWS = [
    Row("one", (Bar(4, "4 ms", "binary"), Bar(2, "2 ms", "bytes", hatched=True))),
    Row("two", (Bar(0, "0 ms", "binary"),)),
]


def test_lengths_are_in_proportion_and_nothing_vanishes() -> None:
    boxes = [shape for shape in bar_chart(ROWS, "told", WIDE).shapes if isinstance(shape, Box)]
    assert boxes[0].width == 2 * boxes[1].width
    assert boxes[2].width > 0
    assert [box.hatched for box in boxes] == [False, True, False]


def test_a_scale_may_be_that_of_another_picture() -> None:
    alone, beside = (
        next(shape.width for shape in bar_chart(ROWS, "told", WIDE, longest).shapes if isinstance(shape, Box))
        for longest in (None, 8)
    )
    assert beside == alone / 2


def test_labels_stand_above_their_bars_on_a_phone() -> None:
    drawing = bar_chart(ROWS, "told", NARROW)
    label = next(shape for shape in drawing.shapes if isinstance(shape, Text) and shape.text == "one")
    box = next(shape for shape in drawing.shapes if isinstance(shape, Box))
    assert (label.x, box.x) == (0, 0)
    assert label.y < box.y


def test_everything_is_inside() -> None:
    for width in (WIDE, NARROW):
        drawing = bar_chart(ROWS, "told", width)
        boxes = [shape for shape in drawing.shapes if isinstance(shape, Box)]
        assert all(box.x >= 0 and box.x + box.width <= width for box in boxes)
        assert all(box.y + box.height <= drawing.height for box in boxes)
