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
from tvm_bnn.threads import running_on
before = set(os.listdir("/proc/self/task"))
every = sorted(os.sched_getaffinity(0))
for allowed in (set(every), set(every[:1])):
    os.sched_setaffinity(0, allowed)
    with running_on(tvm, 2):
        workers = set(os.listdir("/proc/self/task")) - before
        print(len(workers) > 0, all(os.sched_getaffinity(int(worker)) == allowed for worker in workers))
    print(os.sched_getaffinity(0) == allowed)
"""


@pytest.mark.skipif(logical_cores() < 2, reason="needs two cores")
def test_workers_share_the_cores_that_the_caller_may_use() -> None:
    ran = subprocess.run([sys.executable, "-c", AFFINITY], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == ["True"] * 6
