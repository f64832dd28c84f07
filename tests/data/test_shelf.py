import numpy as np

from tvm_bnn.data.contract import Sample
from tvm_bnn.data.shelf import Shelf

SAMPLE = Sample(np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.uint8))


def test_the_first_are_kept_while_there_is_room() -> None:
    shelf = Shelf(2 * 80 + 79)
    for index in (7, 7, 3, 5):
        shelf.put(index, SAMPLE)
    assert shelf.get(7) is shelf.get(3) is SAMPLE
    assert shelf.get(5) is None


def test_what_is_too_large_is_not_kept_but_what_is_smaller_is() -> None:
    shelf = Shelf(79)
    shelf.put(0, SAMPLE)
    shelf.put(1, Sample(SAMPLE.picture[:2], SAMPLE.labels[:2]))
    assert shelf.get(0) is None
    assert shelf.get(1) is not None
