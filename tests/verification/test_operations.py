from tvm_bnn.verification.operations import Operations


def test_kinds_are_added_apart_and_multiplied_alike() -> None:
    total = Operations(bops=2, lookups=1) + Operations(bops=3, flops=5) * 4
    assert total == Operations(bops=14, lookups=1, flops=20)


def test_arithmetic_leaves_out_what_is_listed_apart() -> None:
    everything = Operations(1, 2, 4, 8, 16, 32, 64, 128, 256)
    assert everything.arithmetic == 1 + 2 + 4
