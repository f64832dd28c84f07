from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data import layouts
from tvm_bnn.data.contract import Request
from tvm_bnn.data.datasets import DATA_SETS
from tvm_bnn.data.ecssd import Ecssd
from tvm_bnn.data.labelled_files import LabelledFiles
from tvm_bnn.data.picture import labels_to_size, load_picture, resize_to
from tvm_bnn.errors import UsageError

SIZE = (32, 64)
FILE_SETS = [source for source in DATA_SETS.values() if issubclass(source, LabelledFiles)]


def request(root: Path | None, **changes: object) -> Request:
    return Request(**({"split": "all", "size": SIZE, "root": root} | changes))  # type: ignore[arg-type]


def test_batches_are_of_the_size_of_the_network(tmp_path: Path) -> None:
    layouts.ecssd(tmp_path, 4)
    data = Ecssd.open(request(tmp_path))
    pictures, labels = data.batch([3, 0])
    assert (pictures.dtype, pictures.shape, labels.dtype) == (torch.uint8, (2, 3, *SIZE), torch.int64)
    assert pictures.is_contiguous()
    picture, label_map = data.sample(3)
    assert label_map.shape == (40, 30)
    assert np.array_equal(pictures[0].permute(1, 2, 0).numpy(), resize_to(picture, SIZE))
    assert np.array_equal(labels[0].numpy(), labels_to_size(label_map, SIZE))
    assert set(data.cue_sizes(range(4))) == {-1}


def test_fewer_pictures_are_spread_over_all(tmp_path: Path) -> None:
    layouts.ecssd(tmp_path, 6)
    data = Ecssd.open(request(tmp_path, pictures=2))
    assert len(data) == 2
    for index, name in enumerate(("0001", "0004")):
        assert np.array_equal(data.sample(index).picture, load_picture(tmp_path / "images" / f"{name}.jpg"))
    assert len(Ecssd.open(request(tmp_path, pictures=7))) == 6


def test_labels_of_another_size(tmp_path: Path) -> None:
    layouts.ecssd(tmp_path, 2)
    layouts.save(tmp_path / "ground_truth_mask" / "0002.png", np.zeros((39, 30), np.uint8))
    with pytest.raises(UsageError, match=r"labels of the picture's size 40x30, got 39x30 in '.*0002.png'") as caught:
        Ecssd.open(request(tmp_path)).sample(1)
    assert "0002.jpg" in str(caught.value.hint)


def test_a_damaged_file(tmp_path: Path) -> None:
    layouts.ecssd(tmp_path, 1)
    for place in ("images/0001.jpg", "ground_truth_mask/0001.png"):
        path = tmp_path / place
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UsageError, match=f"got a damaged one at '{path}'"):
            Ecssd.open(request(tmp_path)).sample(0)
        path.write_bytes(whole)


@pytest.mark.parametrize("source", FILE_SETS)
def test_what_is_asked_for_in_vain(source: type[LabelledFiles], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--root: expected the folder of {source.name}, got none") as caught:
        source.open(request(None))
    assert source.layout in str(caught.value.hint)
    with pytest.raises(UsageError, match="--root: expected a folder, got none at"):
        source.open(request(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="--split: expected pictures with labels, got test"):
        source.open(request(tmp_path, split="test"))


def test_a_split_without_pictures(tmp_path: Path) -> None:
    layouts.ecssd(tmp_path, 1)
    with pytest.raises(UsageError, match="expected pictures of ecssd for train, got none"):
        Ecssd.open(request(tmp_path, split="train"))
