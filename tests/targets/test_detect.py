import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tvm_bnn.errors import ToolchainError
from tvm_bnn.targets import detect, load, resolve_host
from tvm_bnn.targets.detect import cache_bytes, cpu_flags, cpu_model, cpu_parts, logical_cores, missing_features

X86 = """processor\t: 0
model name\t: Some CPU @ 2.60GHz
flags\t\t: fpu avx2 amx_tile

processor\t: 1
model name\t: Some CPU @ 2.60GHz
flags\t\t: fpu avx2
"""
PI = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU part\t: 0xd08

Hardware\t: BCM2835
Model\t\t: Raspberry Pi 4 Model B Rev 1.4
"""


def cpuinfo(folder: Path, text: str) -> Path:
    path = folder / "cpuinfo"
    path.write_text(text)
    return path


def test_flags_are_those_of_every_core(tmp_path: Path) -> None:
    assert cpu_flags(cpuinfo(tmp_path, X86)) == {"fpu", "avx2"}


def test_arm_flags(tmp_path: Path) -> None:
    assert cpu_flags(cpuinfo(tmp_path, PI)) == {"fp", "asimd", "evtstrm", "crc32", "cpuid"}


def test_parts_are_those_of_all_kinds_of_cores(tmp_path: Path) -> None:
    assert cpu_parts(cpuinfo(tmp_path, PI)) == {"0xd08"}
    assert cpu_parts(cpuinfo(tmp_path, PI + PI.replace("0xd08", "0xd03"))) == {"0xd03", "0xd08"}
    assert cpu_parts(cpuinfo(tmp_path, X86)) == frozenset()
    assert cpu_parts(tmp_path / "absent") == frozenset()


def test_no_flags_without_the_list(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path / "absent") == frozenset()
    assert cpu_flags(cpuinfo(tmp_path, "processor : 0\n")) == frozenset()


def test_model(tmp_path: Path) -> None:
    assert cpu_model(cpuinfo(tmp_path, X86)) == "Some CPU @ 2.60GHz"
    assert cpu_model(cpuinfo(tmp_path, PI)) == "Raspberry Pi 4 Model B Rev 1.4"
    assert cpu_model(tmp_path / "absent")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_cores_respect_affinity() -> None:
    before = os.sched_getaffinity(0)
    assert logical_cores() == len(before)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert logical_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_cores_without_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert logical_cores() == 1


def test_cache_sizes(tmp_path: Path) -> None:
    for index, (level, kind, size) in enumerate([(1, "Data", "32K"), (1, "Instruction", "64K"), (2, "Unified", "1M")]):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, text in {"level": str(level), "type": kind, "size": size}.items():
            (folder / name).write_text(text + "\n")
    assert cache_bytes(1, tmp_path) == 32 * 1024
    assert cache_bytes(2, tmp_path) is None
    assert cache_bytes(3, tmp_path) is None
    assert cache_bytes(1, tmp_path / "absent") is None


def test_missing_features() -> None:
    target = load("x86-avx512")
    assert missing_features(target, target.requires) == []
    assert missing_features(target, target.requires - {"fma", "avx512f"}) == ["avx512f", "fma"]


@pytest.mark.parametrize("name", ["x86-amx", "x86-avx512", "x86-avx2", "cpu-portable"])
def test_host_gets_the_most_specific_target(name: str) -> None:
    assert resolve_host(load(name).requires | {"fpu"}).name == name


@pytest.mark.parametrize(
    ("name", "following"), [("x86-amx", "x86-avx512"), ("x86-avx512", "x86-avx2"), ("x86-avx2", "cpu-portable")]
)
def test_any_flag_short_is_the_next_target(name: str, following: str) -> None:
    everything = load("x86-amx").requires
    for flag in load(name).requires - load(following).requires:
        present = load(name).requires - {flag}
        assert resolve_host(present).name == following, flag
    # A flag that the next target needs as well takes that one too.
    for flag in load(following).requires:
        assert load(following).rank > resolve_host(everything - {flag}).rank, flag


@dataclass(frozen=True)
class Machine:
    """A machine by what Linux tells of it, and the target that it gets."""

    flags: str
    parts: frozenset[str]
    architecture: str
    target: str


PI_4 = "fp asimd evtstrm crc32 cpuid"
PI_5 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
MACHINES = [
    Machine(PI_4, frozenset({"0xd03"}), "aarch64", "rpi3"),
    Machine(PI_4, frozenset({"0xd08"}), "aarch64", "rpi4"),
    Machine(PI_5, frozenset({"0xd0b"}), "aarch64", "rpi5"),
    # Another core, two kinds of cores, none that Linux names, and a kernel that hides the dot product.
    Machine(PI_5, frozenset({"0xd0c"}), "aarch64", "cpu-portable"),
    Machine(PI_4, frozenset({"0xd03", "0xd08"}), "aarch64", "cpu-portable"),
    Machine(PI_4, frozenset(), "aarch64", "cpu-portable"),
    Machine(PI_5.replace(" asimddp", ""), frozenset({"0xd0b"}), "aarch64", "cpu-portable"),
    # A 32-bit system on the board.
    Machine(PI_4, frozenset({"0xd08"}), "armv7l", "cpu-portable"),
    Machine(PI_4, frozenset({"0xd08"}), "x86_64", "cpu-portable"),
]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: "-".join([*sorted(machine.parts), machine.target]))
def test_a_board_is_known_by_its_cores(machine: Machine) -> None:
    flags = frozenset(machine.flags.split())
    assert resolve_host(flags, machine.parts, machine.architecture).name == machine.target


def test_this_host_satisfies_its_target() -> None:
    assert missing_features(resolve_host(), cpu_flags()) == []


def test_installation_without_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "read_all", dict)
    with pytest.raises(ToolchainError, match="any CPU"):
        resolve_host(frozenset())
