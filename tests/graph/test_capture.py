import pytest
import torch
from torch import nn

from tests.graph.test_compare import SHAPE
from tvm_bnn.errors import UsageError
from tvm_bnn.graph.capture import capture
from tvm_bnn.models.load import LoadedModel


def test_capture_decides_nothing_about_bits(tiny_model: LoadedModel) -> None:
    text = capture(tiny_model.network, SHAPE).script(show_meta=False)
    for kind in {step.operator.kind for step in tiny_model.network.integer_steps}:
        assert f"tvm_bnn.{kind}" in text
    assert "prim_func" not in text


class Branching(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image if bool(image.sum() > 0) else image + 1


class Foreign(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.linalg.svdvals(image[0, :, :, 0].float())


def test_what_torch_cannot_export() -> None:
    with pytest.raises(UsageError, match="cannot be exported") as error:
        capture(Branching(), SHAPE)
    assert "\n" not in error.value.message
    assert error.value.hint


def test_an_operator_unknown_to_relax() -> None:
    with pytest.raises(UsageError, match="cannot be lowered") as error:
        capture(Foreign(), SHAPE)
    assert "\n" not in error.value.message
    assert error.value.hint
