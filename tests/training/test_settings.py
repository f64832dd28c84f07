import dataclasses
import json

import pytest

from tvm_bnn.errors import UsageError
from tvm_bnn.training.settings import TrainingSettings

SETTINGS = TrainingSettings(
    start="small S",
    data="scenes",
    size=(64, 96),
    pictures=8,
    steps=6,
    batch=4,
    learning_rate=1e-2,
    seed=3,
    threads=1,
)


def test_text_and_back() -> None:
    assert TrainingSettings.from_json(SETTINGS.to_json()) == SETTINGS


def test_runs_from_before_there_was_a_choice_of_precision() -> None:
    held = {
        name: value for name, value in json.loads(SETTINGS.to_json()).items() if name not in ("device", "precision")
    }
    assert TrainingSettings.from_json(json.dumps(held)) == SETTINGS


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"size": [1, 2]}', '{"size": 3}', '{"size": [1, 2], "more": 1}'])
def test_other_text(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is json's as often as ours
        TrainingSettings.from_json(text)


def test_differences_are_named() -> None:
    other = dataclasses.replace(SETTINGS, learning_rate=2e-2, size=(64, 64))
    assert other.differences(SETTINGS) == ["size 64x96 (now 64x64)", "learning rate 0.01 (now 0.02)"]
    assert SETTINGS.differences(SETTINGS) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 9}, r"batch: expected at most as many as there are pictures \(8\), got 9"),
        ({"processes": 3}, "batch: expected a multiple of 3 processes, 2 pictures or more each, got 4"),
        ({"processes": 4}, "batch: expected a multiple of 4 processes, 2 pictures or more each, got 4"),
        ({"learning_rate": 0.0}, "learning rate: expected a positive number, got 0.0"),
        ({"learning_rate": float("nan")}, "got nan"),
        ({"learning_rate": float("inf")}, "got inf"),
    ],
)
def test_out_of_range(changes: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(SETTINGS, **changes)  # type: ignore[arg-type]
