"""What defines a segmentation network; plain data, without torch."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.errors import UsageError, closest

STRIDE = 32
"""Heights and widths of pictures are multiples of this: the encoder halves the map five times."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Width:
    """How wide and deep the encoder is.

    Attributes:
        channels: of the stages at stride 4, 8, 16 and 32; each a multiple of the one before, and of 64 where speed
            matters.
        depths: binary convolutions in each stage.
    """

    channels: tuple[int, ...]
    depths: tuple[int, ...]


WIDTHS = {
    "XS": Width((32, 64, 64, 128), (2, 2, 2, 2)),
    "S": Width((64, 128, 256, 512), (4, 4, 4, 4)),
    "M": Width((128, 256, 512, 512), (4, 4, 6, 4)),
    "L": Width((128, 256, 512, 1024), (6, 8, 10, 6)),
}


Upsampling = Literal["bilinear", "single", "multi-branch"]
Attention = Literal["none", "pooled", "dense"]


@dataclass(frozen=True)
class Design:
    """What the network is made of. The default is the product; the others exist to be compared with it.

    Attributes:
        upsampling: how the decoder doubles a map: several branches, one branch of equal work (5x5 for three times
            3x3), or a 1x1 convolution. All of them binary, all of them followed by bilinear interpolation.
        attention: at output stride 8: pooled and binary, dense and real, or none.
        real: weights and activations are real throughout: the network's twin in floating point.

    Raises:
        UsageError: an unknown choice.
    """

    upsampling: Upsampling = "multi-branch"
    attention: Attention = "pooled"
    real: bool = False

    def __post_init__(self) -> None:
        """Check the choices."""
        for name, given, known in (
            ("upsampling", self.upsampling, get_args(Upsampling)),
            ("attention", self.attention, get_args(Attention)),
        ):
            if given not in known:
                raise UsageError(f"{name}: expected {', '.join(known)}, got '{given}'", closest(given, known))

    @property
    def integer(self) -> bool:
        """Whether the network freezes into integers."""
        return not self.real and self.attention != "dense"


@dataclass(frozen=True)
class SegmentationConfig:
    """A segmentation network and the pictures it is meant for.

    Attributes:
        name: of the preset it began as.
        classes: by label.
        input_size: (H, W) unless the user says otherwise.
        width: S, M or L; XS for experiments.
        design: of the network.

    Raises:
        UsageError: unknown width.
    """

    name: str
    classes: tuple[ClassInfo, ...]
    input_size: Size
    width: str = "S"
    design: Design = field(default_factory=Design)

    def __post_init__(self) -> None:
        """The width must be known."""
        if self.width not in WIDTHS:
            raise UsageError(f"width: expected {', '.join(WIDTHS)}, got '{self.width}'", closest(self.width, WIDTHS))

    def to_json(self) -> str:
        """Text from which :meth:`from_json` makes an equal configuration."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SegmentationConfig:
        """Inverse of :meth:`to_json`.

        Raises:
            ValueError: anything else.
        """
        data: dict[str, Any] = json.loads(text)
        try:
            classes = tuple(ClassInfo(name, tuple(color)) for name, color in data["classes"])
            height, width = data["input_size"]
            return cls(data["name"], classes, (int(height), int(width)), data["width"], Design(**data["design"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"no configuration of a segmentation network: {error!r}") from error


def check_size(size: Size, stride: int) -> None:
    """Raise UsageError, naming the nearest sizes that work, unless both sides are multiples of ``stride``."""
    height, width = size
    if min(size) > 0 and not height % stride and not width % stride:
        return
    sides = (("height", height), ("width", width))
    advice = [f"{name} {_nearest(side, stride)}" for name, side in sides if side < 1 or side % stride]
    raise UsageError(
        f"input size: expected multiples of {stride}, got {height}x{width}", f"sizes that work: {', '.join(advice)}"
    )


def _nearest(side: int, stride: int) -> str:
    below = side // stride * stride
    return f"{below} or {below + stride}" if below > 0 else str(stride)
