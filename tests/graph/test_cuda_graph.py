import re

from tvm_bnn.graph.phases import Compiled

GRAPH = "vm.builtin.cuda_graph"
_HARMLESS = {
    *(f"vm.builtin.{name}" for name in ("check_tensor_info", "match_shape", "null_value", "make_tuple")),
    *(f"vm.builtin.{name}" for name in ("tuple_getitem", "alloc_storage", "alloc_tensor", "reshape")),
}
"""What looks at shapes or hands out memory; none of it reads or writes what a tensor holds."""


def calls(compiled: Compiled, function: str) -> list[str]:
    """What a function of the virtual machine calls, in order."""
    text = compiled.executable.as_text()
    (body,) = re.findall(rf"^@{function}:\n(.*?)(?=^@|\Z)", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\s+call\s+(\S+)\s", body, re.MULTILINE)


def kernels(names: list[str]) -> list[str]:
    return [name for name in names if not name.startswith("vm.builtin.")]


def test_all_but_the_last_operator_are_one_cuda_graph(tiny_gpu_compiled: Compiled) -> None:
    placed = [operator.function for operator in tiny_gpu_compiled.operators]
    assert kernels(calls(tiny_gpu_compiled, "main_cuda_graph_capture")) == placed[:-1]
    main = calls(tiny_gpu_compiled, "main")
    assert main.count(f"{GRAPH}.run_or_capture") == 1
    assert kernels(main) == placed[-1:]


def test_nothing_between_the_kernels_touches_the_data(tiny_gpu_compiled: Compiled) -> None:
    used = {
        name
        for function in ("main", "main_cuda_graph_capture", "cuda_graph_alloc")
        for name in calls(tiny_gpu_compiled, function)
        if name.startswith("vm.builtin.")
    }
    assert used <= _HARMLESS | {f"{GRAPH}.run_or_capture", f"{GRAPH}.get_cached_alloc"}


def test_a_cpu_has_none(tiny_compiled: Compiled) -> None:
    assert GRAPH not in tiny_compiled.executable.as_text()
