from tvm_bnn.ops import Conv2d, Epilogue, PooledAttention, RealConv2d, Upsample2x
from tvm_bnn.profiling.cost import Work, work


def test_one_bit_macs_count_a_sixty_fourth() -> None:
    done = work(Conv2d(1, 8, 8, 64, 128))
    assert done.binary_macs == done.macs == 8 * 8 * 128 * 9 * 64
    assert done.ops == 2 * done.binary_macs / 64


def test_eight_by_one_bits_count_an_eighth() -> None:
    done = work(Conv2d(1, 8, 8, 64, 128, activation_bits=8))
    assert done.ops == 2 * done.binary_macs / 8


def test_integers_count_in_full() -> None:
    done = work(RealConv2d(1, 8, 8, 3, 16))
    assert (done.binary_macs, done.real_macs) == (0, 8 * 8 * 16 * 27)
    assert done.ops == 2 * done.real_macs


def test_products_of_several_widths() -> None:
    done = work(PooledAttention(1, 8, 8, 16, 64, 128))
    scores, mixing = (8 * 8 * 16 * channels for channels in (64, 128))
    assert (done.binary_macs, done.real_macs) == (scores + mixing, 0)
    assert done.ops == 2 * (scores / 64 + mixing / 8)


def test_bytes_are_inputs_weights_and_outputs_once() -> None:
    operator = Conv2d(1, 8, 8, 64, 64, epilogue=Epilogue(outputs=("signs",)))
    affine, threshold = 3 * 64 * 4, 64 * 2
    assert work(operator).bytes == 8 * 8 * 8 + 64 * 9 * 8 + affine + threshold + 8 * 8 * 8


def test_work_adds_up() -> None:
    one, other = work(Conv2d(1, 8, 8, 64, 64)), work(RealConv2d(1, 8, 8, 3, 16))
    both = one + other
    assert both.macs == one.macs + other.macs
    assert both.binary_share == one.binary_macs / both.macs
    assert both.bytes == one.bytes + other.bytes


def test_an_operator_without_macs_has_no_share_and_no_speed() -> None:
    done = work(Upsample2x(1, 8, 8, 64))
    assert (done.macs, done.binary_share, done.gops(1.0)) == (0, 0.0, 0.0)


def test_gops_count_two_to_a_mac() -> None:
    assert Work(binary_macs=10**9).gops(1000.0) == 2.0
