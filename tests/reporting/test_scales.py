import pytest

from tvm_bnn.reporting.scales import Scale, nice_step


def test_equal_steps() -> None:
    scale = Scale(0, 10, 100, 0)
    assert [scale(value) for value in (0, 5, 10)] == [100, 50, 0]
    assert scale(11) == 0
    assert scale.ticks() == [0, 2, 4, 6, 8, 10]


def test_equal_ratios() -> None:
    scale = Scale(1, 1000, 0, 300, log=True)
    assert scale(10) == pytest.approx(100)
    assert scale.ticks() == [1, 10, 100, 1000]


@pytest.mark.parametrize(("least", "step"), [(1, 1), (1.1, 2), (0.03, 0.05), (700, 1000)])
def test_steps_are_round(least: float, step: float) -> None:
    assert nice_step(least) == pytest.approx(step)
