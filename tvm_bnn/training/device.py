"""Where a network is trained, and in which precision products are computed there."""

from __future__ import annotations

from typing import Literal

import torch

from tvm_bnn.errors import UsageError

DeviceName = Literal["cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]


def device_named(wanted: Literal["auto", "cpu", "cuda"]) -> DeviceName:
    """The device by name; ``auto`` takes a GPU if there is one that torch can use.

    Raises:
        UsageError: a GPU is named, and there is none.
    """
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise UsageError(
            "--device: expected a GPU that torch can use for cuda, got none", "omit --device, or install a CUDA torch"
        )
    return "cuda" if there and wanted != "cpu" else "cpu"


def precision_on(device: DeviceName, wanted: Precision | None) -> Precision:
    """The precision of products: as wanted, else bfloat16 on a GPU, where it costs half or less."""
    return wanted or ("bfloat16" if device == "cuda" else "float32")


def mixed(device: str, precision: str) -> torch.autocast:
    """A context in which products are computed in ``precision``, and everything else in single precision."""
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")
