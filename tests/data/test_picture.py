import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tvm_bnn.data import picture
from tvm_bnn.data.picture import ClassInfo, labels_to_size, load_picture, overlay, resize_to, save_png
from tvm_bnn.errors import UsageError

ROAD, SKY = ClassInfo("road", (128, 64, 128)), ClassInfo("sky", (70, 130, 180))
UInt8 = npt.NDArray[np.uint8]


def saved(folder: Path, image: Image.Image, name: str = "a.png", **options: Any) -> Path:
    image.save(folder / name, **options)
    return folder / name


def gradient(height: int, width: int) -> UInt8:
    return np.arange(height * width * 3, dtype=np.int64).astype(np.uint8).reshape(height, width, 3)


def test_photograph(photograph: Path) -> None:
    image = load_picture(photograph)
    assert image.shape == (600, 512, 3)
    assert image.dtype == np.uint8
    assert image.flags.writeable


def test_rgb_is_untouched(tmp_path: Path) -> None:
    image = gradient(5, 7)
    np.testing.assert_array_equal(load_picture(str(saved(tmp_path, Image.fromarray(image)))), image)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16] = 255
    turned = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, Image.fromarray(np.ascontiguousarray(turned)), "a.png", exif=exif)
    np.testing.assert_array_equal(load_picture(path), upright)


def test_transparency_lies_over_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    image.putpixel((1, 0), (255, 0, 0, 255))
    np.testing.assert_array_equal(load_picture(saved(tmp_path, image)), [[[255, 255, 255], [255, 0, 0]]])


def test_palette(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1), 1)
    image.putpalette([0, 0, 0, 9, 8, 7])
    np.testing.assert_array_equal(load_picture(saved(tmp_path, image)), [[[9, 8, 7]] * 2])


def test_transparent_palette(tmp_path: Path) -> None:
    image = Image.new("P", (1, 1), 1)
    image.putpalette([0, 0, 0, 9, 8, 7])
    np.testing.assert_array_equal(load_picture(saved(tmp_path, image, transparency=1)), [[[255, 255, 255]]])


def test_greyscale(tmp_path: Path) -> None:
    np.testing.assert_array_equal(load_picture(saved(tmp_path, Image.new("L", (1, 1), 77))), [[[77] * 3]])


def test_greyscale_with_alpha(tmp_path: Path) -> None:
    np.testing.assert_array_equal(load_picture(saved(tmp_path, Image.new("LA", (1, 1), (0, 0)))), [[[255] * 3]])


def test_black_and_white(tmp_path: Path) -> None:
    np.testing.assert_array_equal(load_picture(saved(tmp_path, Image.new("1", (1, 1), 1))), [[[255] * 3]])


def test_cmyk(tmp_path: Path) -> None:
    assert load_picture(saved(tmp_path, Image.new("CMYK", (8, 8)), "a.jpg")).min() > 250


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
def test_16_bit_is_scaled(tmp_path: Path, name: str) -> None:
    wide = Image.fromarray(np.array([[0, 128, 257, 32768, 65535]], np.uint16))
    grey = load_picture(saved(tmp_path, wide, name))
    np.testing.assert_array_equal(grey[0, :, 0], [0, 0, 1, 128, 255])


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ["white", "black"]]
    path = saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:])
    assert load_picture(path).min() == 255


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load_picture(path)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value.message


def test_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a.png") == f"expected a picture, got no file at '{tmp_path / 'a.png'}'"


def test_folder(tmp_path: Path) -> None:
    assert "got a folder" in refusal(tmp_path)


def test_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "got a device or a pipe" in refusal(tmp_path / "pipe")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n"])
def test_not_a_picture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert "expected a picture, got a" in refusal(tmp_path / "a.png")


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path) -> UInt8:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(picture, "_decode", deny)
    assert "Permission denied" in refusal(saved(tmp_path, Image.new("L", (1, 1))))


def test_truncated(tmp_path: Path, photograph: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(photograph.read_bytes()[:20000])
    assert "got a damaged one" in refusal(tmp_path / "a.jpg")


@given(st.binary(min_size=1, max_size=40), st.integers(8, 400))
def test_damage_never_escapes_as_another_error(tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int) -> None:
    buffer = io.BytesIO()
    Image.fromarray(gradient(8, 8)).save(buffer, "PNG")
    content = buffer.getvalue()
    path = tmp_path_factory.mktemp("damaged") / "a.png"
    path.write_bytes(content[:at] + junk + content[at + len(junk) :])
    with suppress(UsageError):
        assert load_picture(path).ndim == 3


def test_floating_point(tmp_path: Path) -> None:
    assert "got floating point" in refusal(saved(tmp_path, Image.new("F", (1, 1)), "a.tif"))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("size", "got"), [((10001, 10000), "100,010,000"), ((20000, 20000), "far more")])
