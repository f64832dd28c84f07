from pathlib import Path

from tvm_bnn.deploy.elf import read_elf
from tvm_bnn.deploy.manifest import read_manifest
from tvm_bnn.models.load import LoadedModel


def test_a_binary_weight_is_one_bit(tiny_bundle: Path, tiny_model: LoadedModel) -> None:
    sizes = read_manifest(tiny_bundle).sizes
    assert sizes.binary == 64 * 64 * 9 / 8
    held = sum(buffer.numel() * buffer.element_size() for buffer in tiny_model.network.buffers())
    # Its channels are whole words, so what torch holds is the information.
    assert sizes.information == held
    assert sizes.information <= sizes.weights < (tiny_bundle / "model.so").stat().st_size
    assert sizes.code == read_elf(tiny_bundle / "model.so").code
