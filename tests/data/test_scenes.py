import dataclasses
import hashlib

import numpy as np
import numpy.typing as npt
import pytest

from tvm_bnn.data.scenes import CUE_CLASSES, CUE_SIZES, SCENE_CLASSES, THIN_CLASSES, cue, scene, scenes, street
from tvm_bnn.data.scenes.dice import Dice
from tvm_bnn.data.scenes.plan import Plan, plan_scene
from tvm_bnn.errors import UsageError
from tvm_bnn.models.presets import CITYSCAPES_CLASSES

UInt8 = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Set = tuple[UInt8, UInt8, npt.NDArray[np.int8]]

NAMES = [each.name for each in SCENE_CLASSES]
SIGNAL, STOP, GO = (NAMES.index(name) for name in ("traffic light", *CUE_CLASSES))
SIZES = [(32, 64), (64, 128), (97, 201), (96, 320), (384, 1248), (128, 128), (200, 64)]


@pytest.fixture(scope="module")
def many() -> Set:
    return scenes(0, 64)


def shares(labels: UInt8) -> list[float]:
    return (np.bincount(labels.ravel(), minlength=len(NAMES)) / labels.size).tolist()


def zones(labels: UInt8) -> Mask:
    return (labels == STOP) | (labels == GO)


def lit(picture: UInt8, labels: UInt8) -> tuple[Mask, int]:
    """The pixels of the signal's light, and how much redder than green they are."""
    redness = picture[:, :, 0].astype(int) - picture[:, :, 1]
    colourful = np.where(labels == SIGNAL, np.abs(redness), 0)
    light = colourful > colourful.max() // 2
    return light, int(np.median(redness[light]))


def extent(mask: Mask, axis: int) -> tuple[int, int]:
    """First and last index along an axis where the mask is true."""
    found = np.flatnonzero(mask.any(axis=1 - axis))
    return int(found[0]), int(found[-1])


def test_classes() -> None:
    assert SCENE_CLASSES[:19] == CITYSCAPES_CLASSES
    assert NAMES[19:] == ["lane marking", "stop zone", "go zone"]
    assert len({each.color for each in SCENE_CLASSES}) == len(SCENE_CLASSES)
    assert {*THIN_CLASSES, *CUE_CLASSES} <= set(NAMES)


def test_shapes(many: Set) -> None:
    pictures, labels, cues = many
    assert pictures.shape == (64, 96, 192, 3)
    assert labels.shape == (64, 96, 192)
    assert cues.shape == (64,)
    assert pictures.dtype == labels.dtype == np.uint8
    assert cues.dtype == np.int8
    assert labels.max() < len(SCENE_CLASSES)


def test_a_scene_is_the_same_alone_and_among_others(many: Set) -> None:
    pictures, labels, cues = many
    alone = scene(5)
    np.testing.assert_array_equal(alone.picture, pictures[5])
    np.testing.assert_array_equal(alone.labels, labels[5])
    assert alone.cue_size == CUE_SIZES[cues[5]] == CUE_SIZES[cue(5, (96, 192), 0)]


def test_no_scenes() -> None:
    pictures, labels, cues = scenes(3, 0)
    assert pictures.shape == (0, 96, 192, 3)
    assert len(labels) == len(cues) == 0


def test_index_and_seed_matter() -> None:
    pictures = [scene(index, (32, 64), seed).picture.tobytes() for index, seed in [(0, 0), (1, 0), (0, 1), (1, 1)]]
    assert len(set(pictures)) == 4


# Networks are trained on these pictures and their results are published, so a change here is a change of a data set.
@pytest.mark.parametrize(
    ("size", "seed", "checksum"),
    [
        ((96, 192), 0, "d8babf2a17c78201"),
        ((97, 201), 7, "b2846fa353382524"),
        ((384, 1248), 0, "b9cefd3e45362f3c"),
    ],
)
def test_checksum(size: tuple[int, int], seed: int, checksum: str) -> None:
    pictures, labels, cues = scenes(0, 4, size, seed)
    content = pictures.tobytes() + labels.tobytes() + cues.tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == checksum


def test_shares_of_classes(many: Set) -> None:
    found = dict(zip(NAMES, shares(many[1]), strict=True))
    for name in ("sky", "building", "road", "sidewalk"):
        assert 0.08 < found[name] < 0.35, name
    for name in ("vegetation", "terrain", "car", "traffic light", *CUE_CLASSES):
        assert 0.01 < found[name] < 0.09, name
    for name in ("wall", "person", "truck", "bus", "train"):
        assert 0.005 < found[name] < 0.03, name
    for name in ("fence", "traffic sign", "rider", "motorcycle", "bicycle", "pole", "lane marking"):
        assert 0.001 < found[name] < 0.02, name


