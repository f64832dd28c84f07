from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.remote.loopback import serve, wait_for
from tvm_bnn.data.picture import UInt8
from tvm_bnn.deploy.runner import Runner
from tvm_bnn.errors import ToolchainError, UsageError
from tvm_bnn.graph.phases import Compiled
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.remote.network import profile_remote, remote_runner
from tvm_bnn.remote.tracker import Address
from tvm_bnn.tuning.runners import Wanted

EMULATED = "honest = board.facts; board.facts = lambda: honest() | {'emulated': True}"


@pytest.fixture(scope="module")
def wanted(at: Address, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wanted]:
    """A board on this machine."""
    with serve(at, "host", tmp_path_factory.mktemp("board")):
        wait_for(at, "host")
        yield Wanted("rpc", f"{at[0]}:{at[1]}", "host", 30)


def test_a_bundle_gives_the_same_labels_there(wanted: Wanted, tiny_bundle: Path, images: UInt8) -> None:
    expected = Runner.load(tiny_bundle).run(images)
    with remote_runner(tiny_bundle, wanted) as runner:
        np.testing.assert_array_equal(runner.run(images), expected)
        with pytest.raises(UsageError, match="expected an array of uint8"):
            runner.run(images.astype(np.float32))


@pytest.fixture
def images() -> UInt8:
    return np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3), np.uint8)


def test_a_profile(wanted: Wanted, tiny_model: LoadedModel, tiny_compiled: Compiled, at: Address) -> None:
    wait_for(at, "host")
    found = profile_remote(tiny_model, tiny_compiled, wanted, warmup=1, repeat=3)
    assert found.evidence == "measured"
    assert found.total.runs == 3
    assert [operator.name for operator in found.operators] == [placed.name for placed in tiny_compiled.operators]
    assert all(operator.median_ms is not None and operator.median_ms > 0 for operator in found.operators)
    assert found.device.name
    assert found.total.median_ms is not None
    assert found.total.median_ms > 0


def test_an_emulated_board_runs_networks_and_gives_no_latencies(
    at: Address, folder: Path, tiny_bundle: Path, tiny_model: LoadedModel, tiny_compiled: Compiled, images: UInt8
) -> None:
    with serve(at, "emulated", folder, EMULATED):
        wait_for(at, "emulated")
        wanted = Wanted("rpc", f"{at[0]}:{at[1]}", "emulated", 30)
        with remote_runner(tiny_bundle, wanted) as runner:
            assert runner.run(images[0]).shape == (16, 24)
        wait_for(at, "emulated")
        with pytest.raises(ToolchainError, match="expected a board, got an emulated one, whose times are no latencies"):
            profile_remote(tiny_model, tiny_compiled, wanted, warmup=0, repeat=1)


def test_a_board_that_is_lost(at: Address, folder: Path, tiny_bundle: Path, images: UInt8) -> None:
    with serve(at, "lost", folder) as server:
        wait_for(at, "lost")
        with remote_runner(tiny_bundle, Wanted("rpc", f"{at[0]}:{at[1]}", "lost", 30)) as runner:
            runner.run(images[0])
            server.close()
            with pytest.raises(ToolchainError, match="the connection was lost") as caught:
                runner.run(images[0])
            assert "\n" not in caught.value.message


def test_a_wrong_key(at: Address, tiny_bundle: Path) -> None:
    with (
        pytest.raises(ToolchainError, match="expected a board with the key 'nobody', got none"),
        remote_runner(tiny_bundle, Wanted("rpc", f"{at[0]}:{at[1]}", "nobody", 30)),
    ):
        pass
