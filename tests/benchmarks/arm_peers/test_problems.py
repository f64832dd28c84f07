import numpy as np

from benchmarks.arm_peers.problems import LAYERS, Layer, in_blocks, problem_of, with_slack
from benchmarks.layers import square
from tvm_bnn.ops.bits import unpack_bits


def test_counts_are_those_of_bits_that_differ_under_the_window() -> None:
    layer = Layer(3, 64)
    problem = problem_of(layer, 0)
    maps, weights = (unpack_bits(array, 64) for array in (problem.maps, problem.weights))
    padded = np.pad(maps, ((1, 1), (1, 1), (0, 0)))
    for y, x, channel in ((0, 0, 0), (1, 2, 5), (2, 1, 63)):
        differ = padded[y : y + 3, x : x + 3] != weights[channel]
        assert problem.counts[3 * y + x, channel] == differ.sum()


def test_layers_are_those_that_others_publish() -> None:
    assert [layer.name for layer in LAYERS] == ["56x56x64", "28x28x128", "14x14x256", "7x7x512"]
    assert {layer.macs for layer in LAYERS} == {square(56, 64).cost().binary_macs}


def test_blocks_hold_the_words_of_a_channel_side_by_side() -> None:
    weights = np.arange(4 * 6, dtype=np.int32).reshape(4, 6)
    blocks = in_blocks(weights, rows=2, depth=4)
    assert blocks.shape == (2, 2, 2, 4)
    assert blocks[1, 0, 1].tolist() == [18, 19, 20, 21]
    assert blocks[1, 1, 1].tolist() == [22, 23, 0, 0]


def test_slack_is_behind_the_array() -> None:
    assert with_slack(np.ones((2, 3), np.int32)).tolist() == [1] * 6 + [0] * 16
