import pytest

from tvm_bnn.deploy import host
from tvm_bnn.deploy.host import check_host
from tvm_bnn.errors import ToolchainError


def test_a_host_that_has_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "cpu_flags", lambda: frozenset({"avx2", "fma"}))
    check_host("x", frozenset({"avx2"}))
    check_host("x", frozenset())


def test_missing_features_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "cpu_flags", lambda: frozenset({"avx2"}))
    with pytest.raises(ToolchainError, match="target x: expected a CPU with amx_int8, amx_tile, got one without"):
        check_host("x", frozenset({"amx_tile", "avx2", "amx_int8"}))
