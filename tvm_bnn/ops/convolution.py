"""What the convolutions share, whatever numbers they multiply: a window slides over a map and fills another."""

from __future__ import annotations

import abc
import dataclasses
from typing import Self

from tvm_bnn.ops.base import AccumulatingOperator
from tvm_bnn.ops.checks import pair, positive
from tvm_bnn.ops.window import Pair, Window


class Convolution(AccumulatingOperator):
    """A map [N, H, W, ...] to an accumulator [N, HO, WO, O]."""

    batch: int
    height: int
    width: int
    in_channels: int
    out_channels: int
    kernel: Pair
    stride: Pair
    padding: Pair

    @property
    @abc.abstractmethod
    def window(self) -> Window:
        """The sliding window."""

    @property
    def output_size(self) -> Pair:
        """Height and width of the output map."""
        return self.window.output((self.height, self.width))

    def accumulator_shape(self) -> tuple[int, ...]:
        """[N, HO, WO, O]."""
        return (self.batch, *self.output_size, self.out_channels)

    def at(self, shape: tuple[int, ...]) -> Self:
        """The same convolution of an input [N, H, W, ...]."""
        return dataclasses.replace(self, batch=shape[0], height=shape[1], width=shape[2])  # type: ignore[type-var]

    def label(self) -> str:
        """Kernel, channels and output size, then what is not as usual."""
        usual = [self.kind, across(self.kernel), f"{self.in_channels}->{self.out_channels}", across(self.output_size)]
        return " ".join(usual + self._extras())

    def _extras(self) -> list[str]:
        return setting("s", self.stride)

    def _check_fields(self) -> None:
        positive(self.kind, batch=self.batch, height=self.height, width=self.width)
        positive(self.kind, in_channels=self.in_channels, out_channels=self.out_channels)
        self._read_pairs(1, "kernel", "stride")
        self._read_pairs(0, "padding")
        if min(self.output_size) < 1:
            raise ValueError(f"{self.kind}: kernel {self.kernel} does not fit a map of {self.height}x{self.width}")

    def _read_pairs(self, low: int, *names: str) -> None:
        for name in names:
            object.__setattr__(self, name, pair(self.kind, name, getattr(self, name), low))


def across(size: Pair) -> str:
    """Both axes: ``3x3``."""
    return f"{size[0]}x{size[1]}"


def setting(letter: str, value: Pair) -> list[str]:
    """A stride or a dilation: nothing for 1, ``s2`` for 2 along both axes, ``s1x2`` where the axes differ."""
    if value == (1, 1):
        return []
    return [letter + (str(value[0]) if value[0] == value[1] else across(value))]
