import contextlib

import pytest

from tests.targets.gpus import GEFORCE, H200
from tvm_bnn.deploy import host
from tvm_bnn.deploy.host import check_host, check_target
from tvm_bnn.errors import ToolchainError
from tvm_bnn.targets import load, names


def test_a_host_that_has_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "cpu_flags", lambda: frozenset({"avx2", "fma"}))
    check_host("x", frozenset({"avx2"}))
    check_host("x", frozenset())


def test_missing_features_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "cpu_flags", lambda: frozenset({"avx2"}))
    with pytest.raises(ToolchainError, match="target x: expected a CPU with amx_int8, amx_tile, got one without"):
        check_host("x", frozenset({"amx_tile", "avx2", "amx_int8"}))


def test_another_instruction_set_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "host_architecture", lambda: "x86_64")
    monkeypatch.setattr(host, "cpu_flags", lambda: frozenset({"avx2"}))
    with pytest.raises(ToolchainError, match="target rpi4: expected an aarch64 CPU, got x86_64") as caught:
        check_host("rpi4", load("rpi4").requires, "aarch64")
    assert "tvm-bnn tune and profile estimate" in str(caught.value.hint)


def test_a_board_that_is_named_runs_on_another_with_its_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "host_architecture", lambda: "aarch64")
    monkeypatch.setattr(host, "cpu_flags", lambda: frozenset({"fp", "asimd", "crc32", "sve"}))
    check_host("rpi4", load("rpi4").requires)
    with pytest.raises(ToolchainError, match=r"target rpi5: expected a CPU with .*asimddp.*, got one without"):
        check_host("rpi5", load("rpi5").requires)


@pytest.mark.parametrize("name", names())
def test_every_target_for_another_instruction_set_or_a_gpu_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    target = load(name)
    monkeypatch.setattr(host, "host_architecture", lambda: "x86_64")
    monkeypatch.setattr(host, "cpu_flags", lambda: target.requires)
    monkeypatch.setattr(host, "find_gpu", lambda: GEFORCE)
    refused = target.architecture == "aarch64" or target.kind == "cuda"
    with pytest.raises(ToolchainError) if refused else contextlib.nullcontext():
        check_target(target)


def test_the_gpu_of_a_target_is_let_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "find_gpu", lambda: H200)
    check_target(load("h200"))
    with pytest.raises(
        ToolchainError, match="target a100: expected an NVIDIA GPU of sm_80, got NVIDIA H200, which is sm_90"
    ):
        check_target(load("a100"))
