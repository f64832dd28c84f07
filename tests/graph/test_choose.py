import pytest

from tests.graph.test_compare import HOST, SHAPE
from tvm_bnn.errors import UsageError
from tvm_bnn.graph.phases import compile_network
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.ops import Operator
from tvm_bnn.tuning.plan import Choice, default_choice


def test_an_operator_without_a_lowering_is_named_by_its_place(tiny_model: LoadedModel) -> None:
    def refuse(operator: Operator) -> Choice:
        if operator.kind == "conv2d":
            raise UsageError("nothing accepts it", "a hint")
        return default_choice(operator, HOST, 1)

    with pytest.raises(UsageError, match=r"^conv: nothing accepts it$") as error:
        compile_network(tiny_model.network, SHAPE, HOST, 1, refuse)
    assert error.value.hint == "a hint"


def test_equal_operators_share_a_function(tiny_model: LoadedModel) -> None:
    compiled = compile_network(tiny_model.network, SHAPE, HOST, 1, lambda operator: default_choice(operator, HOST, 1))
    by_operator = {placed.operator: placed.function for placed in compiled.operators}
    assert all(by_operator[placed.operator] == placed.function for placed in compiled.operators)
    assert len(set(by_operator.values())) == len(by_operator)
