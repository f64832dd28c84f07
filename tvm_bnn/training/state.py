"""The state of a run in one safetensors file: network, optimiser, step and settings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from tvm_bnn.errors import UsageError
from tvm_bnn.files import write_atomic
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.training.settings import TrainingSettings

SCHEMA_VERSION = 1

_ENTRY = "run"
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
_START_OVER = "start over with --fresh (what is there is moved aside), or name another folder"


@dataclass(frozen=True)
class State:
    """What a file holds.

    Attributes:
        path: of the file.
        step: steps done.
        settings: of the run.
        config: of the network, as JSON.
        tensors: ``network.NAME`` for parameters and buffers, ``optimiser.NAME.KEY`` for what AdamW keeps of each
            parameter that it has moved.
    """

    path: Path
    step: int
    settings: TrainingSettings
    config: str
    tensors: dict[str, Tensor]

    def check(self, settings: TrainingSettings, network: SegmentationNet) -> None:
        """See that this is the state of a run with these settings.

        Raises:
            UsageError: names what differs.
        """
        differing = settings.differences(self.settings)
        if not differing and self.config != network.config.to_json():
            differing = ["another network"]
        if differing:
            raise UsageError(f"'{self.path.parent}' holds a run with {', '.join(differing)}", _START_OVER)

    def restore(self, network: SegmentationNet, optimiser: torch.optim.AdamW) -> None:
        """Bring network and optimiser back to where they were.

        Raises:
            UsageError: tensors are missing or of other shapes.
        """
        weights = {n.removeprefix("network."): t for n, t in self.tensors.items() if n.startswith("network.")}
        try:
            network.load_state_dict(weights)
            for name, parameter in network.named_parameters():
                optimiser.state[parameter] = self._moments(name, parameter)
        except (KeyError, RuntimeError) as error:
            raise _damaged(self.path, error) from error

    def _moments(self, name: str, parameter: Tensor) -> dict[str, Tensor]:
        kept = {key: t for key in _MOMENTS if (t := self.tensors.get(f"optimiser.{name}.{key}")) is not None}
        # Before the first step, and for parameters that no gradient reached, there are none.
        if kept and (kept.keys() != set(_MOMENTS) or kept["exp_avg"].shape != parameter.shape):
            raise KeyError(f"optimiser.{name}")
        return {key: tensor.to(parameter.device, copy=True) for key, tensor in kept.items()}


def save_state(
    path: Path, step: int, settings: TrainingSettings, network: SegmentationNet, optimiser: torch.optim.AdamW
) -> None:
    """Write the state of a run, whole or not at all.

    Raises:
        UsageError: the place cannot be written.
    """
    tensors = {f"network.{name}": tensor.contiguous() for name, tensor in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        kept = optimiser.state.get(parameter, {})
        tensors |= {f"optimiser.{name}.{key}": kept[key].contiguous() for key in _MOMENTS if key in kept}
    run = {
        "schema_version": SCHEMA_VERSION,
        "step": step,
        "settings": settings.to_json(),
        "config": network.config.to_json(),
    }
    # Safetensors writes its entries in an order that changes; with a single one, equal states are equal files.
    write_atomic(path, safetensors.torch.save(tensors, {_ENTRY: json.dumps(run)}))


def read_state(path: Path) -> State:
    """Inverse of :func:`save_state`.

    Raises:
        UsageError: a damaged file, or one that :func:`save_state` did not write.
    """
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            run = json.loads((file.metadata() or {})[_ENTRY])
            if run["schema_version"] != SCHEMA_VERSION:
                raise ValueError(f"schema version {run['schema_version']}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        settings = TrainingSettings.from_json(run["settings"])
        return State(path, int(run["step"]), settings, run["config"], tensors)
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UsageError:
    reason = " ".join(str(error).split())[:200]
    return UsageError(
        f"expected the state of a training run, got a damaged or another file at '{path}': {reason}", _START_OVER
    )
