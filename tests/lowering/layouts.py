"""What the tests of packed parameters share: drawn parameters, packed and named."""

from dataclasses import replace

import numpy as np

from tests.strategies import by_name, random_inputs
from tvm_bnn.lowering.base import Lowering
from tvm_bnn.ops import Operator, RealConv2d
from tvm_bnn.ops.tensors import Array
from tvm_bnn.targets import Target, load

AVX2, AVX512 = load("x86-avx2"), load("x86-avx512")
"""Vectors of 8 and of 16 lanes; nothing is run."""

BYTES = RealConv2d(1, 5, 6, 3, 20, kernel=(2, 3), padding=(0, 1))
DEEP = replace(BYTES, in_channels=17, input_dtype="int16")
"""Convolutions of integers: of few bytes a pixel, and of more than a vector holds."""


def packed(lowering: Lowering, operator: Operator, target: Target, seed: int = 0) -> tuple[Array, dict[str, Array]]:
    """The canonical weight of an operator, and everything that the lowering makes of its parameters."""
    named = by_name(operator, random_inputs(operator, np.random.default_rng(seed)))
    return named["weight"], lowering.pack(operator, target, named)
