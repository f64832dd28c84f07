import pytest
import torch

from tvm_bnn.errors import UsageError
from tvm_bnn.training.device import device_named, mixed, precision_on


def test_a_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [device_named(name) for name in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [device_named(name) for name in ("auto", "cpu")] == ["cpu", "cpu"]
    with pytest.raises(UsageError, match="--device: expected a GPU that torch can use for cuda, got none"):
        device_named("cuda")


def test_precision_goes_with_the_device_unless_it_is_named() -> None:
    assert (precision_on("cpu", None), precision_on("cuda", None)) == ("float32", "bfloat16")
    assert (precision_on("cpu", "bfloat16"), precision_on("cuda", "float32")) == ("bfloat16", "float32")


def test_only_bfloat16_is_mixed() -> None:
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with mixed("cpu", precision):
            assert (torch.ones(1, 1) @ torch.ones(1, 1)).dtype == dtype
