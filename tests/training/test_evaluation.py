import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.training.coloured import CLASSES, COLORS, CONFIG, Coloured
from tests.training.test_settings import SETTINGS
from tvm_bnn.models.checkpoint import load_checkpoint
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn import freeze
from tvm_bnn.training import evaluation
from tvm_bnn.training.evaluation import (
    Prediction,
    evaluate,
    float_labels,
    integer_labels,
    integer_scores,
    labels_only,
    torch_threads,
)
from tvm_bnn.training.folder import RunFolder
from tvm_bnn.training.loop import Trainer
from tvm_bnn.training.metrics import confusion
from tvm_bnn.training.start import seeded_network


@labels_only
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
    found = evaluate(labels_only(lambda pictures: np.zeros(pictures.shape[:3], np.uint8)), data)
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
    labels, confidence = integer_labels(network)(channels_last.numpy())
    assert confidence is None
    assert np.array_equal(labels, network(channels_last).numpy())
    assert labels.shape == (3, 64, 64)


class Scores(nn.Module):
    """Half the red and half the green of a picture, with hardly any doubt."""

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures[:, :2] / 2


def test_confidences_of_two_classes() -> None:
    pictures = np.array([[[[0, 0, 9], [10, 14, 9], [14, 10, 9], [0, 255, 9]]]], np.uint8)
    labels, confidence = float_labels(Scores())(pictures)
    assert confidence is not None
    assert labels.tolist() == [[[0, 1, 0, 1]]]
    shares = [255 / (1 + math.exp(-difference)) for difference in (0, 2, -2, 127.5)]
    assert confidence.tolist() == [[[round(share) for share in shares]]]


@pytest.mark.parametrize("seed", range(2))
def test_integer_scores_decide_as_the_integer_labels(seed: int) -> None:
    torch.manual_seed(seed)
    data = Coloured(4)
    network = SegmentationNet(dataclasses.replace(CONFIG, classes=CLASSES[:2])).eval()
    calibration, _ = data.batch(range(3))
    labels, confidence = integer_scores(network, calibration)(data.pictures)
    assert np.array_equal(labels, integer_labels(freeze(network, calibration))(data.pictures).labels)
    assert confidence is not None
    assert np.array_equal(labels[confidence != 128], (confidence > 128)[confidence != 128])


def test_integer_confidences_are_those_of_the_float_network_once_it_is_trained(tmp_path: Path) -> None:
    class Light(Coloured):
        classes = CLASSES[:2]
        thin_classes: tuple[str, ...] = ()
        cue_classes: tuple[str, ...] = ()
        cue_size_names: tuple[str, ...] = ()

    data, settings = Light(8), dataclasses.replace(SETTINGS, size=(64, 64), steps=12, validate_every=12)
    data.labels[data.labels != 255] //= 2
    trainer = Trainer(
        seeded_network(dataclasses.replace(CONFIG, classes=CLASSES[:2]), 1), settings, data, data, RunFolder(tmp_path)
    )
    list(trainer.run())
    trainer.finish()
    network, calibration = load_checkpoint(tmp_path / "model.safetensors")
    # So easy a task leaves no doubt, and at 0 and 255 every scale looks alike.
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.mul_(0.2)
    confidences = [
        predict(data.pictures).confidence for predict in (float_labels(network), integer_scores(network, calibration))
    ]
    real, integer = (np.asarray(confidence, int) for confidence in confidences)
    assert np.abs(real - integer).mean() < 5


def test_pictures_are_compared_at_their_own_size() -> None:
    class Small(Coloured):
        size = (32, 32)

    data = Small(3)
    seen: list[tuple[int, ...]] = []

    def predict(pictures: np.ndarray) -> Prediction:
        seen.append(pictures.shape)
        return nearest_color(pictures)

    assert evaluate(predict, data).miou > 0.9
    assert seen == [(3, 32, 32, 3)]


def test_large_pictures_come_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "_BATCH_PIXELS", 64 * 64 + 1)
    told: list[int] = []
    assert evaluate(nearest_color, Coloured(3), told.append) == evaluate(nearest_color, Coloured(3))
    assert told == [1, 2, 3]


def test_confidences_are_brought_to_the_size_of_the_picture() -> None:
    data = Coloured(2)
    data.size, data.measure, data.classes = (32, 32), "road", CLASSES[:2]
    data.thin_classes = data.cue_classes = data.cue_size_names = ()
    data.labels %= 2

    def predict(pictures: np.ndarray) -> Prediction:
        confidence = np.zeros(pictures.shape[:3], np.uint8)
        confidence[:, :, 16:] = 255
        return Prediction(confidence // 255, confidence)

    found = evaluate(predict, data)
    right = np.zeros((64, 64), bool)
    right[:, 32:] = True
    expected = confusion(data.labels, np.broadcast_to(right, data.labels.shape).astype(np.uint8), 2)
    assert found.pixel_accuracy == np.trace(expected) / expected.sum()
    assert found.official["max_f"] is not None


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
