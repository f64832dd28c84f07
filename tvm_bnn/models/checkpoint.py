"""Trained networks in safetensors files: whole, to be trained further, or packed, to be deployed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from tvm_bnn.errors import UsageError
from tvm_bnn.files import write_atomic
from tvm_bnn.models.config import SegmentationConfig
from tvm_bnn.models.packing import packed, unpack_into
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn.calibration import Peaks
from tvm_bnn.nn.freeze import measure_peaks

SCHEMA_VERSION = 2

_ENTRY, _CALIBRATION, _PREFIX = "checkpoint", "calibration", "network."


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        network: in evaluation mode.
        calibration: pictures uint8 [N, 3, H, W] that its frozen scales are to be measured on, or what was measured.
        trained_on: what is known of its training, such as data, steps and metrics; empty where nothing was noted.
        packed: whether of binary weights nothing but the signs is left, so that it cannot be trained further.
    """

    network: SegmentationNet
    calibration: Tensor | Peaks
    trained_on: Mapping[str, Any]
    packed: bool


def save_checkpoint(path: Path | str, network: SegmentationNet, calibration: Tensor) -> None:
    """Write a network, its configuration and the pictures that its frozen scales are to be measured on.

    Args:
        path: of the file, by custom ``.safetensors``.
        network: trained.
        calibration: uint8 [N, 3, H, W].

    Raises:
        UsageError: the place cannot be written.
    """
    tensors = dict(network.state_dict()) | {_CALIBRATION: calibration}
    _write(path, network, tensors, {})


def save_packed(
    path: Path | str, network: SegmentationNet, calibration: Tensor | Peaks, trained_on: Mapping[str, Any]
) -> None:
    """Write a network as it is deployed: as small as it gets, and frozen it is the same to the last bit.

    Args:
        path: of the file, by custom ``.safetensors``.
        network: trained; its design must freeze into integers.
        calibration: uint8 [N, 3, H, W], in whose place what freezing needs to know of them is written; or that.
        trained_on: whatever is worth knowing of its training, as JSON.

    Raises:
        UsageError: the place cannot be written.
    """
    peaks = calibration if isinstance(calibration, Peaks) else measure_peaks(network, calibration)
    header = {"packed": {"shape": peaks.shape, "peaks": dict(peaks.values)}, "trained_on": dict(trained_on)}
    _write(path, network, packed(network), header)


def _write(path: Path | str, network: SegmentationNet, tensors: Mapping[str, Tensor], more: Mapping[str, Any]) -> None:
    named = {name if name == _CALIBRATION else _PREFIX + name: tensor.contiguous() for name, tensor in tensors.items()}
    header = {"schema_version": SCHEMA_VERSION, "config": network.config.to_json(), **more}
    # Safetensors writes its entries in an order that changes; with a single one, equal networks are equal files.
    write_atomic(path, safetensors.torch.save(named, {_ENTRY: json.dumps(header)}))


def load_checkpoint(path: Path | str) -> tuple[SegmentationNet, Tensor | Peaks]:
    """The network of a file in evaluation mode, and what :func:`tvm_bnn.nn.freeze` is to be given with it.

    Raises:
        UsageError: as :func:`read_checkpoint`.
    """
    checkpoint = read_checkpoint(path)
    return checkpoint.network, checkpoint.calibration


def read_checkpoint(path: Path | str) -> Checkpoint:
    """Inverse of :func:`save_checkpoint` and :func:`save_packed`.

    Raises:
        UsageError: no such file, one of another version, or one that neither of them wrote.
    """
    if not Path(path).is_file():
        raise UsageError(f"expected a checkpoint, got no file at '{path}'", "give a .safetensors file or a preset")
    try:
        return _checkpoint(*_read(path))
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            f"expected a checkpoint of version {SCHEMA_VERSION}, got another file at '{path}': {reason}",
            "give a .safetensors file that `tvm-bnn train` wrote",
        ) from error


def _checkpoint(header: dict[str, Any], tensors: dict[str, Tensor]) -> Checkpoint:
    network = SegmentationNet(SegmentationConfig.from_json(header["config"]))
    seen = header.get("packed")
    calibration = tensors.pop(_CALIBRATION) if seen is None else Peaks(tuple(seen["shape"]), seen["peaks"])
    state = {name.removeprefix(_PREFIX): tensor for name, tensor in tensors.items()}
    if seen is None:
        network.load_state_dict(state)
    else:
        unpack_into(network, state)
    return Checkpoint(network.eval(), calibration, header.get("trained_on", {}), seen is not None)


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
