from tvm_bnn.ops import Conv2d, Labels, Operator
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning.plan import default_choice
from tvm_bnn.verification.kernels import operator_times

TARGET = resolve_host()
OPERATORS: tuple[Operator, ...] = (Conv2d(1, 32, 32, 64, 64), Labels(1, 1, 2, 2, 1))


def test_every_pass_times_every_operator() -> None:
    chosen = [(operator, default_choice(operator, TARGET, 1)) for operator in OPERATORS]
    times = operator_times(chosen, TARGET, 1, warmup=1, repeat=5, seed=0)
    assert times.shape == (5, 2)
    large, small = times.min(0)
    assert large > small > 0
