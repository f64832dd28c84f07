"""What is measured; plain data that every process understands, whatever is installed in its Python."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

CHAIN = 5
"""Convolutions in the longer network of a difference."""

LAST_CHANNELS = 32
"""Outputs of the networks between which a layer that changes its shape makes the difference."""


@dataclass(frozen=True)
class Layer:
    """One convolution of a single map, padded so that it keeps the map's size, or halves it with stride 2."""

    height: int
    width: int
    in_channels: int
    out_channels: int
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    groups: int = 1

    @property
    def padding(self) -> int:
        """On every side."""
        return self.dilation * (self.kernel // 2)

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of the output."""
        return -(-self.height // self.stride), -(-self.width // self.stride)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """[O, C / G, k, k]."""
        return self.out_channels, self.in_channels // self.groups, self.kernel, self.kernel

    @property
    def macs(self) -> int:
        """Multiply-accumulates; taps in the padding count."""
        height, width = self.output_size
        return height * width * self.out_channels * self.in_channels // self.groups * self.kernel**2

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "layer", **dataclasses.asdict(self)}


@dataclass(frozen=True)
class Difference:
    """Two networks whose times differ by those of ``count`` layers: what comes before and after cancels."""

    longer: tuple[Layer, ...]
    shorter: tuple[Layer, ...]
    count: int


def difference(layer: Layer) -> Difference:
    """Networks from which the time of one layer follows, without the conversions at both ends of a network.

    A layer that keeps its shape follows itself: (five of them - one) / 4. One that does not stands between two
    others; without it a last one with as many outputs reads the map of the first. The last one is so narrow that what
    it has to do with the layer and without it differs by a hundredth of the layer's products, for which the layer
    pays.
    """
    if layer.stride == 1 and layer.in_channels == layer.out_channels:
        return Difference((layer,) * CHAIN, (layer,), CHAIN - 1)
    first = Layer(layer.height, layer.width, layer.in_channels, layer.in_channels)
    last = Layer(*layer.output_size, layer.out_channels, LAST_CHANNELS, kernel=1)
    instead = Layer(layer.height, layer.width, layer.in_channels, LAST_CHANNELS, kernel=1, stride=layer.stride)
    return Difference((first, layer, last), (first, instead), 1)


@dataclass(frozen=True)
class Network:
    """A preset of the segmentation network at a width and a size of picture."""

    preset: str
    width: str
    size: tuple[int, int]

    @property
    def name(self) -> str:
        """For tables and files."""
        return f"{self.preset} {self.width} {self.size[0]}x{self.size[1]}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"kind": "network", **dataclasses.asdict(self)}


def case_from_dict(data: dict[str, Any]) -> Layer | Network:
    """Inverse of ``to_dict``."""
    fields = {name: value for name, value in data.items() if name != "kind"}
    if data["kind"] == "layer":
        return Layer(**fields)
    return Network(fields["preset"], fields["width"], (fields["size"][0], fields["size"][1]))
