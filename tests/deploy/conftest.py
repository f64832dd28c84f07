from pathlib import Path

import pytest

from tests.deploy.native import build
from tvm_bnn.deploy.bundle import write_bundle
from tvm_bnn.deploy.packages import installed_packages
from tvm_bnn.graph.phases import Compiled
from tvm_bnn.models.load import LoadedModel


@pytest.fixture(scope="session")
def runtime_bundle(tiny_model: LoadedModel, tiny_compiled: Compiled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network of four operators with TVM's runtime and the C interface; to be copied by whoever changes it."""
    path = tmp_path_factory.mktemp("bundles") / "runtime"
    write_bundle(path, tiny_model, tiny_compiled, packages=installed_packages())
    return path


@pytest.fixture(scope="session")
def built(runtime_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the C interface's library and of the example, made of what is in the bundle alone."""
    return build(runtime_bundle / "native", tmp_path_factory.mktemp("native"), "g++")
