from pathlib import Path

import pytest

from tvm_bnn.errors import UsageError
from tvm_bnn.resources import data_root
from tvm_bnn.targets.reader import read_all, read_target


@pytest.fixture
def text() -> str:
    return (data_root("targets") / "x86-avx512.toml").read_text()


def write(folder: Path, text: str, name: str = "x86-avx512.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_reads_a_file(tmp_path: Path, text: str) -> None:
    target = read_target(write(tmp_path, text))
    assert (target.name, target.kind, target.llvm.mcpu) == ("x86-avx512", "cpu", "x86-64-v4")
    assert "-prefer-256-bit" in target.llvm.mattr
    assert target.facts["binary_gops_per_core"].unit == "Gop/s"


def test_facts_that_not_every_cpu_has_may_be_absent(tmp_path: Path, text: str) -> None:
    kept = [line for line in text.splitlines() if not line.startswith("l3_bytes_per_core")]
    assert "l3_bytes_per_core" in text
    facts = read_target(write(tmp_path, "\n".join(kept))).facts
    assert "l3_bytes_per_core" not in facts
    assert "amx_int8_gops_per_core" not in facts


def test_a_class_of_machines_is_no_board(tmp_path: Path, text: str) -> None:
    target = read_target(write(tmp_path, text))
    assert (target.cores, target.core, target.parts, target.architecture) == (None, None, frozenset(), None)
    assert "clock_ghz" not in target.facts


def test_a_board_has_cores_a_clock_and_part_numbers(tmp_path: Path) -> None:
    board = (data_root("targets") / "rpi4.toml").read_text()
    target = read_target(write(tmp_path, board, "rpi4.toml"))
    assert (target.cores, target.core, target.parts) == (4, "cortex-a72", frozenset({"0xd08"}))
    assert (target.architecture, target.peak("clock_ghz")) == ("aarch64", 1.5)


BROKEN = [
    ("rank = 20", "rank = -1", "'rank'"),
    ("rank = 20", "rang = 20", "'rank'.*required"),
    ("rank = 20", "rank = 20\nchips = 4", "'chips'.*not permitted, got 4"),
    ("rank = 20", "rank = 20\ncores = 0", "'cores'.*got 0"),
    ("rank = 20", 'rank = 20\nparts = ["3336"]', "'parts.0'.*got '3336'"),
    ("rank = 20", 'rank = 20\ncore = "../zen4"', "'core'.*got '../zen4'"),
    ('kind = "cpu"', 'kind = "toaster"', "'kind'.*got 'toaster'"),
    ("value = 2400", "value = 0", "'facts.binary_gops_per_core.value'.*got 0"),
    ("value = 2400", "value = nan", "'facts.binary_gops_per_core.value'"),
    ("l1d_bytes", "l1_bytes", "'facts.l1d_bytes'"),
    ('"-prefer-256-bit"', '"prefer-256-bit"', "'llvm.mattr.4'"),
    ('name = "x86-avx512"', 'name = "x86-avx51"', "'name': expected 'x86-avx512', got 'x86-avx51'"),
    ("[facts]", "[facts", "expected TOML, got: .*line"),
]


@pytest.mark.parametrize(("old", "new", "message"), BROKEN)
def test_malformed_file_names_file_and_field(tmp_path: Path, text: str, old: str, new: str, message: str) -> None:
    assert old in text
    with pytest.raises(UsageError, match=f"x86-avx512.toml: .*{message}") as caught:
        read_target(write(tmp_path, text.replace(old, new)))
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_not_text(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"a\.toml: expected TOML"):
        read_target(tmp_path / "a.toml")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.toml: cannot be read: No such file"):
        read_target(tmp_path / "a.toml")


def test_shipped_targets_are_ordered_and_ranked_apart() -> None:
    ranks = [target.rank for target in read_all().values()]
    assert ranks == sorted(set(ranks), reverse=True)
