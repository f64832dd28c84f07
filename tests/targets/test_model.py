import pytest

from tvm_bnn.errors import UsageError
from tvm_bnn.targets import model
from tvm_bnn.targets.model import Fact, Llvm, Target


def make(llvm: Llvm) -> Target:
    facts = {"binary_gops_per_core": Fact(2400, "Gop/s", "nominal: a test")}
    return Target("demo", "cpu", "a demo", 1, frozenset({"avx2"}), llvm, facts)


def test_tvm_target_with_everything() -> None:
    target = make(Llvm("x86_64-linux-gnu", "x86-64-v4", ("+avx512vnni",)))
    assert target.tvm_target(3) == {
        "kind": "llvm",
        "mtriple": "x86_64-linux-gnu",
        "mcpu": "x86-64-v4",
        "mattr": ["+avx512vnni"],
        "num-cores": 3,
    }


def test_tvm_target_leaves_out_what_is_unset() -> None:
    assert make(Llvm()).tvm_target(1) == {"kind": "llvm", "num-cores": 1}


@pytest.mark.parametrize("threads", [0, -2])
def test_tvm_target_needs_a_thread(threads: int) -> None:
    with pytest.raises(UsageError, match=f"at least 1 thread, got {threads}"):
        make(Llvm()).tvm_target(threads)


def test_peak() -> None:
    assert make(Llvm()).peak("binary_gops_per_core") == 2400


def test_unknown_peak() -> None:
    with pytest.raises(UsageError, match="'binary_gops'") as caught:
        make(Llvm()).peak("binary_gops")
    assert "binary_gops_per_core" in str(caught.value.hint)


def test_targets_can_be_keys() -> None:
    assert len({make(Llvm()), make(Llvm()), make(Llvm(mcpu="x86-64-v3"))}) == 2


def test_code_for_another_instruction_set_is_cross(monkeypatch: pytest.MonkeyPatch) -> None:
    board = make(Llvm("aarch64-linux-gnu"))
    for host, is_cross in (("aarch64", False), ("x86_64", True)):
        monkeypatch.setattr(model, "host_architecture", lambda host=host: host)
        assert board.is_cross() is is_cross
        assert not make(Llvm()).is_cross()
    assert (board.architecture, make(Llvm()).architecture) == ("aarch64", None)
