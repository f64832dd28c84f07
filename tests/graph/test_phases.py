from pathlib import Path

from tests.graph.test_compare import HOST, SHAPE
from tvm_bnn.graph.choose import ChooseLowering
from tvm_bnn.graph.ordinary import ArrangeOrdinary
from tvm_bnn.graph.phases import compile_network, phases
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.ops import Operator
from tvm_bnn.tuning.plan import Choice, default_choice


def chosen(operator: Operator) -> Choice:
    return default_choice(operator, HOST, 1)


def test_a_dump_after_every_phase(tiny_model: LoadedModel, tmp_path: Path) -> None:
    compile_network(tiny_model.network, SHAPE, HOST, 1, chosen, tmp_path / "dump")
    choose = ChooseLowering(HOST, 1, chosen)
    names = ["capture", *(name for name, _ in phases(choose, ArrangeOrdinary(HOST, 1, choose)))]
    files = sorted((tmp_path / "dump").iterdir())
    assert [file.name for file in files] == [f"{number}-{name}.py" for number, name in enumerate(names)]
    texts = [file.read_text() for file in files]
    assert all(step.name in texts[0] for step in tiny_model.network.steps)
    assert "call_pure_packed" in texts[1]
    assert "call_pure_packed" not in texts[2]
    assert "call_tir" in texts[2]
    assert "call_tir" not in texts[-1]
    for text in texts:
        compile(text, "dump", "exec")
