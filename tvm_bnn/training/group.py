"""Processes that train one network together, as ``torchrun`` starts them, each with a share of every batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed
from torch import Tensor, nn


@dataclass(frozen=True)
class Group:
    """One of several processes; alone, nothing is exchanged and nothing is rounded otherwise.

    Attributes:
        rank: of this process.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files and shows progress."""
        return self.rank == 0

    @property
    def part(self) -> slice:
        """Of a batch: what this process computes."""
        return slice(self.rank, None, self.size)

    def wait(self) -> None:
        """Go on when all have come here."""
        self.total(0)

    def any(self, here: bool) -> bool:
        """Whether it is true for at least one process."""
        return self.total(float(here)) > 0

    def total(self, here: float) -> float:
        """The sum over all processes, in double precision."""
        return float(self._summed(torch.tensor([here], dtype=torch.float64))[0])

    def sum_gradients(self, network: nn.Module) -> None:
        """Replace every gradient by the sum over all processes."""
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        self._exchange(gradients, 1)

    def average_statistics(self, network: nn.Module) -> None:
        """Replace the running means of norms, and other real buffers, by the mean over all processes."""
        self._exchange([buffer for buffer in network.buffers() if buffer.is_floating_point()], self.size)

    def _exchange(self, tensors: list[Tensor], divisor: int) -> None:
        if self.size == 1:
            return
        # One message instead of hundreds.
        whole = self._summed(torch.cat([tensor.reshape(-1) for tensor in tensors])) / divisor
        for tensor, part in zip(tensors, whole.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def _summed(self, values: Tensor) -> Tensor:
        if self.size > 1:
            torch.distributed.all_reduce(values)
        return values


ALONE = Group()
"""The only process."""


@contextmanager
def joined() -> Iterator[Group]:
    """The group that the environment of this process names, as ``torchrun`` sets it; alone without one."""
    # Other launchers set some of the same variables for purposes of their own.
    if not torch.distributed.is_torchelastic_launched():
        yield ALONE
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Group(torch.distributed.get_rank(), torch.distributed.get_world_size())
    finally:
        torch.distributed.destroy_process_group()


def cores_each(cores: int) -> int:
    """Of the cores of this machine: how many each of its processes may use."""
    launched = torch.distributed.is_torchelastic_launched()
    return max(1, cores // int(os.environ["LOCAL_WORLD_SIZE"])) if launched else cores
