"""Machine code of kernels for GPUs: the instructions that a lowering is named for are there, nothing is spilled."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lowering import machine_code
from tests.lowering.test_registry import FULL
from tvm_bnn.deploy import nvrtc
from tvm_bnn.lowering.registry import Row, row_named, rows_for
from tvm_bnn.models.load import load as load_model
from tvm_bnn.ops import Conv2d, Dense, Epilogue, Operator, PooledAttention
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target, load

CONV = Conv2d(1, 12, 32, 64, 64, epilogue=FULL)
RAGGED = Conv2d(1, 13, 43, 64, 128, epilogue=Epilogue(outputs=("stream", "signs")))
ATTENTION = PooledAttention(1, 12, 40, 110, 64, 128, epilogue=Epilogue())
DENSE = Dense(48, 128, 64, epilogue=Epilogue(outputs=("signs",)))

BITS = {"a100": "BMMA.168256.XOR.POPC", "orin": "BMMA.168256.XOR.POPC", "h200": "BMMA.168256.AND.POPC"}
BYTES = "IMMA.16832"

LOWERINGS: dict[str, tuple[str, ...]] = {
    "binary-mma": ("BMMA",),
    "signs-mma-int8": ("IMMA",),
    "attention-mma": ("BMMA", "IMMA"),
    "popcount-threads": ("POPC",),
    "popcount-masked-threads": ("POPC",),
}
"""Instructions that there have to be."""

CASES = [
    (CONV, "binary-mma", "h200"),
    (CONV, "binary-mma", "orin"),
    (RAGGED, "binary-mma", "a100"),
    (DENSE, "binary-mma", "h200"),
    (RAGGED, "signs-mma-int8", "h200"),
    (RAGGED, "popcount-threads", "h200"),
    (ATTENTION, "attention-mma", "h200"),
    (ATTENTION, "attention-mma", "a100"),
]


@pytest.mark.parametrize(("operator", "lowering", "name"), CASES, ids=lambda case: getattr(case, "kind", case))
def test_default(operator: Operator, lowering: str, name: str) -> None:
    machine_code.require()
    target = load(name)
    row = row_named(operator, target, lowering)
    assert row is not None
    found = check(row, Setting(operator, target, 1), row.space.default(Setting(operator, target, 1)))
    products = {each for each in found if each.startswith(("BMMA", "IMMA"))}
    assert all(each == BITS[name] or each.startswith(BYTES) for each in products)


@pytest.mark.full
@pytest.mark.parametrize("preset", ["cityscapes", "kitti-road", "ecssd"])
@pytest.mark.parametrize("name", ["h200", "a100"])
def test_presets(preset: str, name: str) -> None:
    """Every lowering of every layer: the default, and the tiles at either end of its space."""
    machine_code.require()
    for row, setting in layers(preset, load(name)):
        for point in ends(row, setting):
            check(row, setting, point)


def layers(preset: str, target: Target) -> Iterator[tuple[Row, Setting]]:
    """The layers of a network that differ, with each of their lowerings."""
    model = load_model(preset)
    for operator in dict.fromkeys(o for _, o in model.network.operators_at((1, *model.input_size, 3))):
        for row in rows_for(operator, target):
            yield row, Setting(operator, target, 1)


def ends(row: Row, setting: Setting) -> list[Point]:
    """The default, and by every variant the first and the last tile."""
    tiles = row.space.tiles(setting)
    spread = [Point(tile, variant) for variant in row.space.variants(setting) for tile in tiles[:1] + tiles[-1:]]
    return [row.space.default(setting), *spread]


def check(row: Row, setting: Setting, point: Point) -> set[str]:
    """Nothing is spilled, shared memory is within its limit, the instructions are there; all that there are."""
    kernels = machine_code.kernels(row, setting, point)
    found = {each for kernel in kernels for each in kernel.instructions}
    what: Any = (setting.operator.label(), row.lowering.name, setting.target.name, point)
    assert not [kernel.name for kernel in kernels if kernel.spills()], what
    assert max(kernel.shared for kernel in kernels) <= machine_code.STATIC_SHARED, what
    for wanted in LOWERINGS.get(row.lowering.name, ()):
        assert any(each.startswith(wanted) for each in found), what
    return found


def test_the_same_source_gives_the_same_bytes() -> None:
    machine_code.require()
    source = 'extern "C" __global__ void f(int* x) { x[threadIdx.x] = 1; }'
    assert nvrtc.compile_cuda(source, "sm_90") == nvrtc.compile_cuda(source, "sm_90")


def test_memory_of_a_thread_is_noticed() -> None:
    machine_code.require()
    body = "int y[64]; for (int i = 0; i < 99; ++i) y[x[i] & 63] = i; *x = y[n];"
    source = f'extern "C" __global__ void f(int* x, int n) {{ {body} }}'
    (kernel,) = machine_code.disassembled(nvrtc.compile_cuda(source, "sm_90"))
    assert kernel.spills()
