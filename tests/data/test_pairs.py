from tvm_bnn.data.pairs import spread


def test_spread() -> None:
    items = list("abcdefghij")
    assert spread(items, None) == spread(items, 10) == spread(items, 11) == items
    assert spread(items, 1) == ["a"]
    assert spread(items, 3) == ["a", "d", "g"]
    assert all(len(set(spread(items, count))) == count for count in range(1, 11))
