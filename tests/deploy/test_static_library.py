"""Networks that become part of a program."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.deploy.native import BAD_INPUT, build
from tvm_bnn.deploy.bundle import write_bundle
from tvm_bnn.deploy.manifest import read_manifest, verify_files
from tvm_bnn.deploy.packages import installed_packages
from tvm_bnn.deploy.static_library import Names, _literal
from tvm_bnn.graph.phases import Compiled, compile_network
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning.plan import default_choice

FAST = ("-DCMAKE_BUILD_TYPE=Debug",)
"""To build, not to run."""

UInt8 = np.ndarray[Any, np.dtype[np.uint8]]


@pytest.fixture(scope="module")
def linked(tiny_model: LoadedModel) -> Compiled:
    target, shape = resolve_host(), (1, *tiny_model.input_size, 3)
    prefix = Names.of(tiny_model.name, tiny_model.width).prefix
    return compile_network(
        tiny_model.network, shape, target, 1, lambda operator: default_choice(operator, target, 1), prefix=prefix
    )


def written(path: Path, model: LoadedModel, compiled: Compiled, linked: Compiled) -> Path:
    write_bundle(path, model, compiled, packages=installed_packages(), linked=linked)
    return path


@pytest.fixture(scope="module")
def bundle(
    tiny_model: LoadedModel, tiny_compiled: Compiled, linked: Compiled, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return written(tmp_path_factory.mktemp("bundles") / "static", tiny_model, tiny_compiled, linked)


@pytest.fixture(scope="module")
def example(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(bundle / "static", tmp_path_factory.mktemp("static"), "g++", FAST) / "example"


@pytest.fixture
def image() -> UInt8:
    return np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)


def test_the_program_labels_like_the_reference_and_needs_no_bundle(
    example: Path, bundle: Path, image: UInt8, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    """Beside TVM's libraries there is nothing but the program."""
    environment = {"LD_LIBRARY_PATH": str(bundle / "runtime")}
    ran = subprocess.run(
        [example], input=image.tobytes(), env=environment, cwd=tmp_path, check=True, capture_output=True
    )
    wanted = tiny_model.network(torch.from_numpy(image[None])).numpy()[0]
    np.testing.assert_array_equal(np.frombuffer(ran.stdout, np.uint8).reshape(16, 24), wanted)


def test_too_short_a_picture_is_one_line(example: Path, image: UInt8) -> None:
    ran = subprocess.run([example], input=image.tobytes()[:-1], check=False, capture_output=True)
    assert ran.returncode == BAD_INPUT
    assert ran.stderr == b"example: expected 1152 bytes on stdin\n"


def test_the_bundle_is_one_like_others(bundle: Path, tiny_model: LoadedModel) -> None:
    manifest = read_manifest(bundle)
    verify_files(bundle, manifest)
    names = Names.of(tiny_model.name, tiny_model.width)
    wanted = {f"static/{name}" for name in ("CMakeLists.txt", "example.c", names.library, names.header)}
    assert {name for name in manifest.files if name.startswith("static/")} == wanted
    assert "build-static/example < picture.rgb" in (bundle / "README.md").read_text()


def test_the_same_network_gives_the_same_bytes(
    bundle: Path, tiny_model: LoadedModel, tiny_compiled: Compiled, linked: Compiled, tmp_path: Path
) -> None:
    again = written(tmp_path / "again", tiny_model, tiny_compiled, linked)
    assert read_manifest(again) == read_manifest(bundle)


def test_names_of_models_are_identifiers() -> None:
    names = Names.of("my.package:Net-2", "M")
    assert names.variable == "tvmbnn_my_package_net_2_m"
    assert names.header == "tvm_bnn_my_package_net_2_m.h"
    assert Names.of("kitti-road", "").library == "libtvm_bnn_kitti_road.a"


def test_literals_hold_whatever_a_manifest_may(tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("no cc on this machine")
    text = 'a "b" \\ ??=\nStraße 🚲\n'
    (tmp_path / "text.c").write_text(f"#include <stdio.h>\nint main(void) {{ fputs({_literal(text)}, stdout); }}\n")
    command = ["cc", "-trigraphs", "-o", str(tmp_path / "text"), str(tmp_path / "text.c")]
    subprocess.run(command, check=True, capture_output=True)
    assert subprocess.run([tmp_path / "text"], check=True, capture_output=True).stdout.decode() == text
