from collections.abc import Iterator

import pytest

from tests.training.coloured import WIDTH
from tvm_bnn.models import config
from tvm_bnn.training.evaluation import torch_threads


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presets of width S are tiny."""
    monkeypatch.setitem(config.WIDTHS, "S", WIDTH)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums have one order, and tests that run side by side do not fight for cores."""
    with torch_threads(1):
        yield
