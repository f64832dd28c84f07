import dataclasses
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.training.coloured import CLASSES, CONFIG, Coloured
from tests.training.test_settings import SETTINGS
from tvm_bnn.errors import UsageError
from tvm_bnn.models.checkpoint import save_checkpoint
from tvm_bnn.models.config import Design
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.training.folder import RunFolder
from tvm_bnn.training.loop import Trainer
from tvm_bnn.training.start import seeded_network
from tvm_bnn.training.teacher import TEMPERATURE, WEIGHT, Teacher, load_teacher


class Fixed(nn.Module):
    """The same scores for all pixels, with a parameter that must not learn."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.tensor(scores))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.scores.view(1, -1, 1, 1).expand(len(pictures), -1, *pictures.shape[2:])


PICTURES = torch.zeros(2, 3, 4, 5)


def test_by_hand() -> None:
    # At temperature 2 the teacher says 3/4 and 1/4, the one that learns 1/2 and 1/2.
    teacher = Teacher(Fixed(2 * math.log(3), 0.0))
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    found = teacher.blend(torch.tensor(7.0), torch.zeros(2, 2, 4, 5), PICTURES)
    assert TEMPERATURE == 2
    assert float(found) == pytest.approx((1 - WEIGHT) * 7 + WEIGHT * 4 * divergence)


def test_it_pulls_towards_the_teacher_which_stays_as_it_is() -> None:
    network = Fixed(1.0, -1.0, 0.0)
    scores = torch.zeros(2, 3, 4, 5, requires_grad=True)
    Teacher(network).blend(torch.tensor(0.0), scores, PICTURES).backward()
    assert network.scores.grad is None
    assert scores.grad is not None
    assert [int(sign) for sign in -scores.grad[0, :, 0, 0].sign()] == [1, -1, -1]


def test_a_teacher_of_other_classes(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_checkpoint(path, SegmentationNet(CONFIG), Coloured(2).batch(range(2))[0])
    load_teacher(str(path), CLASSES)
    with pytest.raises(UsageError, match="--teacher: expected a network with the 3 classes of the data, got 3 others"):
        load_teacher(str(path), CLASSES[::-1])


def test_what_the_teacher_knows_is_learned_without_labels(tmp_path: Path) -> None:
    class Colours(nn.Module):
        def forward(self, pictures: Tensor) -> Tensor:
            return pictures / 20

    data = Coloured(8)
    # One labelled pixel, for a loss there must be.
    data.labels[:, 3:] = 255
    settings = dataclasses.replace(SETTINGS, size=(64, 64), steps=40, validate_every=40, save_every=100)
    network = seeded_network(CONFIG, 3)
    trainer = Trainer(network, settings, data, Coloured(3), RunFolder(tmp_path), teacher=Teacher(Colours()))
    last = list(trainer.run())[-1].metrics
    assert last is not None
    assert last.miou > 0.8


def test_a_twin_teaches(tmp_path: Path) -> None:
    twin = seeded_network(dataclasses.replace(CONFIG, design=Design(real=True)), 0).eval()
    settings = dataclasses.replace(SETTINGS, size=(64, 64), steps=2)
    runs = []
    for name, teacher in (("alone", None), ("taught", Teacher(twin))):
        (tmp_path / name).mkdir()
        network, folder = seeded_network(CONFIG, 0), RunFolder(tmp_path / name)
        runs.append(Trainer(network, settings, Coloured(8), Coloured(3), folder, teacher=teacher))
    losses = [[done.loss for done in trainer.run()] for trainer in runs]
    # What is told is the cross entropy against the labels, the same before anything was learned.
    assert losses[0][0] == losses[1][0]
    assert losses[0][1] != losses[1][1]
