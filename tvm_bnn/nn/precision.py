"""Which precision a layer computes in while a network is trained in mixed precision, that is under ``torch.autocast``.

Only products are worth fewer bits. Signs and weights of few bits are exact in them, and sums over them are rounded as
any gradient is; thresholds, norms, scales and the stream stay in single precision.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def product_dtype(x: Tensor) -> torch.dtype:
    """The type of the operands of a product: that of ``x``, or what autocast asks for on its device."""
    return torch.get_autocast_dtype(x.device.type) if _autocasts(x) else x.dtype


def full_precision(x: Tensor) -> AbstractContextManager[object]:
    """A context in which autocast changes nothing that is computed from ``x``."""
    return torch.autocast(x.device.type, enabled=False) if _autocasts(x) else nullcontext()


def _autocasts(x: Tensor) -> bool:
    device = x.device.type
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
