"""A bundle for the Raspberry Pi that brings its runtime, compiled here, called from C++, and run in emulation."""

import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.deploy.native import build
from tests.deploy.pictures import labels_of, write_ppm
from tests.emulated.prepare import FOLDER
from tvm_bnn.deploy.bundle import write_bundle
from tvm_bnn.deploy.packages import Package, cache, installed_packages, packages_in
from tvm_bnn.deploy.static_library import Names
from tvm_bnn.errors import UsageError
from tvm_bnn.graph.phases import Compiled, compile_network
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.targets import host_architecture, load
from tvm_bnn.tuning.plan import default_choice

COMPILER, EMULATOR, LIBRARIES = "aarch64-linux-gnu-g++", "qemu-aarch64", Path("/usr/aarch64-linux-gnu")
EMULATED = (EMULATOR, "-cpu", "cortex-a72", "-L", str(LIBRARIES))

pytestmark = pytest.mark.skipif(host_architecture() == "aarch64", reason="this is a machine of that kind")


def compiled_for_board(model: LoadedModel, prefix: str | None = None) -> Compiled:
    target, shape = load("rpi4"), (1, *model.input_size, 3)
    return compile_network(
        model.network, shape, target, 2, lambda operator: default_choice(operator, target, 2), prefix=prefix
    )


@pytest.fixture(scope="module")
def compiled(tiny_model: LoadedModel) -> Compiled:
    return compiled_for_board(tiny_model)


def fetched() -> Mapping[str, Package]:
    """TVM's packages for aarch64, where something has fetched them already."""
    for folder in (FOLDER / "packages", cache("aarch64")):
        with suppress(UsageError):
            return packages_in(folder, "aarch64")
    pytest.skip(
        "no wheels for aarch64: `make test-emulated` and `tvm-bnn compile --target rpi4 --with-runtime` fetch some"
    )


@pytest.fixture(scope="module")
def linked(tiny_model: LoadedModel) -> Compiled:
    """The same as part of a program."""
    return compiled_for_board(tiny_model, Names.of(tiny_model.name, tiny_model.width).prefix)


@pytest.fixture(scope="module")
def bundle(
    tiny_model: LoadedModel, compiled: Compiled, linked: Compiled, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "rpi4"
    packages = fetched()
    write_bundle(path, tiny_model, compiled, packages=packages, linked=linked)
    return path


@pytest.fixture(scope="module")
def built(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all programs: the recipe of the static library builds those of the C interface, too."""
    if shutil.which(EMULATOR) is None or not LIBRARIES.is_dir():
        pytest.skip(f"no {EMULATOR} or no C++ library for aarch64 on this machine")
    options = ["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64", "-DBUILD_SHARED_LIBS=OFF"]
    options += [f"-DCMAKE_C_COMPILER={COMPILER.removesuffix('g++')}gcc"]
    return build(bundle / "static", tmp_path_factory.mktemp("native"), COMPILER, options, ("example", "segment"))


@pytest.fixture(scope="module")
def segment(built: Path) -> list[str]:
    """The command that runs the example in emulation."""
    return [*EMULATED, str(built / "native" / "segment")]


def test_labels_are_those_of_the_reference(
    segment: list[str], bundle: Path, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 24, 3), np.uint8)
    write_ppm(tmp_path / "picture.ppm", image[0])
    for threads in ("1", "2"):
        command = [*segment, str(bundle), str(tmp_path / "picture.ppm"), str(tmp_path / "labels.pgm"), threads]
        subprocess.run(command, check=True, capture_output=True)
        wanted = tiny_model.network(torch.from_numpy(image)).numpy()[0]
        np.testing.assert_array_equal(labels_of(tmp_path / "labels.pgm"), wanted)


def test_so_are_those_of_a_program_that_links_the_network(built: Path, tiny_model: LoadedModel) -> None:
    image = np.random.default_rng(1).integers(0, 256, (1, 16, 24, 3), np.uint8)
    command = [*EMULATED, str(built / "example")]
    labels = subprocess.run(command, input=image.tobytes(), check=True, capture_output=True).stdout
    wanted = tiny_model.network(torch.from_numpy(image)).numpy()
    np.testing.assert_array_equal(np.frombuffer(labels, np.uint8).reshape(1, 16, 24), wanted)


def test_a_bundle_for_another_machine_is_one_line(segment: list[str], tiny_bundle: Path, tmp_path: Path) -> None:
    command = [*segment, str(tiny_bundle), "none.ppm", "none.pgm"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "expected an x86_64 CPU, got aarch64" in ran.stderr


def test_a_runtime_for_another_machine_is_refused(tiny_model: LoadedModel, compiled: Compiled, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"expected TVM's runtime for aarch64, got .* for {host_architecture()}"):
        write_bundle(tmp_path / "bundle", tiny_model, compiled, packages=installed_packages())
    assert not (tmp_path / "bundle").exists()
