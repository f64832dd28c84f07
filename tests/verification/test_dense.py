from tvm_bnn.verification import dense
from tvm_bnn.verification.formulas import DENSE, Shape
from tvm_bnn.verification.operations import Operations

SHAPE = Shape(48, 156, 128, 64, 96, 110)
TOKENS = SHAPE.tokens


def test_products_are_counted_as_by_formula() -> None:
    found = dense.products(SHAPE)
    assert found.flops == DENSE.products_flops(SHAPE)
    assert (found.bops, found.integer_ops, found.lookups, found.comparisons, found.divisions) == (0, 0, 0, 0, 0)


def test_softmax() -> None:
    """A subtraction, an exponential, a comparison and an addition a pair; one division a result."""
    found = dense.softmax(SHAPE)
    kinds = Operations(flops=2, exponentials=1, comparisons=1) * TOKENS**2 + Operations(divisions=TOKENS * SHAPE.cv)
    assert found == kinds + Operations(loaded=found.loaded, stored=found.stored)


def test_the_block_is_counted_as_by_formula_and_the_softmax_beside_it() -> None:
    assert dense.block(SHAPE).flops == DENSE.block_flops(SHAPE) + dense.softmax(SHAPE).flops
