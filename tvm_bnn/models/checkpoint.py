"""Trained networks in safetensors files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from tvm_bnn.errors import UsageError
from tvm_bnn.files import write_atomic
from tvm_bnn.models.config import SegmentationConfig
from tvm_bnn.models.segmentation import SegmentationNet

SCHEMA_VERSION = 2

_ENTRY, _CALIBRATION = "checkpoint", "calibration"


def save_checkpoint(path: Path | str, network: SegmentationNet, calibration: Tensor) -> None:
    """Write a network, its configuration and the pictures that its frozen scales are to be measured on.

    Args:
        path: of the file, by custom ``.safetensors``.
        network: trained.
        calibration: uint8 [N, 3, H, W].

    Raises:
        UsageError: the place cannot be written.
    """
    tensors = {f"network.{name}": tensor.contiguous() for name, tensor in network.state_dict().items()}
    tensors[_CALIBRATION] = calibration.contiguous()
    header = {"schema_version": SCHEMA_VERSION, "config": network.config.to_json()}
    # Safetensors writes its entries in an order that changes; with a single one, equal networks are equal files.
    write_atomic(path, safetensors.torch.save(tensors, {_ENTRY: json.dumps(header)}))


def load_checkpoint(path: Path | str) -> tuple[SegmentationNet, Tensor]:
    """Inverse of :func:`save_checkpoint`: the network in evaluation mode, and the calibration pictures.

    Raises:
        UsageError: no such file, one of another version, or one that :func:`save_checkpoint` did not write.
    """
    if not Path(path).is_file():
        raise UsageError(f"expected a checkpoint, got no file at '{path}'", "give a .safetensors file or a preset")
    try:
        header, tensors = _read(path)
        network = SegmentationNet(SegmentationConfig.from_json(header["config"]))
        calibration = tensors.pop(_CALIBRATION)
        network.load_state_dict({name.removeprefix("network."): tensor for name, tensor in tensors.items()})
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"expected a checkpoint of version {SCHEMA_VERSION}, got another file at '{path}': {reason}",
            "give a .safetensors file that `tvm-bnn train` wrote",
        ) from error
    return network.eval(), calibration


def _read(path: Path | str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    with safetensors.safe_open(str(path), framework="pt") as file:
        header = _header(file.metadata() or {})
        if header["schema_version"] != SCHEMA_VERSION:
            raise UsageError(
                f"expected a checkpoint of version {SCHEMA_VERSION}, got one of version {header['schema_version']}"
                f" at '{path}'",
                "train the network again, or use the version of tvm-bnn that wrote the file",
            )
        return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _header(metadata: dict[str, str]) -> dict[str, Any]:
    # Version 1 had an entry for everything.
    header: dict[str, Any] = json.loads(metadata[_ENTRY]) if _ENTRY in metadata else metadata
    return header
