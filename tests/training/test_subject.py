import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import MODEL
from tests.training.coloured import CLASSES, CONFIG, Coloured
from tvm_bnn.errors import UsageError
from tvm_bnn.models.checkpoint import load_checkpoint, save_checkpoint
from tvm_bnn.models.presets import CITYSCAPES_CLASSES
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn import freeze
from tvm_bnn.training.evaluation import float_labels, integer_labels
from tvm_bnn.training.subject import open_subject

DATA = Coloured(3)
PICTURES = DATA.pictures


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    save_checkpoint(tmp_path / "net.safetensors", SegmentationNet(CONFIG), DATA.batch(range(3))[0])
    return str(tmp_path / "net.safetensors")


def test_a_checkpoint_is_taken_as_integers_unless_floats_are_asked_for(checkpoint: str) -> None:
    integer = open_subject(checkpoint, None, 1, floating=False)
    floating = open_subject(checkpoint, None, 1, floating=True)
    assert (integer.numerics, floating.numerics) == ("integer", "float")
    for subject in (integer, floating):
        assert (subject.name, subject.size, subject.classes) == ("net", (64, 64), ["red", "green", "blue"])
        subject.check_classes("coloured", CLASSES)
    network, calibration = load_checkpoint(checkpoint)
    assert np.array_equal(
        integer.predict(PICTURES).labels, integer_labels(freeze(network, calibration))(PICTURES).labels
    )
    assert np.array_equal(floating.predict(PICTURES).labels, float_labels(network)(PICTURES).labels)


def test_two_classes_have_confidences(tmp_path: Path) -> None:
    network = SegmentationNet(dataclasses.replace(CONFIG, classes=CLASSES[:2])).eval()
    save_checkpoint(tmp_path / "net.safetensors", network, DATA.batch(range(3))[0])
    for floating in (False, True):
        subject = open_subject(str(tmp_path / "net.safetensors"), None, 1, floating=floating)
        assert subject.predict(PICTURES).confidence is not None
    assert np.array_equal(
        open_subject(str(tmp_path / "net.safetensors"), None, 1, floating=False).predict(PICTURES).labels,
        integer_labels(freeze(network, DATA.batch(range(3))[0]))(PICTURES).labels,
    )


def test_another_size(checkpoint: str) -> None:
    for floating in (False, True):
        assert open_subject(checkpoint, (96, 64), 1, floating=floating).size == (96, 64)
        with pytest.raises(UsageError, match="expected multiples of 32"):
            open_subject(checkpoint, (96, 65), 1, floating=floating)


def test_a_bundle_gives_the_labels_of_its_integers(tiny_bundle: Path) -> None:
    bundle = open_subject(str(tiny_bundle), None, 1, floating=False)
    integer = open_subject(MODEL, None, 1, floating=False)
    assert (bundle.numerics, integer.numerics) == ("bundle", "integer")
    assert bundle.size == integer.size
    pictures = PICTURES[:, : bundle.size[0], : bundle.size[1]]
    assert np.array_equal(bundle.predict(pictures).labels, integer.predict(pictures).labels)
    # Classes without names of their own can be those of any data set of as many.
    for subject in (bundle, integer):
        subject.check_classes("coloured", CLASSES)
        with pytest.raises(UsageError, match="expected the 2 classes of coloured, got 3: class 0, class 1, class 2"):
            subject.check_classes("coloured", CLASSES[:2])


def test_a_bundle_has_one_size(tiny_bundle: Path) -> None:
    with pytest.raises(UsageError, match="expected 16x24, the size that the bundle was compiled for, got 32x24"):
        open_subject(str(tiny_bundle), (32, 24), 1, floating=False)


def test_only_checkpoints_have_floats(tiny_bundle: Path) -> None:
    for model in (str(tiny_bundle), MODEL):
        with pytest.raises(UsageError, match="--float: expected a checkpoint"):
            open_subject(model, None, 1, floating=True)


def test_other_classes_are_refused(checkpoint: str) -> None:
    subject = open_subject(checkpoint, None, 1, floating=True)
    with pytest.raises(UsageError, match="expected the 3 classes of other, got 3: red, green, blue"):
        subject.check_classes("other", CLASSES[::-1])
    with pytest.raises(UsageError, match="expected the 19 classes of cityscapes"):
        subject.check_classes("cityscapes", CITYSCAPES_CLASSES)
