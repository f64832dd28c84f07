import json
from typing import Any

import pytest
from hypothesis import given, settings

from tests.strategies import BY_KIND, LIGHT, ODD_CONVS, operators
from tvm_bnn.ops import OPERATORS, Conv2d, Dense, Labels, Operator, operator_from_dict, operator_from_signature
from tvm_bnn.ops.base import AccumulatingOperator

DENSE: dict[str, Any] = {"kind": "dense", "rows": 1, "in_features": 64, "out_features": 10}


def test_every_kind_is_tested() -> None:
    assert set(BY_KIND) == set(OPERATORS)


@pytest.mark.parametrize("kind", OPERATORS)
def test_kind_is_the_name_of_the_row(kind: str) -> None:
    assert OPERATORS[kind].kind == kind
    assert issubclass(OPERATORS[kind], Operator)


@settings(LIGHT, max_examples=60)
@given(operators())
def test_signature_round_trip(operator: Operator) -> None:
    again = operator_from_signature(operator.signature)
    assert (type(again), again, again.signature) == (type(operator), operator, operator.signature)
    assert hash(again) == hash(operator)
    assert operator_from_dict(operator.to_dict()) == operator


@LIGHT
@given(operators())
def test_signature_is_canonical(operator: Operator) -> None:
    data = json.loads(operator.signature)
    assert operator.signature == json.dumps(data, sort_keys=True, separators=(",", ":"))
    backwards = dict(reversed(operator.to_dict().items()))
    assert operator_from_dict(backwards).signature == operator.signature


@LIGHT
@given(operators(), operators())
def test_signatures_differ_where_operators_do(one: Operator, other: Operator) -> None:
    assert (one.signature == other.signature) == (one == other)


def test_odd_convolutions_are_all_different() -> None:
    assert len({operator.signature for operator in ODD_CONVS}) == len(ODD_CONVS)


def test_signature_of_a_small_operator() -> None:
    expected = '{"batch":1,"classes":19,"factor":4,"height":2,"kind":"labels","width":3}'
    assert Labels(1, 2, 3, 19).signature == expected


def test_signature_holds_the_epilogue() -> None:
    data = json.loads(Conv2d(1, 3, 3, 64, 64).signature)
    assert data["kernel"] == [3, 3]
    assert data["epilogue"]["outputs"] == ["stream"]


def test_omitted_fields_take_their_defaults() -> None:
    operator = operator_from_dict(DENSE)
    assert operator == Dense(1, 64, 10)
    assert isinstance(operator, AccumulatingOperator)
    assert operator.epilogue.affine == "scale"


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "dance"},
        *({"kind": kind} for kind in (None, 1, ["dense"], {"dense": 1})),
        {"rows_": 3},
        {"epilogue": {"affines": "none"}},
        *({"epilogue": {"outputs": outputs}} for outputs in ([], "signs", [["signs"]])),
        *({"epilogue": epilogue} for epilogue in (None, "none", ["none"], 0, {1: 2})),
        {"activation_bits": 9},
        {"rows": 0},
    ],
)
def test_wrong_fields_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^(operator|epilogue|dense)\b.*: .+$"):
        operator_from_dict(DENSE | fields)


def test_missing_fields_are_refused() -> None:
    with pytest.raises(ValueError, match="operator: expected kind"):
        operator_from_dict({})
    with pytest.raises(ValueError, match="operator dense"):
        operator_from_dict({"kind": "dense", "rows": 1})


def test_argument_is_left_alone() -> None:
    data = dict(DENSE)
    operator_from_dict(data)
    assert data == DENSE


@pytest.mark.parametrize("data", [None, 1, "dense", ["kind"], [("kind", "dense")]])
def test_what_has_no_fields_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"^operator: .+$"):
        operator_from_dict(data)


@pytest.mark.parametrize(
    "text",
    [
        *("", "dense", "{", '{"kind":"dense"', "[" * 100_000, None, 1),
        *("null", "1", '"dense"', "[]", '[["kind","dense"]]', "{}", '{"kind":["dense"]}'),
    ],
    ids=range(14),
)
def test_what_is_no_signature_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match=r"^operator( signature)?: .+$"):
        operator_from_signature(text)
