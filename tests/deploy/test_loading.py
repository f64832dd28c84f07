import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.test_vm import output_of
from tvm_bnn.deploy import loading
from tvm_bnn.deploy.loading import load_runtime
from tvm_bnn.errors import ToolchainError

LIBRARIES = ("libtvm_ffi.so", "libtvm_runtime.so")
VERSIONS = {"tvm": "0.27.0.post1", "tvm-ffi": "0.1.14.post1"}
LABEL = """
import sys
{before}
import numpy as np
from tvm_bnn.deploy.runner import Runner
labels = Runner.load({bundle!r}).run(np.zeros((16, 24, 3), np.uint8))
loaded = {{line.split()[-1] for line in open("/proc/self/maps") if "libtvm_" in line and "ffi" not in line}}
print(*(sys.modules.get(name) is not None for name in ("torch", "tvm")), *loaded)
"""


def test_a_bundle_needs_neither_torch_nor_the_compiler(tiny_bundle: Path) -> None:
    torch, tvm, *loaded = output_of(LABEL.format(bundle=str(tiny_bundle), before="")).split()
    assert (torch, tvm) == ("False", "False")
    assert [Path(path).name for path in loaded] == ["libtvm_runtime.so"]


def test_without_an_installed_tvm_the_bundle_brings_the_runtime(runtime_bundle: Path, tiny_bundle: Path) -> None:
    hidden = 'sys.modules["tvm"] = None'
    *_, runtime = output_of(LABEL.format(bundle=str(runtime_bundle), before=hidden)).split()
    assert Path(runtime) == runtime_bundle / "runtime" / "libtvm_runtime.so"
    with pytest.raises(subprocess.CalledProcessError) as caught:
        output_of(LABEL.format(bundle=str(tiny_bundle), before=hidden))
    assert "expected TVM's runtime in the bundle or installed, got neither" in caught.value.stderr


TOGETHER = """
import sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from tvm_bnn.deploy.runner import Runner
picture = np.zeros((16, 24, 3), np.uint8)
sys.setswitchinterval(1e-6)
with ThreadPoolExecutor(8) as pool:
    labels = list(pool.map(lambda threads: Runner.load({bundle!r}, threads).run(picture), [1, 2] * 8))
print(all((one == labels[0]).all() for one in labels), "torch" in sys.modules)
"""


def test_threads_may_load_at_the_same_time(tiny_bundle: Path) -> None:
    assert output_of(TOGETHER.format(bundle=str(tiny_bundle))).split() == ["True", "False"]


@pytest.mark.parametrize(("name", "package"), [("tvm", "apache-tvm"), ("tvm-ffi", "apache-tvm-ffi")])
def test_other_versions_are_refused(name: str, package: str) -> None:
    with pytest.raises(ToolchainError, match=f"bundle for {package} 0[.]1, got {VERSIONS[name]}"):
        load_runtime(LIBRARIES, None, {**VERSIONS, name: "0.1"})


def test_a_library_that_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tvm", None)
    monkeypatch.setattr(loading, "_installed", lambda: None)
    with pytest.raises(ToolchainError, match=r"cannot load libtvm_runtime\.so: "):
        load_runtime(LIBRARIES, tmp_path, VERSIONS)


def test_the_ffi_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tvm_ffi", None)
    with pytest.raises(ToolchainError, match="expected the package apache-tvm-ffi, got none"):
        loading.ffi()


class Library:
    """Stands for a loaded library: each virtual machine can run one call at a time."""

    def __init__(self) -> None:
        self.machines = 0
        self.fails = False

    def __getitem__(self, name: str) -> object:
        assert name == "vm_load_executable"
        return self.machine

    def machine(self) -> dict[str, object]:
        self.machines += 1
        number = self.machines

        def main(picture: object) -> object:
            if self.fails:
                raise RuntimeError("failed")
            return picture() if callable(picture) else number

        return {"vm_initialization": lambda *_: None, "main": main}


def test_calls_within_calls_have_machines_of_their_own() -> None:
    library = Library()
    network = loading.Network(library, tiles=False)
    assert [network(0), network(0)] == [1, 1]
    assert network(lambda: network(0)) == 2
    assert library.machines == 2


def test_a_machine_that_failed_is_not_used_again() -> None:
    library = Library()
    network = loading.Network(library, tiles=False)
    library.fails = True
    with pytest.raises(RuntimeError):
        network(0)
    library.fails = False
    assert network(0) == 2
