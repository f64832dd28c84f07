from pathlib import Path

import pytest

from tvm_bnn.deploy.packages import installed_packages
from tvm_bnn.deploy.runtime_files import libraries_for, native_sources, runtime_files
from tvm_bnn.errors import UsageError

FFI, RUNTIME, EXTRA = "libtvm_ffi.so", "libtvm_runtime.so", "libtvm_runtime_extra.so"
CUDA = "libtvm_runtime_cuda.so"


def test_sorting_needs_one_more_library(tiny_bundle: Path) -> None:
    assert libraries_for((tiny_bundle / "model.so").read_bytes(), gpu=False) == (FFI, RUNTIME)
    assert libraries_for(b"\0tvm.contrib.sort.argsort\0", gpu=False) == (FFI, RUNTIME, EXTRA)


def test_a_gpu_needs_one_more_library() -> None:
    assert libraries_for(b"", gpu=True) == (FFI, RUNTIME, CUDA)
    assert f"runtime/{CUDA}" in runtime_files((FFI, RUNTIME, CUDA), installed_packages())


def test_libraries_licences_and_the_interface() -> None:
    found = installed_packages()
    files = runtime_files((FFI, RUNTIME), found)
    assert files[f"runtime/{RUNTIME}"] == found["apache-tvm"].read(f"tvm/lib/{RUNTIME}")
    licences = {"apache-tvm-LICENSE", "apache-tvm-ffi-LICENSE", "apache-tvm-ffi-NOTICE"}
    assert {name for name in files if name.startswith("runtime/")} == {
        f"runtime/{name}" for name in (FFI, RUNTIME, *licences)
    }
    for name in (
        "tvm_bnn.h",
        "CMakeLists.txt",
        "src/api.cc",
        "examples/segment.cc",
        "tvm/ffi/c_api.h",
        "dlpack/dlpack.h",
    ):
        assert files[f"native/{name}"]
    assert f"runtime/{EXTRA}" in runtime_files((FFI, RUNTIME, EXTRA), found)


def test_the_sources_are_there() -> None:
    assert {path.suffix for path in native_sources()} == {".h", ".cc", ".txt"}


class Empty:
    def names(self) -> list[str]:
        return []

    def read(self, name: str) -> bytes:
        raise KeyError(name)


def test_an_incomplete_package_is_named() -> None:
    with pytest.raises(UsageError, match=r"expected tvm/lib/libtvm_runtime\.so in apache-tvm, got none"):
        runtime_files((RUNTIME,), {"apache-tvm": Empty(), "apache-tvm-ffi": Empty()})
