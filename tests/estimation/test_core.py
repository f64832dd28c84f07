from pathlib import Path

import pytest

from tvm_bnn.errors import UsageError
from tvm_bnn.estimation.core import MicroOp, core_names, load_core, read_core

SMALL = """
architecture = "aarch64"
llvm = "generic"
sources = ["nobody"]
width = 2
window = 8
in_order = false
ports = ["A", "B", "C"]

[groups]
AB = ["A", "B"]

[unknown]
name = "unknown"
uops = ["C"]
latency = 9

[[classes]]
name = "sum"
forms = ['add x,x,x', 'sub .*']
uops = ["AB", "B|C*3"]
latency = 2

[[classes]]
name = "any sum"
forms = ['add .*']
uops = ["A", "B"]
latency = 1
load = 4
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "small.toml"
    path.write_text(text)
    return path


def test_a_table_becomes_a_core(tmp_path: Path) -> None:
    core = read_core(written(tmp_path, SMALL))
    found = core.class_of("add x,x,x")
    assert found is not None
    assert (core.name, found.name, found.latency, found.accumulate, found.slots) == ("small", "sum", 2, 2, 2)
    assert found.micro_ops == (MicroOp((0, 1)), MicroOp((1, 2), 3))
    assert core.unknown.micro_ops == (MicroOp((2,)),)


def test_the_first_class_that_has_the_whole_form_counts(tmp_path: Path) -> None:
    core = read_core(written(tmp_path, SMALL))
    names = [found and found.name for found in map(core.class_of, ("sub w,w,#", "add w,w,w", "add x,x,x", "eor x,x,x"))]
    assert names == ["sum", "any sum", "sum", None]


def test_an_instruction_of_a_fused_core_takes_one_slot(tmp_path: Path) -> None:
    core = read_core(written(tmp_path, SMALL.replace("in_order = false", "in_order = false\nfused = true")))
    found = core.class_of("add x,x,x")
    assert found is not None
    assert found.slots == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('uops = ["C"]', 'uops = ["D"]', "expected ports among A, B, C, AB, got 'D'"),
        ('uops = ["C"]', 'uops = ["C*0"]', r"got 'C\*0'"),
        ('uops = ["C"]', 'uops = ["C*100"]', r"got 'C\*100'"),
        ("in_order = false", "in_order = true", "expected no field 'load'"),
        ("width = 2", "width = 0", "field 'width': Input should be greater than or equal to 1"),
        ("window = 8", "windows = 8", "field 'window"),
        ("width = 2", "width =", "expected TOML"),
        ("'sub .*'", "'sub ('", "missing \\)"),
        ('AB = ["A", "B"]', 'AB = ["A", "Z"]', "'Z' is not in list"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = written(tmp_path, SMALL.replace(old, new))
    with pytest.raises(UsageError, match=message) as caught:
        read_core(path)
    assert str(path) in str(caught.value)


def test_unknown_core() -> None:
    with pytest.raises(UsageError, match="got 'cortex-a73'") as caught:
        load_core("cortex-a73")
    assert str(caught.value.hint).startswith("did you mean 'cortex-a7")


@pytest.mark.parametrize("name", core_names())
def test_shipped_tables(name: str) -> None:
    core = load_core(name)
    assert core.sources
    used = {port for _, found in core.classes for micro_op in found.micro_ops for port in micro_op.ports}
    assert used == set(range(len(core.ports)))
    assert all(found.load < 10 and found.accumulate <= found.latency for _, found in core.classes)
    assert len({found.name for _, found in core.classes}) == len(core.classes)
