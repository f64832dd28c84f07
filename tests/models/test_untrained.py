import hashlib
import subprocess
import sys

import pytest
import torch

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.models import config as module
from tvm_bnn.models.config import SegmentationConfig, Width
from tvm_bnn.models.untrained import untrained_network
from tvm_bnn.nn import IntegerNetwork, freeze

CLASSES = tuple(ClassInfo(name, (0, 0, value)) for value, name in enumerate("abc"))
SMALL = Width((16, 32, 64, 64), (2, 1, 1, 1))
DIGEST = """
import sys, torch
torch.set_num_threads(int(sys.argv[1]))
sys.path.insert(0, {root!r})
from tests.models.test_untrained import SMALL, digest, module, small
module.WIDTHS["S"] = SMALL
print(digest(small(seed=5)))
"""


def small(seed: int) -> IntegerNetwork:
    return freeze(*untrained_network(SegmentationConfig("small", CLASSES, (64, 64)), seed))


def digest(network: IntegerNetwork) -> str:
    buffers = sorted(network.state_dict().items())
    return hashlib.sha256(b"".join(name.encode() + tensor.numpy().tobytes() for name, tensor in buffers)).hexdigest()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.WIDTHS, "S", SMALL)


def test_same_network_in_two_processes_with_one_and_two_threads(pytestconfig: pytest.Config) -> None:
    code = DIGEST.format(root=str(pytestconfig.rootpath))
    commands = [[sys.executable, "-c", code, threads] for threads in ("1", "2")]
    printed = {subprocess.run(command, check=True, capture_output=True, text=True).stdout for command in commands}
    assert len(printed) == 1


def test_seeds_differ_and_leave_torch_alone() -> None:
    state = torch.get_rng_state()
    assert digest(small(seed=1)) != digest(small(seed=2))
    assert torch.equal(torch.get_rng_state(), state)


def test_every_class_has_pixels() -> None:
    config = SegmentationConfig("small", CLASSES, (64, 64))
    network, pictures = untrained_network(config, 0)
    assert not network.training
    labels = freeze(network, pictures)(pictures.permute(0, 2, 3, 1))
    assert set(labels.unique().tolist()) == {0, 1, 2}
