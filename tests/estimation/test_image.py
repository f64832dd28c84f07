import pytest

from tests.estimation.faulty import doubled, library, unserved
from tvm_bnn.estimation.image import load_image


def test_a_kernel() -> None:
    image = load_image(library(unserved))
    assert image.architecture == "aarch64"
    start, end = image.code
    assert start <= image.symbols["__tvm_ffi_main"] < end
    assert "nobody" not in image.symbols
    assert "nobody" in {patch.symbol for patch in image.patches}
    code = next(segment for segment in image.segments if segment.executable)
    assert code.size == len(code.data)


def test_what_is_no_library() -> None:
    with pytest.raises(ValueError, match="expected a shared library"):
        load_image(b"MZ" + bytes(100))


def test_another_machine() -> None:
    other = bytearray(library(doubled))
    other[18:20] = (243).to_bytes(2, "little")
    with pytest.raises(ValueError, match="aarch64 or x86-64, got EM_RISCV"):
        load_image(bytes(other))
