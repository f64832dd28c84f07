from dataclasses import replace

import pytest

from tests.tuning.fakes import CONV, TARGET, WIDE, record
from tvm_bnn.ops import Conv2d, Epilogue, Labels
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import load
from tvm_bnn.tuning.plan import choose, default_choice
from tvm_bnn.tuning.records import RecordBook

MASKED = Conv2d(1, 5, 5, 24, 12, groups=3, epilogue=Epilogue("none", outputs=("signs",)))
LABELS = Labels(1, 2, 8, 3, 4)


def test_without_records() -> None:
    assert [default_choice(op, TARGET, 2).schedule for op in (CONV, MASKED, LABELS)] == [
        "default",
        "fallback",
        "default",
    ]
    assert choose(CONV, TARGET, 2, RecordBook(TARGET)) == default_choice(CONV, TARGET, 2)


def test_a_record_of_this_operator() -> None:
    point = {"tile": [1, 2, 4], "order": "pixels", "unroll": 0}
    chosen = choose(CONV, TARGET, 2, RecordBook(TARGET, [[record(point=point)]]))
    assert chosen.schedule == "tuned"
    assert chosen.point.to_dict() == point
    assert chosen.record == record(point=point)


@pytest.mark.parametrize("operator", [WIDE, replace(CONV, width=1), replace(CONV, batch=2)])
def test_a_record_of_another_operator(operator: Conv2d) -> None:
    chosen = choose(operator, TARGET, 2, RecordBook(TARGET, [[record()]]))
    assert chosen.schedule == "transferred"


def test_a_lowering_that_declines_here_is_not_used() -> None:
    book = RecordBook(TARGET, [[record(replace(MASKED, groups=1), operator=MASKED.to_dict())]])
    assert book.best(MASKED, TARGET, 2) == (None, False)
    assert choose(MASKED, TARGET, 2, book).schedule == "fallback"


def test_a_tile_that_is_out_of_the_space_is_mended() -> None:
    chosen = choose(CONV, TARGET, 2, RecordBook(TARGET, [[record(point={"tile": [4000], "order": "sideways"})]]))
    setting = Setting(CONV, TARGET, 2)
    assert chosen.point.tile in chosen.row.space.tiles(setting)
    assert chosen.point.variant in chosen.row.space.variants(setting)


def test_evidence_of_another_target_is_none() -> None:
    amx = load("x86-amx")
    kin = choose(CONV, amx, 2, RecordBook(amx, [[record()]]))
    assert (kin.schedule, kin.evidence) == ("transferred", None)
    own = choose(CONV, TARGET, 2, RecordBook(TARGET, [[record()]]))
    assert (own.schedule, own.evidence) == ("tuned", "measured")
