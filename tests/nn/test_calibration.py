import hashlib

import torch

from tvm_bnn.nn.calibration import fixed_order, synthetic_pictures


def test_pictures_use_the_whole_range_and_never_change() -> None:
    pictures = synthetic_pictures(2, (20, 33))
    assert pictures.shape == (2, 3, 20, 33)
    assert (int(pictures.min()), int(pictures.max())) == (0, 255)
    assert hashlib.sha256(pictures.numpy().tobytes()).hexdigest().startswith("6abce4822d6fed30")


def test_seeds_differ() -> None:
    assert not torch.equal(synthetic_pictures(1, (8, 8), seed=1), synthetic_pictures(1, (8, 8), seed=2))


def test_fixed_order_gives_the_threads_back() -> None:
    before = torch.get_num_threads()
    with fixed_order():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
