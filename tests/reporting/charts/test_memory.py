from tvm_bnn.reporting.charts import WIDE
from tvm_bnn.reporting.charts.memory import Moment, memory_chart
from tvm_bnn.reporting.drawing import Box


def test_a_column_an_operator_in_proportion_to_its_bytes() -> None:
    drawing = memory_chart([Moment("a", "binary", 1000), Moment("b", "bytes", 4000)], "told", WIDE)
    first, second = (shape for shape in drawing.shapes if isinstance(shape, Box))
    assert abs(second.height - 4 * first.height) < 1e-6
    assert (first.told, second.told) == ("a: 1 kB", "b: 4 kB")
    assert first.x < second.x
