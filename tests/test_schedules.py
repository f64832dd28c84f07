"""What ships must serve what ships: every preset at its native size compiles with ``--require-tuned``."""

import functools
import itertools

import pytest

from tvm_bnn.models.load import LoadedModel
from tvm_bnn.models.load import load as load_model
from tvm_bnn.models.presets import PRESETS
from tvm_bnn.targets import load
from tvm_bnn.tuning.plan import choose, is_settled
from tvm_bnn.tuning.records import load_book

SHIPPED = ("x86-avx2", "x86-avx512")
"""Targets with measured records; those of x86-avx512 are adapted for x86-amx, on which nothing was measured."""

BOARDS = ("rpi3", "rpi4", "rpi5")
"""Targets with estimated records, of width S."""

MODELS = [
    pytest.param(name, width, marks=[] if width == "S" else pytest.mark.full)
    for name, width in itertools.product(PRESETS, "SML")
]


@functools.cache
def model_of(name: str, width: str) -> LoadedModel:
    return load_model(name, width=width)


@pytest.mark.parametrize("target_name", SHIPPED)
@pytest.mark.parametrize(("name", "width"), MODELS)
def test_every_operator_of_a_preset_is_tuned(name: str, width: str, target_name: str) -> None:
    model, target = model_of(name, width), load(target_name)
    book, damages = load_book(target, [])
    assert (damages, book.stale) == ([], [])
    for threads in (1, 2, 8):
        untuned = [
            place
            for place, operator in model.network.operators_at((1, *model.input_size, 3))
            if not is_settled(choose(operator, target, threads, book), operator, target, threads)
        ]
        assert untuned == []


@pytest.mark.parametrize("target_name", BOARDS)
@pytest.mark.parametrize("name", PRESETS)
def test_every_operator_of_width_s_is_estimated_for_boards(name: str, target_name: str) -> None:
    model, target = model_of(name, "S"), load(target_name)
    book, damages = load_book(target, [])
    assert (damages, book.stale) == ([], [])
    for _, operator in model.network.operators_at((1, *model.input_size, 3)):
        choice = choose(operator, target, 1, book)
        assert is_settled(choice, operator, target, 1)
        assert choice.evidence in ("estimated", None)


def test_estimates_say_what_they_are_and_keep_what_they_cannot_tell_apart() -> None:
    for name in BOARDS:
        lines = [record.line for record in load_book(load(name), [])[0].shelves[0]]
        assert lines
        for line in lines:
            assert (line.target, line.evidence, line.threads) == (name, "estimated", 1)
            assert line.machine == f"model of {load(name).core}"
            assert all(line.median_ms <= contender.median_ms <= 1.1 * line.median_ms for contender in line.finalists)


def test_shipped_records_are_measured_where_they_say() -> None:
    for name in SHIPPED:
        for record in (record for shelf in load_book(load(name), [])[0].shelves for record in shelf):
            assert (record.line.target, record.line.evidence) == (name, "measured")
            assert record.line.machine
