from tvm_bnn.estimation.blocks import Block, Run, blocks_of

CODE = bytes(range(64))


def blocks(runs: dict[Run, int], *branches: int) -> dict[tuple[int, int], int]:
    """By start and end; instructions of 4 bytes, some of them branches."""

    def code_at(address: int, size: int) -> bytes:
        return CODE[address : address + size]

    def ends_block(code: bytes) -> bool:
        return code[-4] in branches

    found = blocks_of(runs, code_at, ends_block)
    assert all(block.code == CODE[block.address : block.address + len(block.code)] for block in found)
    return {(block.address, block.address + len(block.code)): count for block, count in found.items()}


def test_a_loop_that_is_entered_from_above() -> None:
    assert blocks({(0, 24): 1, (8, 16): 9, (24, 8): 1}, 20, 28) == {(0, 24): 1, (8, 24): 9, (24, 32): 1}


def test_a_cut_without_a_seam_is_closed() -> None:
    assert blocks({(0, 16): 5, (16, 16): 5}, 28) == {(0, 32): 5}


def test_several_cuts() -> None:
    assert blocks({(0, 16): 5, (16, 16): 7, (32, 16): 7}, 44) == {(0, 48): 5, (16, 48): 2}


def test_several_ways_to_a_cut() -> None:
    assert blocks({(0, 16): 2, (8, 8): 3, (16, 16): 9}, 28) == {(0, 32): 2, (8, 32): 3, (16, 32): 4}


def test_branches_are_seams() -> None:
    assert blocks({(0, 16): 5, (16, 16): 5}, 12, 28) == {(0, 16): 5, (16, 32): 5}


def test_what_was_not_executed_is_no_block() -> None:
    assert blocks({(0, 8): 2, (16, 8): 2}, 4, 20) == {(0, 8): 2, (16, 24): 2}
    assert blocks({}) == {}


def test_blocks_are_equal_by_place_and_code() -> None:
    assert Block(4, b"abcd") == Block(4, b"abcd")
    assert len({Block(4, b"abcd"), Block(8, b"abcd")}) == 2
