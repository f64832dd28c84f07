from dataclasses import dataclass

import pytest
import tvm
from tvm import te
from tvm.target.codegen import llvm_get_cpu_features

from tvm_bnn.errors import UsageError
from tvm_bnn.resources import data_root
from tvm_bnn.targets import load, names, resolve_host

BOARDS = ["rpi5", "rpi4", "rpi3"]


@dataclass(frozen=True)
class Row:
    """A shipped target, and what a popcount loop must become on it."""

    name: str
    popcount: str
    register: str


ROWS = [
    Row("x86-amx", "vpopcntq", "zmm"),
    Row("x86-avx512", "vpopcntq", "zmm"),
    Row("x86-avx2", "vpshufb", "ymm"),
    *(Row(name, "cnt\tv", ".16b") for name in BOARDS),
]
# What LLVM may use without being told to, by Linux's names of it; the rest is for the system or about the order of
# instructions.
INSTRUCTIONS = {
    "neon": {"asimd"},
    "fp-armv8": {"fp"},
    "crc": {"crc32"},
    "aes": {"aes", "pmull"},
    "sha2": {"sha1", "sha2"},
    "lse": {"atomics"},
    "fullfp16": {"fphp", "asimdhp"},
    "rdm": {"asimdrdm"},
    "rcpc": {"lrcpc"},
    "ccpp": {"dcpop"},
    "dotprod": {"asimddp"},
    "ssbs": {"ssbs"},
    "sve": {"sve"},
    "fp16fml": {"asimdfhm"},
    "bf16": {"bf16"},
    "i8mm": {"i8mm"},
}


def popcount_assembly(name: str) -> str:
    a, b = (te.placeholder((1024,), "uint64", name=side) for side in "ab")
    c = te.compute((1024,), lambda i: te.popcount(a[i] ^ b[i]), name="c")
    target = tvm.target.Target(load(name).tvm_target(2))
    return str(tvm.compile(te.create_prim_func([a, b, c]), target=target).mod.inspect_source("asm"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_compiler_uses_the_instructions_of_the_target(row: Row) -> None:
    assembly = popcount_assembly(row.name)
    assert row.popcount in assembly
    assert row.register in assembly


def test_compiler_accepts_the_portable_target() -> None:
    assert popcount_assembly("cpu-portable")


def llvm_to_linux(feature: str) -> str:
    return feature.lstrip("+").replace("-", "")


@pytest.mark.parametrize("name", names())
def test_every_extension_switched_on_is_required(name: str) -> None:
    target = load(name)
    switched_on = {llvm_to_linux(feature) for feature in target.llvm.mattr if feature.startswith("+")}
    assert switched_on <= {flag.replace("_", "") for flag in target.requires}


@pytest.mark.parametrize("name", names())
def test_facts_that_were_not_measured_say_nominal(name: str) -> None:
    for fact in load(name).facts.values():
        assert fact.source.startswith(("nominal: ", "register-only loops measured on "))


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_requires_whatever_its_code_may_use(name: str) -> None:
    target = load(name)
    switched_on = set(map(str, llvm_get_cpu_features(tvm.target.Target(target.tvm_target(1)))))
    assert set().union(*(INSTRUCTIONS.get(feature, ()) for feature in switched_on)) == target.requires


def test_boards_are_the_targets_with_cores_of_their_own() -> None:
    boards = [name for name in names() if load(name).cores and load(name).kind == "cpu"]
    assert boards == BOARDS
    for target in map(load, boards):
        assert target.architecture == "aarch64"
        assert target.parts
        assert target.llvm.mcpu == target.core
        assert target.like in (None, *boards)
        assert {"clock_ghz"} < set(target.facts)


@pytest.mark.parametrize("name", BOARDS)
def test_the_pipeline_of_a_board_is_described(name: str) -> None:
    assert (data_root("targets") / "cores" / f"{load(name).core}.toml").is_file()


GPUS = {"h200": 90, "a100": 80, "orin": 87}


def test_gpus() -> None:
    found = {name: load(name) for name in names() if load(name).kind == "cuda"}
    assert {name: target.cuda.number for name, target in found.items() if target.cuda} == GPUS
    for target in found.values():
        assert target.cores
        assert target.lanes == 32
        assert {"shared_bytes_per_block", "tensor_int8_gops_per_core"} <= set(target.facts)
        assert target.tvm_target(1)["kind"] == "cuda"


# Operations of one instruction of 128 bits, times how many of it issue in a cycle, by each core's pipes.
PER_CYCLE = {"rpi3": (256 / 3, 32 / 3, 8), "rpi4": (256 / 1.5, 32 / 2, 8), "rpi5": (256 / 1.5, 2 * 32, 2 * 8)}


@pytest.mark.parametrize("name", BOARDS)
def test_peaks_of_a_board_are_those_of_its_pipes(name: str) -> None:
    target = load(name)
    peaks = [target.peak(f"{kind}_gops_per_core") / target.peak("clock_ghz") for kind in ("binary", "int8", "float")]
    assert peaks == pytest.approx(PER_CYCLE[name])


def test_tiles_are_a_peak_of_their_own() -> None:
    with_tiles = [name for name in names() if "amx_int8_gops_per_core" in load(name).facts]
    assert with_tiles == ["x86-amx"]
    assert load("x86-amx").peak("int8_gops_per_core") < load("x86-amx").peak("amx_int8_gops_per_core")


def test_names_are_those_of_the_targets() -> None:
    assert [load(name).name for name in names()] == names()
    assert names()[-1] == "cpu-portable"


def test_cpu_means_this_host() -> None:
    assert load("cpu") == resolve_host()


def test_unknown_name() -> None:
    with pytest.raises(UsageError, match="got 'x86-avx51'") as caught:
        load("x86-avx51")
    assert str(caught.value.hint).startswith("did you mean 'x86-avx512'? choose from: cpu, cuda, x86-amx, ")


@pytest.mark.parametrize("name", ["", "../x86-avx2", "CPU"])
def test_a_name_is_not_a_path(name: str) -> None:
    with pytest.raises(UsageError):
        load(name)
