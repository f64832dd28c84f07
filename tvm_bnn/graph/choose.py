"""Phase ``choose_lowering``: abstract operators become kernels with packed weights.

Only here do records (or the default) decide how an operator's bits are laid out; tensor expressions and packed
parameters come into being, and equal operators share one function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tvm_bnn._tvm import ir, numbered, relax, tvm
from tvm_bnn.errors import UsageError
from tvm_bnn.graph.capture import PREFIX, tensor_type
from tvm_bnn.lowering.base import data_inputs
from tvm_bnn.ops import Operator, operator_from_signature
from tvm_bnn.targets import Target
from tvm_bnn.tuning.plan import Choice

_OPAQUE = 8
"""TVM's pattern of functions that fusion leaves alone."""

Chooser = Callable[[Operator], Choice]


@dataclass(frozen=True)
class Placed:
    """One operator of the compiled network, in the order of execution."""

    name: str
    function: str
    operator: Operator
    choice: Choice


class ChooseLowering:
    """Rewrites ``main``; :attr:`placed` lists what was put where."""

    def __init__(self, target: Target, threads: int, choose: Chooser) -> None:
        self.target = target
        self.threads = threads
        self.choose = choose
        self.placed: list[Placed] = []
        self.refusal: UsageError | None = None

    def __call__(self, module: Any) -> Any:
        """The module with every abstract operator lowered."""
        mutator = _Mutator(module, self)
        mutator.builder_.update_func(module.get_global_var("main"), self._rewritten(mutator, module["main"]))
        return mutator.builder_.get()

    def _rewritten(self, mutator: Any, function: Any) -> Any:
        try:
            return mutator.visit_expr(function)
        except Exception:
            # On its way through TVM an error loses its type and its hint.
            if self.refusal is not None:
                raise self.refusal from None
            raise


@relax.expr_functor.mutator
class _Mutator(relax.PyExprMutator):
    def __init__(self, module: Any, phase: ChooseLowering) -> None:
        super().__init__(module)
        self.phase = phase
        self.functions: dict[str, Any] = {}

    def visit_call_(self, call: Any) -> Any:
        """Lower abstract operators, leave the rest."""
        call = self.visit_expr_post_order(call)
        if call.op != ir.Op.get("relax.call_pure_packed") or not isinstance(call.args[0], relax.ExternFunc):
            return call
        if not str(call.args[0].global_symbol).startswith(PREFIX):
            return call
        *arguments, signature, name = call.args[1:]
        return self._lower(operator_from_signature(signature.value), list(arguments), str(name.value))

    def _lower(self, operator: Operator, arguments: list[Any], name: str) -> Any:
        choice = self._chosen(operator, name)
        function = self._function(operator, choice)
        number = len(self.phase.placed)
        self.phase.placed.append(Placed(name, str(function.name_hint), operator, choice))
        count = len(data_inputs(operator))
        pairs = zip(arguments[:count], data_inputs(operator), strict=True)
        data = [self._reshaped(value, spec.shape) for value, spec in pairs]
        packed = self._packed(operator, choice, arguments)
        types = [tensor_type(spec) for spec in operator.outputs()]
        call = relax.call_tir(function, relax.Tuple([*data, *packed]), types)
        lowered = self.builder_.emit(numbered(call, number))
        return relax.Tuple([lowered]) if len(types) == 1 else lowered

    def _chosen(self, operator: Operator, name: str) -> Choice:
        try:
            return self.phase.choose(operator)
        except UsageError as error:
            self.phase.refusal = UsageError(f"{name}: {error.message}", error.hint)
            raise self.phase.refusal from error

    def _reshaped(self, value: Any, shape: tuple[int, ...]) -> Any:
        same = tuple(int(extent) for extent in value.ty.shape) == shape
        return value if same else self.builder_.emit(relax.op.reshape(value, shape))

    def _packed(self, operator: Operator, choice: Choice, arguments: list[Any]) -> list[Any]:
        lowering, target = choice.row.lowering, self.phase.target
        specs = [spec for spec in operator.inputs() if spec.role == "parameter"]
        constants = arguments[len(data_inputs(operator)) :]
        canonical = {spec.name: value.value.numpy() for spec, value in zip(specs, constants, strict=True)}
        packed = lowering.pack(operator, target, canonical)
        return [
            relax.const(tvm.runtime.tensor(np.ascontiguousarray(packed[spec.name])), spec.dtype)
            for spec in lowering.parameters(operator, target)
        ]

    def _function(self, operator: Operator, choice: Choice) -> Any:
        key = operator.signature
        if key not in self.functions:
            function = choice.scheduled(operator, self.phase.target, self.phase.threads)
            # Opaque: a kernel whose loops are arranged must not be fused with anything.
            function = function.with_attr("op_pattern", _OPAQUE)
            self.functions[key] = self.builder_.add_func(function, f"{operator.kind}_{len(self.functions)}")
        return self.functions[key]
