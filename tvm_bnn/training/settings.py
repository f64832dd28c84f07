"""What defines a training run: the same settings give the same network, bit for bit, on the same machine."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from tvm_bnn.data.datasets import Size
from tvm_bnn.errors import UsageError
from tvm_bnn.training.device import DeviceName, Precision


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides what a run does.

    Attributes:
        start: what it begins with: a preset and its width, or the checksum of a checkpoint.
        data: name of the data set.
        size: (H, W) of the pictures.
        pictures: to train on.
        steps: in all.
        batch: pictures a step.
        learning_rate: the highest.
        seed: of the first weights, of the pictures, and of which are drawn when and how they are changed.
        threads: cores of each process; sums are split among them, so another number rounds otherwise.
        processes: that share a batch; each has norms of its own.
        teacher: that is imitated: the checksum of a checkpoint, or none.
        device: cpu or cuda.
        precision: of products, float32 or bfloat16; everything else is in single precision.
        warmup: share of the steps during which the learning rate rises.
        weight_decay: of the weights that are not binary.
        largest_gradient: norm to which a longer gradient is shortened.
        validation_pictures: how many the network is measured on.
        validate_every: steps from one measurement to the next.
        save_every: steps from one saved state to the next.

    Raises:
        UsageError: a number out of range.
    """

    start: str
    data: str
    size: Size
    pictures: int
    steps: int
    batch: int
    learning_rate: float
    seed: int
    threads: int
    processes: int = 1
    teacher: str = "none"
    device: DeviceName = "cpu"
    precision: Precision = "float32"
    warmup: float = 0.05
    weight_decay: float = 0.01
    largest_gradient: float = 1.0
    validation_pictures: int = 100
    validate_every: int = 200
    save_every: int = 100

    def __post_init__(self) -> None:
        """A batch holds different pictures, so there must be enough of them, for every process."""
        if not 0 < self.learning_rate < math.inf:
            raise UsageError(
                f"learning rate: expected a positive number, got {self.learning_rate}",
                "for example --learning-rate 2e-3",
            )
        if self.batch > self.pictures:
            raise UsageError(
                f"batch: expected at most as many as there are pictures ({self.pictures}), got {self.batch}",
                "give fewer with --batch or more with --pictures",
            )
        # A batch norm over anchors of a single picture would have nothing to take a mean of.
        if self.batch % self.processes or self.batch < 2 * self.processes:
            raise UsageError(
                f"batch: expected a multiple of {self.processes} processes, 2 pictures or more each, got {self.batch}",
                f"for example --batch {2 * self.processes * max(1, round(self.batch / (2 * self.processes)))}",
            )

    def to_json(self) -> str:
        """Text from which :meth:`from_json` makes equal settings."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> TrainingSettings:
        """Inverse of :meth:`to_json`.

        Raises:
            ValueError: anything else.
        """
        data: dict[str, Any] = json.loads(text)
        try:
            height, width = data["size"]
            return cls(**{**data, "size": (int(height), int(width))})
        except (KeyError, TypeError) as error:
            raise ValueError(f"no settings of a training run: {error!r}") from error

    def differences(self, held: TrainingSettings) -> list[str]:
        """What is not as in ``held``, such as ``steps 600 (now 800)``."""
        return [
            f"{field.name.replace('_', ' ')} {_told(old)} (now {_told(new)})"
            for field in dataclasses.fields(self)
            if (old := getattr(held, field.name)) != (new := getattr(self, field.name))
        ]


def _told(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
