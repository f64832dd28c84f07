from pathlib import Path

import pytest
import torch

from tests.data import layouts
from tests.training.coloured import Coloured
from tvm_bnn.data.contract import DataSet, Request
from tvm_bnn.data.drawn import Scenes
from tvm_bnn.data.ecssd import Ecssd
from tvm_bnn.data.labelled_files import LabelledFiles
from tvm_bnn.errors import UsageError
from tvm_bnn.training import batches
from tvm_bnn.training.augment import draw
from tvm_bnn.training.batches import drawn_ahead


def pictures_in_files(root: Path) -> LabelledFiles:
    layouts.ecssd(root, 6)
    return Ecssd.open(Request("all", (32, 64), root=root))


@pytest.fixture(params=["in memory", "drawn", "in files"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> DataSet:
    if request.param == "in files":
        return pictures_in_files(tmp_path)
    return Coloured(8) if request.param == "in memory" else Scenes("train", 6, (32, 64), 0)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("part", [slice(None), slice(1, None, 2)])
def test_as_if_drawn_when_needed(data: DataSet, threads: int, part: slice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_threads", lambda: threads)
    with drawn_ahead(data, 4, 7, range(3, 6), part) as next_batch:
        ahead = [next_batch() for _ in range(3)]
    for step, batch in zip(range(3, 6), ahead, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(batch, draw(data, 4, 7, step, part), strict=True))


def test_a_damaged_file_is_named_when_its_step_comes(tmp_path: Path) -> None:
    data = pictures_in_files(tmp_path)
    for path in (tmp_path / "images").iterdir():
        path.write_bytes(b"no picture")
    with (
        drawn_ahead(data, 2, 0, range(4)) as next_batch,
        pytest.raises(UsageError, match="got a file of another kind at"),
    ):
        next_batch()