def test_every_class_is_in_many_scenes(many: Set) -> None:
    present = np.mean([np.bincount(each.ravel(), minlength=len(NAMES)) > 0 for each in many[1]], axis=0)
    assert present.min() > 0.25, NAMES[present.argmin()]


def test_chances_are_fair() -> None:
    plans = [plan_scene(Dice(0, index), 96, 192) for index in range(1200)]
    assert sum(plan.stop for plan in plans) == pytest.approx(600, abs=60)
    for size in range(len(CUE_SIZES)):
        assert sum(plan.cue == size for plan in plans) == pytest.approx(400, abs=60)
        assert sum(plan.stop for plan in plans if plan.cue == size) == pytest.approx(200, abs=50)


def test_zones_follow_the_colour_of_the_signal(many: Set) -> None:
    for picture, labels, _ in zip(*many, strict=True):
        _, redness = lit(picture, labels)
        assert abs(redness) > 50
        assert set(np.unique(labels)) & {STOP, GO} == {STOP if redness > 0 else GO}


def test_light_has_the_size_that_the_scene_says(many: Set) -> None:
    for picture, labels, size in zip(*many, strict=True):
        light, _ = lit(picture, labels)
        diameter = 2 * np.sqrt(np.count_nonzero(light) / np.pi)
        assert diameter == pytest.approx(96 / (16, 8, 4)[size], rel=0.15)


def test_only_the_light_tells_the_zones_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def other_colour(dice: Dice, height: int, width: int) -> Plan:
        plan = plan_scene(dice, height, width)
        return dataclasses.replace(plan, stop=not plan.stop)

    pictures, labels, _ = scenes(0, 20)
    monkeypatch.setattr(street, "plan_scene", other_colour)
    twins, twin_labels, _ = scenes(0, 20)
    swapped = np.arange(len(NAMES), dtype=np.uint8)
    swapped[[STOP, GO]] = GO, STOP
    np.testing.assert_array_equal(twin_labels, swapped[labels])
    assert not ((pictures != twins).any(-1) & (labels != SIGNAL)).any()


def test_zones_of_both_classes_have_the_same_colours() -> None:
    pictures, labels, _ = scenes(0, 400, (64, 128))
    stop, go = pictures[labels == STOP], pictures[labels == GO]
    np.testing.assert_allclose(stop.mean(0), go.mean(0), atol=4)
    np.testing.assert_allclose(stop.std(0), go.std(0), atol=6)


@pytest.mark.parametrize("size", SIZES)
def test_places_in_pictures_of_any_size(size: tuple[int, int]) -> None:
    height, width = size
    pictures, labels, _ = scenes(100, 12, size)
    assert pictures.shape == (12, *size, 3)
    for each in labels:
        assert 0.03 <= zones(each).mean() <= 0.08
        assert extent(zones(each), 0)[0] >= height // 2
        assert extent(each == SIGNAL, 0)[1] < height // 2
        (signal_left, signal_right), (left, right) = extent(each == SIGNAL, 1), extent(zones(each), 1)
        assert max(left - signal_right, signal_left - right) - 1 >= width / 4


def test_zones_lie_on_pavement() -> None:
    pavement = [NAMES.index(name) for name in ("road", "sidewalk", "lane marking")]
    _, labels, _ = scenes(0, 100)
    for each in labels:
        zone = zones(each)
        beside = zone.copy()
        beside[:, 1:] |= zone[:, :-1]
        beside[:, :-1] |= zone[:, 1:]
        assert np.isin(each[beside & ~zone], pavement).all()


def test_pictures_differ_in_light(many: Set) -> None:
    assert many[0].mean(axis=(1, 2, 3)).std() > 5


def test_colour_alone_does_not_tell_classes(many: Set) -> None:
    pictures, labels, _ = many
    coarse = (pictures >> 4).astype(int) @ [256, 16, 1]
    votes = np.bincount((coarse * len(NAMES) + labels).ravel(), minlength=4096 * len(NAMES)).reshape(4096, -1)
    assert votes.max(axis=1).sum() / labels.size < 0.75


@pytest.mark.parametrize("size", [(31, 64), (32, 63), (0, 0), (-96, 192)])
def test_too_small(size: tuple[int, int]) -> None:
    for attempt in (lambda: scene(0, size), lambda: scenes(0, 0, size)):
        with pytest.raises(UsageError, match="expected scenes of at least 32x64 pixels, got") as caught:
            attempt()
        assert caught.value.hint
