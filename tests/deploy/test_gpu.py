"""Bundles for a GPU, run by TVM's own part for GPUs on libraries that stand for NVIDIA's."""

import ctypes
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests import fake_cuda as fake
from tests.targets.gpus import GEFORCE, H200
from tvm_bnn.deploy import gpu, host, machine_code
from tvm_bnn.deploy.bundle import write_bundle
from tvm_bnn.deploy.gpu import CUDA_LIBRARY, load_cuda, on_gpu_thread
from tvm_bnn.deploy.manifest import read_manifest
from tvm_bnn.deploy.runner import Runner
from tvm_bnn.errors import ToolchainError, UsageError
from tvm_bnn.graph.phases import Compiled
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.targets import Gpu

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 16, 24, 3), np.uint8)
LABEL = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from tvm_bnn.deploy.runner import Runner
counted = ("launch", "captured", "graph", "malloc", "to the GPU", "to the host", "on the GPU", "module")
pictures = np.random.default_rng(0).integers(0, 256, (3, 16, 24, 3), np.uint8)
runner, found, counts = Runner.load({bundle!r}), [], []
for picture in pictures:
    found.append(runner.run(picture).tolist())
    counts.append({{name: fake_cuda.count(name) for name in counted}})
with ThreadPoolExecutor(3) as pool:
    again = [labels.tolist() for labels in pool.map(runner.run, pictures)]
print(json.dumps([found, again, counts, sys.modules.get("tvm") is not None]))
"""


@pytest.fixture(scope="module")
def bundle(
    tiny_model: LoadedModel, tiny_gpu_compiled: Compiled, fake_cuda: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "gpu"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine_code, "compile_cuda", lambda source, arch: fake.compiled(source, arch, fake_cuda))
        write_bundle(path, tiny_model, tiny_gpu_compiled)
    return path


def test_pictures_are_labelled_on_the_gpu(bundle: Path, tiny_model: LoadedModel, fake_cuda: Path) -> None:
    found, again, counts, compiler = json.loads(fake.output_of(LABEL.format(bundle=str(bundle)), fake_cuda))
    expected = tiny_model.network(torch.from_numpy(PICTURES)).numpy()
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(again, expected)
    assert not compiler
    first, second, third = counts
    assert (first["graph"], first["module"]) == (0, 1)
    assert first["captured"] >= 3
    labels = first["launch"] - first["captured"]
    each = {"launch": labels, "graph": 1, "to the GPU": 1, "to the host": 1}
    assert {name: third[name] - second[name] for name in third if third[name] != second[name]} == each
    assert {name: second[name] - first[name] for name in each} == each


def test_a_bundle_names_what_it_needs(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    assert manifest.gpu == "sm_90"
    assert manifest.libraries[-1] == CUDA_LIBRARY
    assert [name for name in manifest.files if name.startswith("kernels/")]


def test_without_a_gpu_nothing_is_loaded(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> Gpu:
        raise ToolchainError("expected an NVIDIA GPU and its driver, got none")

    monkeypatch.setattr(host, "find_gpu", absent)
    with pytest.raises(ToolchainError, match="target h200: expected an NVIDIA GPU and its driver, got none") as caught:
        Runner.load(bundle)
    assert caught.value.exit_code == 4
    assert "--runner offline" in str(caught.value.hint)


@pytest.mark.parametrize("card", [GEFORCE, replace(H200, major=10)])
def test_another_architecture_is_refused_before_anything_is_loaded(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, card: Gpu
) -> None:
    monkeypatch.setattr(host, "find_gpu", lambda: card)
    with pytest.raises(ToolchainError, match=f"expected an NVIDIA GPU of sm_90, got {card.name}, which is {card.arch}"):
        Runner.load(bundle)


def test_machine_code_that_was_changed_is_refused(bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (kernel,) = (copy / "kernels").iterdir()
    kernel.write_bytes(kernel.read_bytes()[::-1])
    with pytest.raises(UsageError, match=f"kernels/{kernel.name}: expected"):
        Runner.load(copy)


class Ffi:
    def __init__(self, known: object) -> None:
        self.known = known

    def get_global_func(self, name: str, allow_missing: bool = False) -> object:
        return self.known


def test_the_runtime_library_of_a_package_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = tmp_path / "nvidia" / "cu13" / "lib" / "libcudart.so.13"
    runtime.parent.mkdir(parents=True)
    runtime.touch()
    loaded: list[str] = []
    monkeypatch.setattr(gpu, "packages", lambda: [tmp_path / "nvidia"])
    monkeypatch.setattr(ctypes, "CDLL", lambda path, mode: loaded.append(path))
    load_cuda(tmp_path, Ffi("loaded already"))
    assert loaded == []
    load_cuda(tmp_path, Ffi(None))
    assert loaded == [str(runtime), str(tmp_path / CUDA_LIBRARY)]


def test_a_library_that_cannot_be_loaded_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=f"cannot load {CUDA_LIBRARY}: ") as caught:
        load_cuda(tmp_path, Ffi(None))
    assert "pip install 'tvm-bnn[cuda]'" in str(caught.value.hint)


def test_errors_come_back_from_the_thread_of_the_gpu() -> None:
    def fails(value: Any) -> None:
        raise UsageError(value)

    with pytest.raises(UsageError, match="told"):
        on_gpu_thread(fails, "told")
