import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tvm_bnn.errors import ToolchainError
from tvm_bnn.verification import yardstick
from tvm_bnn.verification.yardstick import Request, measure

SMALL = Request(height=4, width=6, channels=16, ck=8, cv=16, threads=1)


def test_the_process_times_both_precisions_and_the_rest() -> None:
    timings = measure(SMALL)
    assert [way.split()[1] for way in timings.products] == ["float32", "bfloat16"]
    assert min(*timings.products.values(), timings.rest) > 0


def test_all_ways_compute_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yardstick, "_ROWS_BYTES", 24 * 4 * 5)
    results = [call() for call in yardstick._ways(24, SMALL, torch.float32).values()]
    for result in results:
        torch.testing.assert_close(result[..., : SMALL.cv], results[0][..., : SMALL.cv])


def test_large_maps_leave_out_what_needs_all_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yardstick, "_LARGE", 8)
    timed: list[int] = []

    def median(call: Callable[[], torch.Tensor]) -> float:
        timed.append(call().shape[2])
        return float(len(timed))

    monkeypatch.setattr(yardstick, "_median", median)
    assert dict(yardstick._products(SMALL)) == {"sdpa float32": 3000.0, "sdpa bfloat16": 6000.0}
    assert timed == [3, 3, 24] * 2


def test_a_process_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'Traceback' >&2\necho 'RuntimeError: not enough memory' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ToolchainError, match="dense attention could not be timed: RuntimeError: not enough memory"):
        measure(SMALL)
