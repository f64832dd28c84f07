from importlib.util import find_spec
from typing import Any

import pytest

from tests.estimation.faulty import doubled, library
from tvm_bnn.errors import ToolchainError
from tvm_bnn.estimation import require_packages
from tvm_bnn.estimation.machine import Machine


def test_all_packages_are_there() -> None:
    require_packages()


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = library(doubled)

    def without(name: str, *arguments: Any) -> Any:
        return None if name in ("unicorn", "elftools") else find_spec(name, *arguments)

    monkeypatch.setattr("tvm_bnn.estimation.find_spec", without)
    with pytest.raises(ToolchainError, match="got none of: unicorn, pyelftools") as caught:
        Machine(kernel, "aarch64")
    assert caught.value.exit_code == 4
    assert caught.value.hint == "run: pip install 'tvm-bnn[rpi]'"
