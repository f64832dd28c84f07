import dataclasses

import numpy as np

from tvm_bnn.models.load import LoadedModel
from tvm_bnn.nn import IntegerNetwork, Step
from tvm_bnn.ops import Conv2d, Dense, Epilogue, PooledAttention
from tvm_bnn.profiling.summary import summarise, total

PLAIN = Epilogue(affine="none", outputs=("accumulator",))


def test_layers_of_a_network(tiny_model: LoadedModel) -> None:
    stem, conv, head, labels = summarise(tiny_model.network, (1, 16, 24, 3))
    assert (stem.name, stem.kind, stem.output, stem.bits) == ("stem.0", "real_conv2d", (1, 4, 6, 64), "8x8")
    assert (stem.real_parameters, stem.binary_parameters) == (27 * 64, 0)
    assert (conv.binary_parameters, conv.bits, conv.output) == (9 * 64 * 64, "1x1", (1, 4, 6, 64))
    assert conv.work.binary_macs == 4 * 6 * 9 * 64 * 64
    assert head.real_parameters == 64 * 3
    assert (labels.output, labels.bits, labels.parameter_bytes) == ((1, 16, 24), "", 0)


def test_memory_is_what_the_buffers_hold(tiny_model: LoadedModel) -> None:
    held = sum(buffer.nbytes for buffer in tiny_model.network.buffers())
    assert total(summarise(tiny_model.network, (1, 16, 24, 3))).parameter_bytes == held


def test_parameters_do_not_depend_on_the_picture(tiny_model: LoadedModel) -> None:
    small, large = (total(summarise(tiny_model.network, (1, 4 * n, 4 * n, 3))) for n in (4, 8))
    assert small.parameter_bytes == large.parameter_bytes
    assert large.work.macs == 4 * small.work.macs


def test_packed_weights_count_bits_not_words() -> None:
    conv = Conv2d(1, 4, 4, 48, 10, kernel=(1, 1), padding=(0, 0), groups=2, weight_bits=2, epilogue=PLAIN)
    dense = Dense(5, 70, 3, epilogue=PLAIN)
    for operator, count in ((conv, 10 * 24), (dense, 70 * 3)):
        shape = operator.inputs()[1].shape
        network = IntegerNetwork(
            [Step("layer", operator, ("image",), ("weight",), ("out",))], {"weight": np.zeros(shape, np.int32)}, "out"
        )
        (layer,) = summarise(network, operator.inputs()[0].shape)
        assert layer.binary_parameters == count


def test_attention_shows_the_bits_of_both_products() -> None:
    """One pixel that looks at itself: query, key and value are the same word."""
    attention = PooledAttention(1, 1, 1, 1, 64, 64, epilogue=PLAIN)
    step = Step("attend", attention, ("image",) * 3, ("table",), ("out",))
    (layer,) = summarise(IntegerNetwork([step], {"table": np.zeros(65, np.uint8)}, "out"), (1, 1, 1, 2))
    assert (layer.bits, layer.binary_parameters, layer.real_parameters) == ("1x1+8x1", 0, 0)
    assert (layer.other_parameters, layer.parameter_bytes) == (65, 65)


def test_shared_parameters_count_once() -> None:
    conv = Conv2d(1, 4, 4, 64, 64, epilogue=Epilogue(affine="none", outputs=("signs",)))
    first = Step("first", conv, ("image",), ("weight", "threshold"), ("a",))
    second = dataclasses.replace(first, name="second", inputs=("a",), outputs=("b",))
    parameters = {"weight": np.zeros((64, 3, 3, 2), np.int32), "threshold": np.zeros(64, np.int32)}
    layers = summarise(IntegerNetwork([first, second], parameters, "b"), (1, 4, 4, 2))
    assert [layer.parameter_bytes for layer in layers] == [64 * 9 * 8 + 64 * 4, 0]
    assert layers[0].work == layers[1].work
