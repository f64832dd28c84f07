"""Networks of other kinds than ours, from their file to a compiled network."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Cli, cli
from tvm_bnn.graph.compare import compiled_trace
from tvm_bnn.graph.phases import Compiled, compile_network
from tvm_bnn.models.load import LoadedModel, load
from tvm_bnn.nn.calibration import synthetic_pictures
from tvm_bnn.profiling.profile import profile
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning.plan import default_choice

__all__ = ["cli"]

SIZE = (32, 48)
EXAMPLES = ("examples.dense_net:factory", "examples.u_net:factory")


@pytest.fixture(scope="module", params=EXAMPLES)
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return load(request.param, input_size=SIZE)


@pytest.fixture(scope="module")
def compiled(model: LoadedModel) -> Compiled:
    target = resolve_host()
    return compile_network(
        model.network, (1, *SIZE, 3), target, 2, lambda operator: default_choice(operator, target, 2)
    )


def test_compiled_as_torch_computes_it(model: LoadedModel, compiled: Compiled) -> None:
    image = synthetic_pictures(1, SIZE, seed=3).permute(0, 2, 3, 1).contiguous()
    reference, found = model.network.trace(image), compiled_trace(compiled, model.network, image.numpy())
    differing = {name: np.mean(found[name] != reference[name]) for name in set(found) & set(reference)}
    if model.network.bit_identical:
        assert {name: share for name, share in differing.items() if share} == {}
    # What rounds in floating point may tip a bit here and there.
    assert differing[model.network.output] < 0.01


def test_only_one_of_them_is_bit_identical(model: LoadedModel) -> None:
    assert model.network.bit_identical == model.name.startswith("examples.dense_net")


def test_ordinary_operators_are_profiled(model: LoadedModel, compiled: Compiled) -> None:
    operators = profile(model, compiled, warmup=1, repeat=2).operators
    ordinary = [operator for operator in operators if operator.kind == "float"]
    assert ordinary
    assert {(operator.lowering, operator.schedule) for operator in ordinary} == {("ordinary", "fallback")}
    assert sum(operator.share or 0 for operator in operators) == pytest.approx(1)
    assert all((operator.median_ms or 0) > 0 for operator in ordinary)


def test_summary_tells_what_differs(cli: Cli) -> None:
    document = json.loads(cli("summary", EXAMPLES[1], "--input-size", "32x48", "--format", "json").out)
    inexact = {layer["name"] for layer in document["layers"] if not layer["bit_identical"]}
    assert not document["bit_identical"]
    assert inexact == {"norm", "cat"}
    assert document["total"]["real_macs"] > 0
    code, out, err = cli("summary", EXAMPLES[1], "--input-size", "32x48")
    assert (code, err) == (0, "")
    line = out.splitlines()[-1]
    assert line.startswith("not bit-identical across targets: norm (")
    assert line.endswith("; cat (mean, softmax, mul)")


def test_summary_of_what_is_bit_identical(cli: Cli) -> None:
    document = json.loads(cli("summary", EXAMPLES[0], "--input-size", "32x48", "--format", "json").out)
    assert document["bit_identical"]
    assert all(layer["bit_identical"] for layer in document["layers"])
    assert "bit-identical" not in cli("summary", EXAMPLES[0], "--input-size", "32x48").out


def test_from_network_to_labels(cli: Cli, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    from PIL import Image

    Image.fromarray(synthetic_pictures(1, SIZE)[0].permute(1, 2, 0).numpy()).save(picture)
    bundle = tmp_path / "bundle"
    assert cli("compile", EXAMPLES[1], "--input-size", "32x48", "-o", bundle).code == 0
    entries = json.loads((bundle / "manifest.json").read_text())["operators"]
    assert "ordinary" in {entry["lowering"] for entry in entries}
    assert cli("run", bundle, picture, "-o", tmp_path / "labels.png").code == 0
