import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.oracle import assert_same, plain_bits, plain_pack, plain_values
from tests.strategies import CHANNELS, LIGHT, seeds, word_mask
from tvm_bnn.ops.bits import decode, pack_bits, pack_codes, unpack_bits, unpack_codes, words_for

shapes = st.lists(st.integers(1, 3), max_size=3).map(tuple)
"""Whatever stands before the channels."""


def random_codes(shape: tuple[int, ...], bits: int, seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return np.random.default_rng(seed).integers(0, 2**bits, shape, np.int32)


@pytest.mark.parametrize(
    ("channels", "words"), [(0, 0), (1, 2), (31, 2), (32, 2), (33, 2), (63, 2), (64, 2), (65, 4), (127, 4), (129, 6)]
)
def test_words_for(channels: int, words: int) -> None:
    assert words_for(channels) == words


@LIGHT
@given(shapes, st.sampled_from(CHANNELS), seeds)
def test_packing_is_the_bit_loop(shape: tuple[int, ...], channels: int, seed: int) -> None:
    codes = random_codes((*shape, channels), 1, seed)
    assert_same(pack_bits(codes == 1), plain_pack(codes))


@pytest.mark.parametrize("channels", CHANNELS)
def test_one_channel_is_one_bit(channels: int) -> None:
    words = pack_bits(np.eye(channels, dtype=bool))
    as_numbers = [int.from_bytes(row.tobytes(), "little") for row in words]
    assert as_numbers == [1 << channel for channel in range(channels)]


@pytest.mark.parametrize("channels", CHANNELS)
def test_padding_bits_are_zero(channels: int) -> None:
    (words,) = pack_bits(np.ones((1, channels), bool))
    assert_same(words.view(np.uint32), word_mask(channels))
    assert int.from_bytes(words.tobytes(), "little") == 2**channels - 1


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("width", [8, 16, 32, 64])
def test_views_of_every_width_hold_the_channels_in_order(channels: int, width: int) -> None:
    bits = random_codes((3, channels), 1, channels)
    view = pack_bits(bits == 1).view(f"<u{width // 8}")
    found = [[int(row[channel // width]) >> channel % width & 1 for channel in range(channels)] for row in view]
    assert found == bits.tolist()


@LIGHT
@given(shapes, st.sampled_from(CHANNELS), seeds)
def test_bits_survive_the_round_trip(shape: tuple[int, ...], channels: int, seed: int) -> None:
    bits = random_codes((*shape, channels), 1, seed) == 1
    assert_same(unpack_bits(pack_bits(bits), channels), bits)


@LIGHT
@given(st.sampled_from(CHANNELS), st.integers(1, 8), seeds)
def test_codes_survive_the_round_trip(channels: int, bits: int, seed: int) -> None:
    codes = random_codes((2, 3, channels), bits, seed)
    words = pack_codes(codes, bits)
    assert_same(words, plain_pack(codes, bits))
    assert_same(unpack_codes(words, channels, bits), codes)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_codes_may_come_in_any_integer_type(dtype: type[np.integer]) -> None:
    codes = np.arange(256, dtype=np.int32).astype(dtype) & dtype(127)
    assert_same(pack_codes(codes, 7), plain_pack(codes, 7))


def test_the_least_significant_plane_comes_first() -> None:
    assert pack_codes(np.array([1, 2, 0, 3]), 2).tolist() == [0b1001, 0, 0b1010, 0]


def test_strided_arrays_are_packed_and_unpacked() -> None:
    bits = random_codes((4, 6, 130), 1, 7) == 1
    turned = bits[::2, ::-1, ::2].swapaxes(0, 1)
    words = pack_bits(turned)
    assert_same(words, plain_pack(turned))
    backwards = words[::-1].swapaxes(0, 1)
    assert_same(unpack_bits(backwards, 65), plain_bits(backwards.copy(), 65) == 1)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("bipolar", [True, False])
def test_decoding_adds_the_planes(bits: int, bipolar: bool) -> None:
    codes = np.arange(2**bits, dtype=np.int32)
    expected = plain_values(plain_pack(codes, bits), 2**bits, bits, bipolar=bipolar)
    assert_same(decode(codes, bits, bipolar=bipolar), expected.astype(np.int32))


@pytest.mark.parametrize("bits", range(1, 9))
def test_bipolar_codes_are_odd_and_symmetric(bits: int) -> None:
    decoded = decode(np.arange(2**bits, dtype=np.int32), bits, bipolar=True).tolist()
    assert decoded == list(range(-(2**bits) + 1, 2**bits, 2))
