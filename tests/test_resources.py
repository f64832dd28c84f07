from pathlib import Path
from typing import Literal

import pytest

from tvm_bnn import resources
from tvm_bnn.errors import ToolchainError
from tvm_bnn.resources import data_root

KINDS: list[Literal["schedules", "targets"]] = ["schedules", "targets"]


@pytest.mark.parametrize("kind", KINDS)
def test_checkout(kind: Literal["schedules", "targets"]) -> None:
    assert data_root(kind) == Path(__file__).resolve().parent.parent / kind


@pytest.mark.parametrize("kind", KINDS)
def test_installed(kind: Literal["schedules", "targets"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "tvm_bnn" / "_data" / kind
    inside.mkdir(parents=True)
    (tmp_path / kind).mkdir()
    monkeypatch.setattr(resources, "PACKAGE", tmp_path / "tvm_bnn")
    assert data_root(kind) == inside


def test_broken_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "PACKAGE", tmp_path / "tvm_bnn")
    with pytest.raises(ToolchainError, match="'targets'"):
        data_root("targets")
