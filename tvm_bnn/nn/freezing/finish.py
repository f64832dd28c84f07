"""The epilogue of a group: what it computes after the sum, and what it writes for those who read the result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tvm_bnn.errors import UsageError
from tvm_bnn.nn.activation import Uint8Activation
from tvm_bnn.nn.freezing.anchors import Anchor, Value
from tvm_bnn.nn.freezing.fold import (
    MIN_FRACTION,
    Affine,
    Packing,
    accumulator_thresholds,
    fraction_for,
    integer_affine,
    integer_rprelu,
    packing_of,
)
from tvm_bnn.nn.freezing.fuse import Group
from tvm_bnn.nn.freezing.readers import Quantiser, Reader, gates_of, quantisers_of, reads_stream
from tvm_bnn.nn.freezing.trace import LayerGraph
from tvm_bnn.nn.gate import LOGIT_STEP, LOGIT_ZERO
from tvm_bnn.nn.quantise import UINT8_STEP
from tvm_bnn.nn.sign import BinarySign
from tvm_bnn.ops import Conv2d, Dense, Epilogue
from tvm_bnn.ops.epilogue import Output
from tvm_bnn.ops.tensors import Array

_BYTE_FRACTION = -round(math.log2(UINT8_STEP))
_LOGIT_FRACTION = -round(math.log2(LOGIT_STEP))


@dataclass(frozen=True)
class Finish:
    """An epilogue and its parameters.

    Attributes:
        epilogue: of the operator.
        parameters: [O] each.
        fraction: a unit of the stream or byte is worth 2^-fraction.
        flipped: output channels [O] whose weights are to be negated.
        served: inputs of layers that read the bits or the logits written here.
    """

    epilogue: Epilogue
    parameters: dict[str, Array]
    fraction: int
    flipped: NDArray[np.bool_]
    served: tuple[Reader, ...] = ()


@dataclass(frozen=True)
class Finisher:
    """Decides the epilogue of one group.

    Attributes:
        graph: the network.
        group: whose end it is.
        anchor: its operator.
        affine: its sum to a real value before the activation.
        shortcut: the stream it adds.
    """

    graph: LayerGraph
    group: Group
    anchor: Anchor
    affine: Affine
    shortcut: Value | None = None
    quantisers: dict[Reader, Quantiser] = field(init=False)

    def __post_init__(self) -> None:
        """Look up who reads bits of the result."""
        object.__setattr__(self, "quantisers", quantisers_of(self.graph, self.group.end))

    def finish(self) -> Finish:
        """The epilogue."""
        if self.is_logits:
            return self._logits()
        if self.is_byte:
            fraction, parameters = self._integers(self.affine, [_BYTE_FRACTION])
            return Finish(self._epilogue(("byte",)), parameters, fraction, np.zeros(self.anchor.out_channels, bool))
        flipped = (self.affine.scale < 0) & bool(self.anchor.weight_bits)
        affine = replace(self.affine, scale=np.where(flipped, -self.affine.scale, self.affine.scale))
        return self._on_accumulator(affine, flipped) or self._on_stream(affine, flipped)

    @property
    def is_byte(self) -> bool:
        """Whether the result is uint8."""
        node = self.group.activation
        return node is not None and isinstance(self.graph.layers[node], Uint8Activation)

    @property
    def reads_stream(self) -> bool:
        """Whether anything reads the result as real numbers."""
        return reads_stream(self.graph, self.group.end)

    @property
    def is_logits(self) -> bool:
        """Whether gates alone read the result, as logits."""
        gates = gates_of(self.graph, self.group.end)
        return bool(gates) and not self.quantisers and not self.reads_stream and self.group.activation is None

    def _logits(self) -> Finish:
        fraction, parameters = self._integers(logits_of(self.affine), [_LOGIT_FRACTION])
        served = tuple(gates_of(self.graph, self.group.end))
        unflipped = np.zeros(self.anchor.out_channels, bool)
        return Finish(self._epilogue(("byte",)), parameters, fraction, unflipped, served)

    def _on_accumulator(self, affine: Affine, flipped: NDArray[np.bool_]) -> Finish | None:
        """Between binary layers that need no stream the sum itself is compared: exact, and the least work."""
        signs = [quantiser for quantiser in self.quantisers.values() if isinstance(quantiser, BinarySign)]
        linear = self.shortcut is None and self.group.activation is None and bool(np.all(affine.scale > 0))
        if self.reads_stream or not linear or len(signs) < len(self.quantisers):
            return None
        thresholds = [accumulator_thresholds(affine, quantiser, self.anchor.bound) for quantiser in signs]
        if not all(np.array_equal(threshold, thresholds[0]) for threshold in thresholds):
            return None
        epilogue = Epilogue("none", outputs=("signs",))
        return Finish(epilogue, {"threshold": thresholds[0]}, 0, flipped, tuple(self.quantisers))

    def _on_stream(self, affine: Affine, flipped: NDArray[np.bool_]) -> Finish:
        peak = max(self.graph.peaks[node] for node in (self.group.preactivation, self.group.end))
        fraction, parameters = self._integers(affine, range(fraction_for(peak), MIN_FRACTION - 1, -1))
        if self.group.activation is not None:
            parameters |= integer_rprelu(self.graph, self.group.activation, self.anchor.out_channels, fraction)
        packings = {node: packing_of(q, self.anchor.out_channels, fraction) for node, q in self.quantisers.items()}
        if not packings:
            return Finish(self._epilogue(("stream",)), parameters, fraction, flipped)
        # The first to read bits gets them from here; whoever wants others packs them from the stream.
        first = next(iter(packings.values()))
        served = tuple(node for node, packing in packings.items() if packing.same_as(first))
        streamed = self.reads_stream or len(served) < len(packings)
        outputs: tuple[Output, ...] = ("stream", first.output) if streamed else (first.output,)
        return Finish(self._epilogue(outputs, first), parameters | first.parameters, fraction, flipped, served)

    def _integers(self, affine: Affine, fractions: Sequence[int]) -> tuple[int, dict[str, Array]]:
        """The first fraction at which every channel stays within 32 bits, and the integers at that."""
        shortcut_fraction = 0 if self.shortcut is None else self.shortcut.fraction
        for fraction in fractions:
            parameters = integer_affine(affine, self._reach(), fraction, shortcut_fraction)
            if parameters is not None:
                if self.shortcut is None:
                    del parameters["shortcut_mul"]
                return fraction, parameters
        raise UsageError(
            f"cannot freeze {self.group.place}: a scale of {np.abs(affine.scale).max():.3g} does not fit 32 bits",
            "look for a batch norm whose running variance is nearly 0",
        )

    def _reach(self) -> NDArray[np.int64]:
        """Largest magnitude [O] that a kernel multiplies: popcounts run from 0 to twice the bound of their sum."""
        counted = isinstance(self.anchor.operator, Conv2d | Dense)
        return self.anchor.bound * (2 if counted else 1)

    def _epilogue(self, outputs: tuple[Output, ...], packing: Packing | None = None) -> Epilogue:
        return Epilogue(
            shortcut_channels=0 if self.shortcut is None else self.shortcut.channels,
            rprelu=self.group.activation is not None and not self.is_byte,
            outputs=outputs,
            code_bits=0 if packing is None else packing.code_bits,
        )


def logits_of(affine: Affine) -> Affine:
    """The same, moved so that 0 is the byte that stands for a logit of 0."""
    return replace(affine, bias=affine.bias + LOGIT_ZERO * LOGIT_STEP)


def logits_packing(value: Value) -> Packing:
    """How a stream becomes the bytes of logits."""
    unit = np.full(value.channels, 2.0**-value.fraction)
    affine = logits_of(Affine(unit, np.zeros_like(unit), np.zeros_like(unit)))
    parameters = integer_affine(affine, np.full(value.channels, 2**15), _LOGIT_FRACTION, 0)
    assert parameters is not None
    del parameters["shortcut_mul"]
    return Packing("byte", 0, parameters)
