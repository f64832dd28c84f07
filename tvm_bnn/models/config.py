"""What defines a segmentation network; plain data, without torch."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.errors import UsageError, closest

STRIDE = 32
"""Heights and widths of pictures are multiples of this: the encoder halves the map five times."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Width:
    """How wide and deep the encoder is.

    Attributes:
        channels: of the stages at stride 4, 8, 16 and 32; each a multiple of 64 and of the one before.
        depths: binary convolutions in each stage.
    """

    channels: tuple[int, ...]
    depths: tuple[int, ...]


WIDTHS = {
    "S": Width((64, 128, 256, 512), (4, 4, 4, 4)),
    "M": Width((128, 256, 512, 512), (4, 4, 6, 4)),
    "L": Width((128, 256, 512, 1024), (6, 8, 10, 6)),
}


@dataclass(frozen=True)
class SegmentationConfig:
    """A segmentation network and the pictures it is meant for.

    Attributes:
        name: of the preset it began as.
        classes: by label.
        input_size: (H, W) unless the user says otherwise.
        width: S, M or L.

    Raises:
        UsageError: unknown width.
    """

    name: str
    classes: tuple[ClassInfo, ...]
    input_size: Size
    width: str = "S"

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
            return cls(data["name"], classes, (int(height), int(width)), data["width"])
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
