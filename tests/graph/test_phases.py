from pathlib import Path

import pytest
import torch
from torch import nn

from tests.graph.test_compare import HOST, SHAPE
from tvm_bnn.errors import UsageError
from tvm_bnn.graph.capture import capture
from tvm_bnn.graph.choose import ChooseLowering
from tvm_bnn.graph.phases import compile_network, phases
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.ops import Operator
from tvm_bnn.tuning.plan import Choice, default_choice


def chosen(operator: Operator) -> Choice:
    return default_choice(operator, HOST, 1)


def test_a_dump_after_every_phase(tiny_model: LoadedModel, tmp_path: Path) -> None:
    compile_network(tiny_model.network, SHAPE, HOST, 1, chosen, tmp_path / "dump")
    names = ["capture", *(name for name, _ in phases(ChooseLowering(HOST, 1, chosen)))]
    files = sorted((tmp_path / "dump").iterdir())
    assert [file.name for file in files] == [f"{number}-{name}.py" for number, name in enumerate(names)]
    texts = [file.read_text() for file in files]
    assert all(step.name in texts[0] for step in tiny_model.network.steps)
    assert "call_pure_packed" in texts[0]
    assert "call_pure_packed" not in texts[1]
    assert "call_tir" in texts[1]
    assert "call_tir" not in texts[-1]
    for text in texts:
        compile(text, "dump", "exec")


def test_capture_decides_nothing_about_bits(tiny_model: LoadedModel) -> None:
    text = capture(tiny_model.network, SHAPE).script(show_meta=False)
    for kind in {step.operator.kind for step in tiny_model.network.steps}:
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


def test_an_operator_without_a_lowering_is_named_by_its_place(tiny_model: LoadedModel) -> None:
    def refuse(operator: Operator) -> Choice:
        if operator.kind == "conv2d":
            raise UsageError("nothing accepts it", "a hint")
        return chosen(operator)

    with pytest.raises(UsageError, match=r"^conv: nothing accepts it$") as error:
        compile_network(tiny_model.network, SHAPE, HOST, 1, refuse)
    assert error.value.hint == "a hint"
