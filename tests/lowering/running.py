"""Kernels run and compared with the integer reference: on this host, or emulated where it is another architecture."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.strategies import random_inputs
from tvm_bnn._tvm import build, tvm
from tvm_bnn.deploy.link import link
from tvm_bnn.estimation.machine import Machine
from tvm_bnn.lowering.base import Lowering
from tvm_bnn.ops import Operator
from tvm_bnn.ops.tensors import Array
from tvm_bnn.spaces.base import Point, Setting, Space
from tvm_bnn.targets import Target, cpu_flags, missing_features


def require(target: Target) -> None:
    """Skip the test where the target's code can neither run on the host nor be emulated."""
    if target.is_cross():
        for package in ("unicorn", "capstone", "elftools"):
            pytest.importorskip(package)
        return
    missing = missing_features(target, cpu_flags())
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


def compare(
    lowering: Lowering, space: Space, setting: Setting, points: Sequence[Point], arrays: list[Array] | None = None
) -> None:
    """The kernel gives the reference's bytes at the default and at ``points``."""
    operator, target = setting.operator, setting.target
    inputs = random_inputs(operator, np.random.default_rng(7)) if arrays is None else arrays
    expected = operator.reference(*inputs)
    for point in (space.default(setting), *points):
        found = run(lowering, space, setting, point, inputs)
        for spec, want, got in zip(operator.outputs(), expected, found, strict=True):
            np.testing.assert_array_equal(got, want, f"{target.name} {point} {spec.name} of {operator.label()}")


def run(lowering: Lowering, space: Space, setting: Setting, point: Point, arrays: list[Array]) -> list[Array]:
    """What the kernel writes, over outputs that hold something else."""
    operator, target = setting.operator, setting.target
    outputs = [np.full(spec.shape, 85, spec.dtype) for spec in operator.outputs()]
    call(_kernel(lowering, space, setting, point), target, [*lowering.pack_inputs(operator, target, arrays), *outputs])
    return outputs


def call(kernel: Any, target: Target, arrays: Sequence[Array]) -> None:
    """Run a kernel once; what it writes is written back to the arrays."""
    if target.is_cross():
        _emulate(kernel, target, arrays)
        return
    tensors = [tvm.runtime.tensor(array) for array in arrays]
    kernel["main"](*tensors)
    for array, tensor in zip(arrays, tensors, strict=True):
        array[...] = tensor.numpy()


def _emulate(kernel: Any, target: Target, arrays: Sequence[Array]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "kernel.so"
        link(kernel, library, target)
        Machine(library, "aarch64", target.requires).run("main", arrays)


def assembly(lowering: Lowering, space: Space, operator: Operator, target: Target) -> str:
    """The instructions of the default arrangement; nothing is run."""
    setting = Setting(operator, target, 1)
    return str(_kernel(lowering, space, setting, space.default(setting)).mod.inspect_source("asm"))


def _kernel(lowering: Lowering, space: Space, setting: Setting, point: Point) -> Any:
    function = lowering.function(setting.operator, setting.target)
    return build(space.scheduled(function, setting, point), setting.target.tvm_target(setting.threads))


def ragged(space: Space, setting: Setting, rows: int, columns: int) -> Point:
    """A point whose tiles do not divide a map of that size, in the last of the orders."""
    tile = next(tile for tile in reversed(space.tiles(setting)) if rows % tile[0] or columns % tile[1])
    return Point(tile, space.variants(setting)[-1])
