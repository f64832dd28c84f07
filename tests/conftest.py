from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from matplotlib.cbook import get_sample_data

if TYPE_CHECKING:
    from tvm_bnn.graph.phases import Compiled
    from tvm_bnn.models.load import LoadedModel


@pytest.fixture(scope="session", autouse=True)
def _user_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Facts of targets do not depend on what the developer has measured on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def photograph() -> Path:
    """A real photograph of 512 x 600 pixels that comes with matplotlib."""
    return Path(str(get_sample_data("grace_hopper.jpg", asfileobj=False)))


@pytest.fixture(scope="session")
def fake_cuda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with libraries that stand for NVIDIA's."""
    from tests.fake_cuda import make

    return make(tmp_path_factory.mktemp("cuda"))


@pytest.fixture(scope="session")
def tiny_gpu_compiled(tiny_model: LoadedModel) -> Compiled:
    """The network of four operators, compiled for an H200."""
    from tvm_bnn.graph.phases import compile_network
    from tvm_bnn.targets import load
    from tvm_bnn.tuning.plan import default_choice

    target = load("h200")
    shape = (1, *tiny_model.input_size, 3)
    return compile_network(
        tiny_model.network, shape, target, 132, lambda operator: default_choice(operator, target, 132)
    )


@pytest.fixture(scope="session")
def tiny_model() -> LoadedModel:
    """A network of four operators for pictures of 16 x 24."""
    from tests.tiny import MODEL
    from tvm_bnn.models.load import load

    return load(MODEL)


@pytest.fixture(scope="session")
def tiny_compiled(tiny_model: LoadedModel) -> Compiled:
    """The same, compiled for this machine with zero trials and one thread."""
    from tvm_bnn.graph.phases import compile_network
    from tvm_bnn.targets import resolve_host
    from tvm_bnn.tuning.plan import default_choice

    target = resolve_host()
    shape = (1, *tiny_model.input_size, 3)
    return compile_network(tiny_model.network, shape, target, 1, lambda operator: default_choice(operator, target, 1))


@pytest.fixture(scope="session")
def tiny_bundle(tiny_model: LoadedModel, tiny_compiled: Compiled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a bundle; to be copied by whoever changes it."""
    from tvm_bnn.deploy.bundle import write_bundle

    path = tmp_path_factory.mktemp("bundles") / "tiny"
    write_bundle(path, tiny_model, tiny_compiled)
    return path


@pytest.fixture(scope="session")
def runtime_bundle(tiny_model: LoadedModel, tiny_compiled: Compiled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with TVM's runtime and the C interface."""
    from tvm_bnn.deploy.bundle import write_bundle
    from tvm_bnn.deploy.packages import installed_packages

    path = tmp_path_factory.mktemp("bundles") / "runtime"
    write_bundle(path, tiny_model, tiny_compiled, packages=installed_packages())
    return path
