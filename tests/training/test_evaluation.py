import numpy as np
import torch
from torch import Tensor, nn

from tests.training.coloured import COLORS, CONFIG, Coloured
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn import freeze
from tvm_bnn.training.evaluation import evaluate, float_labels, integer_labels, torch_threads


def nearest_color(pictures: np.ndarray) -> np.ndarray:
    distance = np.abs(pictures[..., None, :].astype(int) - np.array(COLORS)).sum(-1)
    return distance.argmin(-1).astype(np.uint8)


def test_a_perfect_guess() -> None:
    told: list[int] = []
    found = evaluate(nearest_color, Coloured(10), told.append)
    assert found.miou == found.pixel_accuracy == found.cue_accuracy == 1
    assert told == [8, 10]


def test_cues_are_counted_by_size() -> None:
    data = Coloured(10)
    data.labels[:2] = [[[0]], [[1]]]
    found = evaluate(lambda pictures: np.zeros(pictures.shape[:3], np.uint8), data)
    assert found.cue_accuracy_by_size == {"small": 1, "large": 0}


class Brightest(nn.Module):
    def forward(self, pictures: Tensor) -> Tensor:
        assert pictures.dtype == torch.float32
        return pictures


def test_labels_of_a_torch_network() -> None:
    assert evaluate(float_labels(Brightest()), Coloured(3)).miou == 1


def test_labels_of_the_integer_reference() -> None:
    data = Coloured(3)
    pictures, _ = data.batch(range(3))
    network = freeze(SegmentationNet(CONFIG).eval(), pictures)
    channels_last = pictures.permute(0, 2, 3, 1).contiguous()
    labels = integer_labels(network)(channels_last.numpy())
    assert np.array_equal(labels, network(channels_last).numpy())
    assert labels.shape == (3, 64, 64)


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
