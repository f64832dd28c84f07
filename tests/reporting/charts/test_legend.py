import pytest

from tvm_bnn.reporting.charts import NARROW, WIDE
from tvm_bnn.reporting.charts.legend import add_legend
from tvm_bnn.reporting.drawing import Box, Drawing, Text, text_width
from tvm_bnn.reporting.palette import FAMILIES


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_all_families_are_named_below_the_picture_and_inside(width: float) -> None:
    drawing = Drawing(width, 100, "told")
    add_legend(drawing, list(FAMILIES))
    texts = [shape for shape in drawing.shapes if isinstance(shape, Text)]
    boxes = [shape for shape in drawing.shapes if isinstance(shape, Box)]
    assert [text.text for text in texts] == list(FAMILIES.values())
    assert [box.role for box in boxes] == list(FAMILIES)
    assert all(100 < text.y < drawing.height for text in texts)
    assert all(text.x + text_width(text.text, text.size) <= width for text in texts)
    assert len({(text.x, text.y) for text in texts}) == len(texts)
