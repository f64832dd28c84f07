"""GPUs, and a driver that tells of one."""

import ctypes
from typing import Any

from tvm_bnn.targets.gpu import _ATTRIBUTES, Gpu

H200 = Gpu("NVIDIA H200", 9, 0, 132, 1_980_000, 3_201_000, 6144, 62_914_560, 233_472, 232_448)
GEFORCE = Gpu("NVIDIA GeForce RTX 4090", 8, 9, 128, 2_520_000, 10_501_000, 384, 75_497_472, 102_400, 101_376)


class Driver:
    """Stands for libcuda; ``init`` and ``get`` are what its first two functions return."""

    def __init__(self, gpu: Gpu, init: int = 0, get: int = 0) -> None:
        self.gpu, self.init, self.get = gpu, init, get

    def cuInit(self, flags: int) -> int:
        return self.init

    def cuDeviceGet(self, device: Any, number: int) -> int:
        device._obj.value = number
        return self.get

    def cuDeviceGetName(self, name: Any, size: int, device: ctypes.c_int) -> int:
        name.value = self.gpu.name.encode()
        return 0

    def cuDeviceGetAttribute(self, value: Any, number: int, device: ctypes.c_int) -> int:
        (key,) = (key for key, known in _ATTRIBUTES.items() if known == number)
        value._obj.value = getattr(self.gpu, key)
        return 0
