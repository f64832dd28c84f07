import json
import resource
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tvm_bnn import amx
from tvm_bnn.deploy import runner as runner_module
from tvm_bnn.deploy.runner import Runner
from tvm_bnn.errors import ToolchainError, UsageError
from tvm_bnn.models.load import LoadedModel


@pytest.fixture(scope="module")
def runner(tiny_bundle: Path) -> Runner:
    return Runner.load(tiny_bundle)


@pytest.fixture
def images() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (3, 16, 24, 3), np.uint8)


def test_labels_are_those_of_the_integer_network(
    runner: Runner, tiny_model: LoadedModel, images: np.ndarray[Any, np.dtype[np.uint8]]
) -> None:
    labels = runner.run(images)
    assert labels.dtype == np.uint8
    assert labels.shape == (3, 16, 24)
    for image, found in zip(images, labels, strict=True):
        np.testing.assert_array_equal(found, tiny_model.network(torch.from_numpy(image[None])).numpy()[0])
        np.testing.assert_array_equal(found, runner.run(image))


def test_a_view_that_is_not_contiguous(runner: Runner, images: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    mirrored = images[0][:, ::-1]
    np.testing.assert_array_equal(runner.run(mirrored), runner.run(mirrored.copy()))


def test_results_do_not_share_memory(runner: Runner, images: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    first = runner.run(images[0])
    kept = first.copy()
    runner.run(255 - images[0])
    np.testing.assert_array_equal(first, kept)


def test_threads_do_not_change_the_labels(tiny_bundle: Path, images: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    one, two = (Runner.load(tiny_bundle, threads=threads).run(images[0]) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((16, 24, 3), np.float32), "expected an array of uint8, got float32"),
        ([[1, 2, 3]], "expected an array of uint8, got list"),
        (np.zeros((24, 16, 3), np.uint8), r"expected shape \[16, 24, 3\] or \['N', 16, 24, 3\], got \[24, 16, 3\]"),
        (np.zeros((16, 24), np.uint8), r"got \[16, 24\]"),
        (np.zeros((0, 16, 24, 3), np.uint8), r"got \[0, 16, 24, 3\]"),
        (np.zeros((1, 1, 16, 24, 3), np.uint8), r"got \[1, 1, 16, 24, 3\]"),
    ],
)
def test_other_images_are_refused(runner: Runner, image: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        runner.run(image)


def test_a_network_without_labels_is_refused(runner: Runner, images: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    output = runner.manifest.output.model_copy(update={"dtype": "int16", "layout": "NHWC"})
    scores = Runner(runner.manifest.model_copy(update={"output": output}), None, 1)
    with pytest.raises(UsageError, match="expected a network that yields labels, got one that yields int16 NHWC"):
        scores.run(images[0])


def test_nothing_is_loaded_before_the_files_are_verified(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    (bundle / "model.so").write_bytes(b"\x7fELF something else")
    monkeypatch.setattr(runner_module, "load_runtime", lambda *_: pytest.fail("code was about to be loaded"))
    with pytest.raises(UsageError, match=r"model\.so: expected"):
        Runner.load(bundle)


def test_a_cpu_without_the_features(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    data = json.loads((bundle / "manifest.json").read_text())
    data["requires"] = ["quantum"]
    (bundle / "manifest.json").write_text(json.dumps(data))
    with pytest.raises(ToolchainError, match="expected a CPU with quantum"):
        Runner.load(bundle)


@pytest.mark.parametrize("granted", [True, False])
def test_tiles_need_a_permission(
    granted: bool, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def answer() -> bool:
        asked.append(granted)
        return granted

    monkeypatch.setattr(amx, "request_permission", answer)
    Runner.load(tiny_bundle)
    assert not asked
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    data = json.loads((bundle / "manifest.json").read_text())
    data["amx_tiles"] = True
    (bundle / "manifest.json").write_text(json.dumps(data))
    if granted:
        Runner.load(bundle)
    else:
        with pytest.raises(ToolchainError, match="expected permission to use AMX tiles, got a refusal"):
            Runner.load(bundle)
    assert asked


def test_another_instruction_set(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    data = json.loads((bundle / "manifest.json").read_text())
    data["architecture"] = "riscv64"
    (bundle / "manifest.json").write_text(json.dumps(data))
    with pytest.raises(ToolchainError, match="expected an riscv64 CPU, got"):
        Runner.load(bundle)


def test_threads_may_run_at_the_same_time(runner: Runner, images: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    wanted = [runner.run(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(runner.run, [*images] * 50))
    for index, labels in enumerate(found):
        np.testing.assert_array_equal(labels, wanted[index % len(wanted)])


def test_memory_stays_flat(runner: Runner, images: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    for _ in range(200):
        runner.run(images[0])
    before = resident()
    for _ in range(1000):
        runner.run(images[0])
    # What one run needs is 4 kB, so a leak would be 4 MB.
    assert resident() - before < 1_000_000


def test_threads_are_positive(tiny_bundle: Path) -> None:
    with pytest.raises(UsageError, match="expected at least 1 thread, got 0"):
        Runner.load(tiny_bundle, threads=0)
