import platform

import pytest

from tvm_bnn.targets.architecture import architecture_of, host_architecture


@pytest.mark.parametrize(
    ("machine", "name"), [("x86_64", "x86_64"), ("AMD64", "x86_64"), ("aarch64", "aarch64"), ("arm64", "aarch64")]
)
def test_one_name_for_each(monkeypatch: pytest.MonkeyPatch, machine: str, name: str) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert host_architecture() == name


def test_triple() -> None:
    assert architecture_of("aarch64-linux-gnu") == architecture_of("arm64-apple-darwin") == "aarch64"
    assert architecture_of("x86_64-unknown-linux-gnu") == "x86_64"
