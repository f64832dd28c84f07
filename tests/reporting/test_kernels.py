from tests.tiny import MODEL
from tvm_bnn.models.load import load
from tvm_bnn.reporting.facts import Plan
from tvm_bnn.reporting.kernels import compiled_kernels, shortened_trace, vector_instructions
from tvm_bnn.targets import load as load_target
from tvm_bnn.tuning.plan import default_choice

X86 = """
main:
\tpushq\t%rbp
\tvpxorq\t%zmm1, %zmm0, %zmm2
\tvpopcntq\t%zmm2, %zmm2
\tvpopcntq\t(%rax), %zmm3
"""
ARM = "\tadd\tx0, x1, x2\n\teor\tv0.16b, v1.16b, v2.16b\n\tldr\tq0, [x1, #16]\n"


def test_vector_instructions_alone_count() -> None:
    assert vector_instructions(X86) == (("vpopcntq", 2), ("vpxorq", 1))
    assert vector_instructions(ARM) == (("eor", 1), ("ldr", 1))


def test_a_trace_keeps_what_differs() -> None:
    trace = (
        "# from tvm\ndef apply_trace(sch):\n  l1, l2 = sch.split(loop=l0, factors=[None, 4], preserve_unit_iters=True)"
    )
    assert shortened_trace(trace) == "l1, l2 = sch.split(l0, factors=[None, 4])"


def test_a_kernel_of_two_operators_is_compiled_once_for_its_target() -> None:
    target, model = load_target("rpi4"), load(MODEL)
    operators = dict(model.network.operators_at((1, *model.input_size, 3)))
    plan = Plan(operators["conv"], default_choice(operators["conv"], target, 1))
    (kernel,) = compiled_kernels({"conv": plan, "again": plan}, target, 1)
    assert kernel.operators == ("conv", "again")
    assert {"eor", "ldr"} & {name for name, _ in kernel.mix}
    assert any(step.startswith("sch.reorder(") for step in kernel.trace.splitlines())
