import pytest
import torch

from tvm_bnn.nn import custom_ops
from tvm_bnn.ops import OPERATORS, Bitpack, Conv2d, Dense, Epilogue, Labels, RealConv2d, Upsample2x
from tvm_bnn.ops.base import Operator


def arguments(operator: Operator) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randint(0, 8, spec.shape, generator=generator).to(getattr(torch, spec.dtype))
        for spec in operator.inputs()
    ]


EXAMPLES = [
    Conv2d(1, 4, 5, 3, 6, epilogue=Epilogue(rprelu=True, outputs=("stream", "signs"))),
    Dense(3, 10, 4, epilogue=Epilogue("none", outputs=("accumulator",))),
    RealConv2d(1, 4, 4, 3, 2, epilogue=Epilogue(outputs=("byte",))),
    Upsample2x(1, 2, 3, 5),
    Bitpack(1, 2, 3, 5, Epilogue("none", outputs=("codes",), code_bits=2), "uint8"),
    Labels(2, 3, 3, 4),
]


@pytest.mark.parametrize("operator", EXAMPLES, ids=lambda operator: operator.kind)
def test_runs_the_reference(operator: Operator) -> None:
    tensors = arguments(operator)
    outputs = custom_ops.operator_of(operator.kind)(tensors, operator.signature, "a.place")
    expected = operator.reference(*(tensor.numpy() for tensor in tensors))
    assert len(outputs) == len(expected)
    for output, array in zip(outputs, expected, strict=True):
        assert output.dtype == getattr(torch, array.dtype.name)
        assert torch.equal(output, torch.from_numpy(array))


@pytest.mark.parametrize("operator", EXAMPLES, ids=lambda operator: operator.kind)
def test_obeys_the_rules_of_torch(operator: Operator) -> None:
    call = (arguments(operator), operator.signature, "a.place")
    torch.library.opcheck(custom_ops.operator_of(operator.kind), call)


def test_the_size_comes_from_the_first_input() -> None:
    operator = Upsample2x(1, 2, 3, 5)
    compute = custom_ops.operator_of("upsample2x")
    (output,) = compute(arguments(operator.at((2, 6, 4, 5))), operator.signature, "a.place")
    assert output.shape == (2, 12, 8, 5)


def test_outputs_are_fresh() -> None:
    operator = Bitpack(1, 1, 1, 64, Epilogue("none", outputs=("accumulator",)))
    (x,) = arguments(operator)
    (output,) = custom_ops.operator_of("bitpack")([x], operator.signature, "a.place")
    output += 1
    assert torch.equal(output, x + 1)


def test_every_kind_is_registered() -> None:
    for kind in OPERATORS:
        schema = str(custom_ops.operator_of(kind).default._schema)
        assert schema == f"{custom_ops.NAMESPACE}::integer_{kind}(Tensor[] inputs, str spec, str name) -> Tensor[]"
