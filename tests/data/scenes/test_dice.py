import numpy as np
import pytest

from tvm_bnn.data.scenes.dice import Dice


def test_dice_are_fair_and_bounded() -> None:
    dice = Dice(0, 0)
    throws = [dice.between(-2, 3) for _ in range(6000)]
    assert set(throws) == set(range(-2, 4))
    assert min(np.bincount(np.array(throws) + 2)) > 850
    assert dice.between(4, 4) == dice.between(4, 1) == 4
    assert abs(dice.noise(100, 7).mean()) < 12


@pytest.mark.parametrize(("height", "width", "cell"), [(1, 9, 4), (16, 16, 4), (5, 3, 8), (65, 130, 13)])
def test_clouds_are_smooth(height: int, width: int, cell: int) -> None:
    clouds = Dice(1, 2).clouds(height, width, cell)
    assert clouds.shape == (height, width)
    for axis in (0, 1):
        assert np.abs(np.diff(clouds.astype(int), axis=axis)).max(initial=0) <= 255 // cell + 2
    assert np.abs(clouds).max() <= 128
