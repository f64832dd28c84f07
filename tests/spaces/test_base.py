import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import LIGHT
from tests.tuning.fakes import tasks
from tvm_bnn._tvm import s_tir
from tvm_bnn.ops import Conv2d, Labels
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.spaces.label_rows import LabelRowLoops
from tvm_bnn.targets import load

TILES = st.lists(st.integers(1, 4095)).map(tuple)
VARIANTS = st.dictionaries(
    st.text(min_size=1).filter(lambda key: key != "tile"), st.integers(-(10**6), 10**6) | st.text()
)


@LIGHT
@given(tile=TILES, variant=VARIANTS)
def test_a_point_survives_json(tile: tuple[int, ...], variant: dict[str, int | str]) -> None:
    point = Point(tile, variant)
    read = Point.from_dict(json.loads(json.dumps(point.to_dict())))
    assert read == point
    assert read.key == point.key
    assert Point.from_dict(json.loads(point.key)) == point


def test_equal_points_have_equal_keys_whatever_the_order() -> None:
    left, right = Point((1, 2), {"a": 1, "b": "x"}), Point((1, 2), {"b": "x", "a": 1})
    assert left.key == right.key
    assert Point((2, 1), {"a": 1, "b": "x"}).key != left.key


@pytest.mark.parametrize(
    "data",
    [
        {"tile": 3},
        {"tile": "12"},
        {"tile": None},
        {"tile": [0]},
        {"tile": [-1]},
        {"tile": [4096]},
        {"tile": [1.0]},
        {"tile": [True]},
        {"tile": [1], "order": None},
        {"tile": [1], "unroll": True},
        {"tile": [1], "unroll": 0.5},
        {"tile": [1], "order": ["pixels"]},
    ],
)
def test_what_is_no_point(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Point.from_dict(data)


def test_a_sampled_schedule_tells_its_point() -> None:
    (task,) = tasks(Conv2d(1, 3, 5, 64, 64))
    space, setting = task.row.space, task.setting
    function = task.row.lowering.function(task.operator, setting.target)
    tiles, variants = space.tiles(setting), space.variants(setting)
    for tile, variant in ((tiles[0], variants[-1]), (tiles[-1], variants[0])):
        schedule = s_tir.Schedule(function)
        space.sample_as(schedule, setting, Point(tile, variant))
        assert space.point_of(schedule, setting) == Point(tile, variant)


def test_a_fixed_space_has_one_point() -> None:
    space, setting = LabelRowLoops(), Setting(Labels(1, 2, 8, 3, 4), load("x86-avx2"), 2)
    assert space.points(setting) == 1
    assert space.default(setting) == Point()
    assert space.nearest(setting, Point((1, 2, 4), {"order": "pixels"})) == Point()
