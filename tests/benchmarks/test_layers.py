import pytest

from benchmarks.layers import LAYERS, with_stream
from tvm_bnn.ops import Conv2d


@pytest.mark.parametrize("conv", LAYERS.values(), ids=list(LAYERS))
def test_every_layer_keeps_its_map_or_halves_it(conv: Conv2d) -> None:
    assert conv.output_size == tuple(extent // conv.stride[0] for extent in (conv.height, conv.width))
    assert [spec.name for spec in conv.outputs()] == ["signs"]


@pytest.mark.parametrize("conv", LAYERS.values(), ids=list(LAYERS))
def test_a_stream_is_read_and_written(conv: Conv2d) -> None:
    assert [spec.name for spec in with_stream(conv).outputs()] == ["stream", "signs"]
    assert with_stream(conv).cost() == conv.cost()


def test_every_kind_of_window_is_among_them() -> None:
    kinds = {(c.kernel[0], c.stride[0], c.dilation[0], c.groups) for c in LAYERS.values()}
    assert kinds == {(3, 1, 1, 1), (1, 1, 1, 1), (3, 2, 1, 1), (3, 1, 2, 1), (3, 1, 1, 4)}
