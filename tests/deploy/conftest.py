from pathlib import Path

import pytest

from tests.deploy.native import build


@pytest.fixture(scope="session")
def built(runtime_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the C interface's library and of the example, made of what is in the bundle alone."""
    return build(runtime_bundle / "native", tmp_path_factory.mktemp("native"), "g++")
