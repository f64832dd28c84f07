from benchmarks.estimation.points import OPERATORS, sample, target_of
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.spaces.base import Setting

TARGET = target_of(3e9)


def test_the_target_has_what_an_estimate_needs() -> None:
    assert TARGET.tvm_target(1) == {"kind": "llvm", "mcpu": "x86-64-v2", "num-cores": 1}
    assert TARGET.core == "zen4"
    assert TARGET.peak("clock_ghz") == 3


def test_points_are_different_and_begin_with_the_defaults() -> None:
    for operator in OPERATORS.values():
        rows = rows_for(operator, TARGET)
        found = sample(operator, TARGET, 10, seed=0)
        assert len({(one.row.lowering.name, one.point.key) for one in found}) == 10
        setting = Setting(operator, TARGET, 1)
        assert [one.row for one in found[: len(rows)]] == rows
        assert all(one.point == one.row.space.default(setting) for one in found[: len(rows)])


def test_a_seed_repeats_and_another_differs() -> None:
    operator = next(iter(OPERATORS.values()))
    assert sample(operator, TARGET, 8, 0) == sample(operator, TARGET, 8, 0)
    assert sample(operator, TARGET, 8, 0) != sample(operator, TARGET, 8, 1)


def test_a_space_gives_no_more_than_it_has() -> None:
    operator = next(iter(OPERATORS.values()))
    setting = Setting(operator, TARGET, 1)
    every = sum(row.space.points(setting) for row in rows_for(operator, TARGET))
    assert len(sample(operator, TARGET, every + 1, 0)) == every