def test_decompression_bomb(tmp_path: Path, size: tuple[int, int], got: str) -> None:
    message = refusal(saved(tmp_path, Image.new("1", size)))
    assert f"expected at most 100 million pixels, got {got}" in message


def test_resize() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, 2:] = 200
    small = resize_to(image, (1, 2))
    assert small.shape == (1, 2, 3)
    assert small.dtype == np.uint8
    assert small[0, 0, 0] < 40
    assert small[0, 1, 0] > 160


def test_resize_to_the_same_size_changes_nothing() -> None:
    np.testing.assert_array_equal(resize_to(gradient(5, 3), (5, 3)), gradient(5, 3))


def test_resize_is_the_same_everywhere() -> None:
    np.testing.assert_array_equal(resize_to(gradient(2, 2), (1, 1)), [[[5, 6, 7]]])


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_labels_enlarged_by_a_whole_number_repeat(height: int, width: int, times: int) -> None:
    labels = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    expected = labels.repeat(times, axis=0).repeat(times, axis=1)
    np.testing.assert_array_equal(labels_to_size(labels, (height * times, width * times)), expected)


@given(st.integers(1, 40), st.integers(1, 40))
def test_labels_take_the_nearest_centre(old: int, new: int) -> None:
    labels = np.arange(old, dtype=np.uint8)[None]
    centres = (np.arange(new) + 0.5) * old / new
    distance = np.abs(labels_to_size(labels, (1, new))[0] + 0.5 - centres)
    assert (distance <= 0.5 + 1e-9).all()


def test_overlay_keeps_the_picture_on_top(photograph: Path) -> None:
    image = load_picture(photograph)
    labels = np.zeros(image.shape[:2], np.uint8)
    result = overlay(image, labels, [ROAD, SKY], "a note")
    assert result.mode == "RGB"
    assert result.width == 512
    assert result.height > 600


def test_overlay_tints_by_class() -> None:
    image = np.full((200, 300, 3), 100, np.uint8)
    labels = np.zeros((200, 300), np.uint8)
    labels[:, 100:200], labels[:, 200:] = 1, 255
    pixels = np.asarray(overlay(image, labels, [ROAD, SKY]))
    expected = [round(100 + (new - 100) * picture.TINT) for new in ROAD.color]
    np.testing.assert_allclose(pixels[0, 0], expected, atol=1)
    assert pixels[0, 150].tolist() != pixels[0, 0].tolist()
    assert pixels[0, 250].tolist() == [100, 100, 100]


def test_overlay_of_a_tiny_picture_is_centred_over_its_legend() -> None:
    result = np.asarray(overlay(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8), [ClassInfo("a", (0, 0, 0))]))
    assert result.shape[1] > 2
    assert np.flatnonzero((result[0] == 0).all(-1)).tolist() == [result.shape[1] // 2 - 1, result.shape[1] // 2]


def test_overlay_of_white_noise_does_not_overflow() -> None:
    image = np.full((20, 20, 3), 255, np.uint8)
    result = overlay(image, np.zeros((20, 20), np.uint8), [ClassInfo("white", (255, 255, 255))])
    assert np.asarray(result)[:20, result.width // 2].min() == 255


def test_overlay_without_any_class() -> None:
    image = np.full((200, 200, 3), 9, np.uint8)
    result = overlay(image, np.full((200, 200), 255, np.uint8), [ROAD])
    np.testing.assert_array_equal(np.asarray(result)[:200], image)


def test_overlay_wants_equal_sizes() -> None:
    with pytest.raises(UsageError, match=r"\(4, 5\), got \(5, 4\)"):
        overlay(np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), np.uint8), [ROAD])


def test_overlay_wants_a_class_per_label() -> None:
    with pytest.raises(UsageError, match="labels below 2, got 7"):
        overlay(np.zeros((4, 5, 3), np.uint8), np.full((4, 5), 7, np.uint8), [ROAD, SKY])


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 3)])
def test_save_png(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    save_png(array, tmp_path / "new" / "a.png")
    with Image.open(tmp_path / "new" / "a.png") as opened:
        assert opened.format == "PNG"
        np.testing.assert_array_equal(np.asarray(opened), array)


def test_save_png_of_a_picture_is_png_whatever_the_name(tmp_path: Path) -> None:
    save_png(Image.new("RGB", (2, 2)), tmp_path / "a.jpg")
    assert (tmp_path / "a.jpg").read_bytes().startswith(b"\x89PNG")
