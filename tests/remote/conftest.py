from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.loopback import tracker
from tvm_bnn.remote.tracker import Address


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """The address of a tracker."""
    with tracker(tmp_path_factory.mktemp("tracker")) as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where boards write their logs."""
    return tmp_path
