from pathlib import Path

import pytest

from tvm_bnn.deploy.elf import read_elf
from tvm_bnn.errors import UsageError
from tvm_bnn.targets import host_architecture


def test_a_library_of_this_machine(tiny_bundle: Path) -> None:
    elf = read_elf(tiny_bundle / "model.so")
    assert elf.architecture == host_architecture()
    assert 0 < elf.code < (tiny_bundle / "model.so").stat().st_size


@pytest.mark.parametrize("size", [0, 10, 70])
def test_what_is_cut_is_refused(tiny_bundle: Path, tmp_path: Path, size: int) -> None:
    (tmp_path / "cut").write_bytes((tiny_bundle / "model.so").read_bytes()[:size])
    with pytest.raises(UsageError, match="expected a 64-bit ELF file for x86_64 or aarch64, got another"):
        read_elf(tmp_path / "cut")


@pytest.mark.parametrize(("place", "value"), [(0, 0), (4, 1), (5, 2), (18, 8)])
def test_other_kinds_are_refused(tiny_bundle: Path, tmp_path: Path, place: int, value: int) -> None:
    content = bytearray((tiny_bundle / "model.so").read_bytes())
    content[place] = value
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(UsageError, match="got another at"):
        read_elf(tmp_path / "other")
