import os
import subprocess
import sys

import pytest

from tvm_bnn.targets import logical_cores

# The pool belongs to a process and is made once, so each question needs a process of its own.
COMPILING = "from tvm_bnn._tvm import tvm"
RUNNING = "from tvm_bnn.deploy.vm import runtime; tvm = runtime()"
ASK = "; print(tvm.get_global_func('runtime.NumThreads')())"


def pool_size(script: str, number: str | None) -> int:
    environment = {name: value for name, value in os.environ.items() if name != "TVM_NUM_THREADS"}
    environment |= {"TVM_NUM_THREADS": number} if number else {}
    ran = subprocess.run(
        [sys.executable, "-c", script + ASK], env=environment, check=True, capture_output=True, text=True
    )
    return int(ran.stdout)


@pytest.mark.parametrize("script", [COMPILING, RUNNING])
def test_the_pool_is_offered_every_core(script: str) -> None:
    assert pool_size(script, None) == logical_cores()


def test_a_number_that_is_set_is_respected() -> None:
    assert pool_size(COMPILING, "1") == 1


AFFINITY = """
import os
from tvm_bnn._tvm import tvm
from tvm_bnn.threads import _workers_cores, running_on
before = os.sched_getaffinity(0)
with running_on(tvm, {threads}):
    inside, workers = os.sched_getaffinity(0), _workers_cores()
print(before == os.sched_getaffinity(0), bool(inside), not inside & (workers - inside), len(inside) < len(before))
"""


@pytest.mark.skipif(logical_cores() < 2, reason="needs two cores")
@pytest.mark.parametrize(("threads", "restricted"), [(1, False), (logical_cores(), True)])
def test_the_caller_keeps_off_the_cores_of_the_workers(threads: int, restricted: bool) -> None:
    script = AFFINITY.format(threads=threads)
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == ["True", "True", "True", str(restricted)]
