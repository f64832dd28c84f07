import dataclasses
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from tests.nn.nets import PICTURES, Net, ready
from tvm_bnn.deploy.bundle import write_bundle
from tvm_bnn.deploy.manifest import file_entry, read_manifest, verify_files
from tvm_bnn.errors import ToolchainError, UsageError
from tvm_bnn.graph.phases import Compiled, compile_network
from tvm_bnn.lowering.binary_amx import BinaryAmxConv2d
from tvm_bnn.lowering.registry import Row
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.nn import freeze
from tvm_bnn.spaces.tile_loops import TileLoops
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning.plan import default_choice


def test_files_and_manifest(tiny_bundle: Path, tiny_compiled: Compiled) -> None:
    assert sorted(os.listdir(tiny_bundle)) == ["README.md", "manifest.json", "model.so"]
    manifest = read_manifest(tiny_bundle)
    assert manifest.files == {"model.so": file_entry(tiny_bundle / "model.so")}
    assert (manifest.target, set(manifest.requires)) == (resolve_host().name, set(resolve_host().requires))
    assert (manifest.input.shape, manifest.input.dtype, manifest.input.layout) == ((1, 16, 24, 3), "uint8", "NHWC")
    assert (manifest.output.shape, manifest.output.dtype, manifest.output.layout) == ((1, 16, 24), "uint8", "NHW")
    assert [operator.name for operator in manifest.operators] == [placed.name for placed in tiny_compiled.operators]
    assert set(manifest.versions) == {"tvm-bnn", "tvm", "tvm-ffi"}


@pytest.mark.parametrize(("end", "layout"), [(nn.Sigmoid(), "NCHW"), (nn.Flatten(2), "unknown")])
def test_a_real_result_is_described_as_torch_has_it(end: nn.Module, layout: str, tmp_path: Path) -> None:
    network = freeze(ready(Net(8, lambda net, x: net.end(x), end=end)), PICTURES)
    model = LoadedModel("net", "", (16, 24), (), network, trained=True)
    host = resolve_host()
    compiled = compile_network(network, (1, 16, 24, 3), host, 1, lambda operator: default_choice(operator, host, 1))
    manifest = write_bundle(tmp_path / "bundle", model, compiled)
    assert (manifest.output.dtype, manifest.output.layout) == ("float32", layout)
    assert {operator.kind: operator.schedule for operator in manifest.operators}["float"] == "fallback"


def test_counts_are_of_the_operators(tiny_bundle: Path) -> None:
    manifest = read_manifest(tiny_bundle)
    schedules = [operator.schedule for operator in manifest.operators]
    assert manifest.schedules == {name: schedules.count(name) for name in sorted(set(schedules))}
    assert manifest.evidence == {"none": 4}


def test_classes_keep_names_and_colours(tiny_bundle: Path, tiny_model: LoadedModel) -> None:
    manifest = read_manifest(tiny_bundle)
    assert [(entry.name, entry.color) for entry in manifest.classes] == list(tiny_model.classes)


def test_the_same_network_gives_the_same_bytes(
    tiny_bundle: Path, tiny_model: LoadedModel, tiny_compiled: Compiled, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "again", tiny_model, tiny_compiled)
    for name in os.listdir(tiny_bundle):
        assert (tmp_path / "again" / name).read_bytes() == (tiny_bundle / name).read_bytes()


def test_compiling_again_gives_the_same_bytes(
    tiny_bundle: Path, tiny_model: LoadedModel, tiny_compiled: Compiled, tmp_path: Path
) -> None:
    host = tiny_compiled.target
    shape = tiny_compiled.input_shape
    again = compile_network(tiny_model.network, shape, host, 1, lambda operator: default_choice(operator, host, 1))
    write_bundle(tmp_path / "again", tiny_model, again, sources=True)
    write_bundle(tmp_path / "first", tiny_model, tiny_compiled, sources=True)
    assert (tmp_path / "again" / "model.so").read_bytes() == (tiny_bundle / "model.so").read_bytes()
    for name in ("manifest.json", "README.md", "source/model.ll", "source/model.s"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()


def test_with_the_runtime_everything_has_a_checksum(runtime_bundle: Path, tiny_bundle: Path) -> None:
    manifest = read_manifest(runtime_bundle)
    verify_files(runtime_bundle, manifest)
    found = {path.relative_to(runtime_bundle).as_posix() for path in runtime_bundle.rglob("*") if path.is_file()}
    assert found == {*manifest.files, "manifest.json", "README.md"}
    assert manifest.brings_runtime
    assert not read_manifest(tiny_bundle).brings_runtime
    assert manifest.libraries == ("libtvm_ffi.so", "libtvm_runtime.so")
    assert "cmake -S native" in (runtime_bundle / "README.md").read_text()
    assert "cmake" not in (tiny_bundle / "README.md").read_text()


def test_a_bundle_with_the_runtime_is_replaced_by_one_without(
    runtime_bundle: Path, tiny_model: LoadedModel, tiny_compiled: Compiled, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(runtime_bundle, tmp_path / "bundle"))
    (bundle / "native" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"also holds native/mine\.txt, which would be lost"):
        write_bundle(bundle, tiny_model, tiny_compiled)
    (bundle / "native" / "mine.txt").unlink()
    write_bundle(bundle, tiny_model, tiny_compiled)
    assert sorted(os.listdir(bundle)) == ["README.md", "manifest.json", "model.so"]


def test_untrained_weights_are_marked(tiny_model: LoadedModel, tiny_compiled: Compiled, tmp_path: Path) -> None:
    untrained = dataclasses.replace(tiny_model, trained=False)
    assert not write_bundle(tmp_path / "bundle", untrained, tiny_compiled).trained
    assert not read_manifest(tmp_path / "bundle").trained


def test_a_bundle_says_whether_it_uses_tiles(
    tiny_bundle: Path, tiny_model: LoadedModel, tiny_compiled: Compiled, tmp_path: Path
) -> None:
    """Said of the lowerings that were chosen, not of what the target could do."""
    assert not read_manifest(tiny_bundle).amx_tiles
    row = Row(BinaryAmxConv2d(), TileLoops())
    stem, conv, *rest = tiny_compiled.operators
    tiled = dataclasses.replace(conv, choice=dataclasses.replace(conv.choice, row=row))
    assert write_bundle(
        tmp_path / "bundle", tiny_model, dataclasses.replace(tiny_compiled, steps=(stem, tiled, *rest))
    ).amx_tiles
    assert read_manifest(tmp_path / "bundle").amx_tiles


def test_a_failed_link_leaves_the_old_bundle(
    tiny_bundle: Path,
    tiny_model: LoadedModel,
    tiny_compiled: Compiled,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(ToolchainError, match="linking failed"):
        write_bundle(bundle, tiny_model, tiny_compiled)
    assert os.listdir(tmp_path) == ["bundle"]
    assert (bundle / "model.so").read_bytes() == (tiny_bundle / "model.so").read_bytes()


def test_the_three_lines_of_the_readme_run(
    tiny_bundle: Path, tmp_path: Path, photograph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    shutil.copy(photograph, bundle / "picture.jpg")
    monkeypatch.chdir(bundle)
    code = re.search(r"```python\n(.*)```", (bundle / "README.md").read_text(), re.DOTALL)
    assert code is not None
    assert len(code[1].splitlines()) == 3
    names: dict[str, np.ndarray] = {}
    exec(code[1], names)
    assert names["labels"].shape == (16, 24)
