import pytest

from tvm_bnn.deploy import nvrtc
from tvm_bnn.errors import ToolchainError


def test_without_the_compiler_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvrtc, "_candidates", lambda: iter(()))
    nvrtc._library.cache_clear()
    with pytest.raises(ToolchainError, match="got none") as caught:
        nvrtc.compile_cuda("", "sm_90")
    assert (caught.value.exit_code, caught.value.hint) == (4, "pip install 'tvm-bnn[cuda]'")
    assert nvrtc.version() is None
    nvrtc._library.cache_clear()


def test_a_refused_source_is_told_in_one_line() -> None:
    if nvrtc.version() is None:
        pytest.skip("needs nvidia-cuda-nvrtc")
    with pytest.raises(ToolchainError, match="undefined") as caught:
        nvrtc.compile_cuda('extern "C" __global__ void f(int* x) { missing(x); }', "sm_90")
    assert "\n" not in str(caught.value)
