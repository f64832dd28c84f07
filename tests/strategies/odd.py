"""The corners of a convolution, one by one."""

from tvm_bnn.ops import Conv2d, Epilogue

ACCUMULATOR = Epilogue("none", outputs=("accumulator",))
BIAS = Epilogue("bias", outputs=("accumulator",))

ODD_CONVS = (
    # one bit, an even walk over sizes, strides, dilations and epilogues
    Conv2d(1, 1, 1, 1, 1, kernel=(1, 1), padding=(0, 0), epilogue=ACCUMULATOR),
    Conv2d(1, 5, 7, 31, 5, epilogue=BIAS),
    Conv2d(2, 6, 5, 32, 33, stride=(2, 2), pad_value="zero"),
    Conv2d(
        *(1, 7, 7, 33, 64),
        dilation=(2, 2),
        padding=(2, 2),
        pad_value="zero",
        epilogue=Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs")),
    ),
    Conv2d(1, 9, 8, 63, 65, dilation=(3, 3), padding=(3, 3), epilogue=Epilogue("bias", outputs=("signs",))),
    Conv2d(1, 5, 6, 64, 128, epilogue=Epilogue(shortcut_channels=64, rprelu=True, outputs=("signs", "stream"))),
    Conv2d(1, 4, 9, 65, 32, kernel=(1, 3), padding=(0, 1), pad_value="zero", epilogue=Epilogue(outputs=("byte",))),
    Conv2d(
        *(1, 7, 6, 127, 31),
        kernel=(5, 5),
        padding=(2, 2),
        epilogue=Epilogue(rprelu=True, outputs=("codes",), code_bits=4),
    ),
    Conv2d(
        *(1, 5, 5, 129, 63),
        kernel=(1, 1),
        stride=(2, 2),
        padding=(0, 0),
        epilogue=Epilogue(shortcut_channels=21, outputs=("codes", "byte", "signs", "stream"), code_bits=8),
    ),
    # windows that see nothing but padding
    Conv2d(1, 2, 3, 64, 8, kernel=(1, 1), padding=(1, 2), epilogue=ACCUMULATOR),
    Conv2d(1, 1, 2, 33, 8, padding=(3, 3), pad_value="zero", epilogue=BIAS),
    # groups: three in a word, one across words, depthwise, two outputs a channel, whole words
    Conv2d(1, 5, 5, 24, 12, groups=3, pad_value="zero", epilogue=Epilogue("none", outputs=("signs",))),
    Conv2d(1, 4, 5, 66, 6, groups=2, epilogue=Epilogue("none", outputs=("accumulator", "signs"))),
    Conv2d(1, 5, 6, 65, 65, groups=65, epilogue=Epilogue(shortcut_channels=65)),
    Conv2d(1, 7, 5, 33, 66, groups=33, stride=(2, 2), pad_value="zero", epilogue=Epilogue(shortcut_channels=33)),
    Conv2d(1, 5, 3, 128, 64, groups=2, epilogue=Epilogue(outputs=("stream", "signs"))),
    # one bit of other polarity
    Conv2d(1, 5, 5, 65, 7, activation_bipolar=False, pad_value="zero", epilogue=ACCUMULATOR),
    Conv2d(
        *(1, 8, 7, 33, 9),
        stride=(1, 2),
        dilation=(1, 2),
        padding=(2, 0),
        pad_value="zero",
        weight_bipolar=False,
        epilogue=BIAS,
    ),
    Conv2d(1, 3, 3, 127, 2, activation_bipolar=False, weight_bipolar=False, epilogue=ACCUMULATOR),
    # bit-serial: every number of bits, the polarities in turn
    Conv2d(1, 5, 4, 33, 8, activation_bits=2, activation_bipolar=False, pad_value="zero"),
    Conv2d(1, 4, 5, 65, 8, activation_bits=3, weight_bits=2, pad_value="zero", epilogue=ACCUMULATOR),
    Conv2d(1, 5, 5, 31, 8, activation_bits=4, weight_bipolar=False, epilogue=BIAS),
    Conv2d(
        *(1, 4, 4, 64, 33),
        activation_bits=5,
        weight_bits=2,
        activation_bipolar=False,
        weight_bipolar=False,
        epilogue=Epilogue("bias", outputs=("codes", "accumulator"), code_bits=3),
    ),
    Conv2d(
        *(1, 6, 6, 40, 6),
        groups=2,
        dilation=(2, 2),
        padding=(2, 2),
        pad_value="zero",
        activation_bits=6,
        activation_bipolar=False,
        epilogue=Epilogue("none", outputs=("codes",), code_bits=2),
    ),
    Conv2d(
        *(1, 5, 6, 63, 5),
        stride=(2, 1),
        pad_value="zero",
        activation_bits=7,
        weight_bits=2,
        weight_bipolar=False,
        epilogue=Epilogue(rprelu=True),
    ),
    Conv2d(
        *(1, 9, 11, 3, 32),
        stride=(2, 2),
        pad_value="zero",
        activation_bits=8,
        activation_bipolar=False,
        epilogue=Epilogue(outputs=("stream", "signs")),
    ),
    Conv2d(1, 5, 5, 129, 3, kernel=(5, 5), padding=(2, 2), activation_bits=8, weight_bits=2, epilogue=ACCUMULATOR),
)
"""Convolutions that go wrong first: every lowering is held against them."""
