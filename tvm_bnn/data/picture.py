"""Photographs in, overlays out.

Sizes are always (height, width); an image is uint8 [H, W, 3] in RGB, a label map uint8 [H, W].
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from tvm_bnn.data.classes import UNLABELLED, ClassInfo
from tvm_bnn.data.legend import LegendEntry, draw_legend
from tvm_bnn.errors import UsageError
from tvm_bnn.files import write_atomic

__all__ = ["ClassInfo", "labels_to_size", "load_picture", "overlay", "readable", "resize_to", "save_png"]

MAX_PIXELS = 100_000_000
TINT = 0.55
_USE_A_PICTURE = "give a picture such as a JPEG or PNG file"

UInt8 = npt.NDArray[np.uint8]


def load_picture(path: Path | str) -> UInt8:
    """The picture in a file, upright, as uint8 [H, W, 3].

    The orientation in EXIF is applied, transparency is laid over white, and palettes, greyscale, CMYK and 16 bits per
    channel become 8-bit RGB. Of an animation it is the first frame.

    Raises:
        UsageError: no such file, not a picture, damaged, or more than 100 million pixels.
    """
    with readable(path):
        return _decode(Path(path))


@contextmanager
def readable(path: Path | str) -> Iterator[None]:
    """Whatever goes wrong in reading the picture at ``path`` is a UsageError that says so.

    Raises:
        UsageError: no such file, not a picture, damaged, or more than 100 million pixels.
    """
    if not Path(path).is_file():
        raise UsageError(f"expected a picture, got {_what_is_there(Path(path))} at '{path}'", _USE_A_PICTURE)
    try:
        yield
    except UsageError:
        raise
    except UnidentifiedImageError as error:
        raise UsageError(f"expected a picture, got a file of another kind at '{path}'", _USE_A_PICTURE) from error
    except PermissionError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror}", "check the file's permissions") from error
    except Image.DecompressionBombError as error:
        raise _too_large(path, "far more") from error
    # Pillow's decoders raise nearly anything on damaged data; none of it is a defect of this program.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"expected a picture, got a damaged one at '{path}': {reason}", _USE_A_PICTURE) from error


def resize_to(image: UInt8, size: tuple[int, int]) -> UInt8:
    """The image at another size, bilinear, with the area of each new pixel averaged when it shrinks.

    Computed in fixed point, so the result is the same on every machine.

    Args:
        image: uint8 [h, w, 3].
        size: (H, W).

    Returns:
        uint8 [H, W, 3].
    """
    height, width = size
    if image.shape[:2] == (height, width):
        return image
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def labels_to_size(labels: UInt8, size: tuple[int, int]) -> UInt8:
    """The label map at another size; each pixel takes the label whose centre is nearest.

    Args:
        labels: uint8 [h, w].
        size: (H, W).

    Returns:
        uint8 [H, W].
    """
    rows, columns = (_nearest(old, new) for old, new in zip(labels.shape, size, strict=True))
    return labels[rows[:, None], columns[None, :]]


def overlay(image: UInt8, labels: UInt8, classes: Sequence[ClassInfo], note: str | None = None) -> Image.Image:
    """The picture tinted by class, with a legend below: each class that occurs, and its share of the pixels.

    Args:
        image: uint8 [H, W, 3].
        labels: uint8 [H, W]; 255 marks pixels without a class, which stay as they are.
        classes: by label.
        note: a line below the legend.

    Returns:
        An RGB picture, at least as wide as `image`; wider only if the legend would not fit.

    Raises:
        UsageError: sizes differ, or a label has no class.
    """
    if labels.shape != image.shape[:2]:
        raise UsageError(
            f"expected labels of the picture's size {image.shape[:2]}, got {labels.shape}", "resize the labels first"
        )
    counts = np.bincount(labels.ravel(), minlength=256)
    _check_labels(counts, classes)
    picture = Image.fromarray(_tint(image, labels, classes))
    return _stack(picture, draw_legend(_entries(counts, classes), note, picture.size))


def save_png(image: Image.Image | UInt8, path: Path | str) -> None:
    """Write a picture or a label map as PNG, whole or not at all.

    Args:
        image: a picture, or uint8 [H, W, 3] or [H, W].
        path: where to; missing folders are made.

    Raises:
        UsageError: the place cannot be written.
    """
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    write_atomic(path, buffer.getvalue())


def _what_is_there(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    return "a device or a pipe" if path.exists() else "no file"


def _too_large(path: Path | str, pixels: str) -> UsageError:
    return UsageError(f"expected at most 100 million pixels, got {pixels} in '{path}'", "scale the picture down first")


def _decode(path: Path) -> UInt8:
    with warnings.catch_warnings():
        # The limit below is checked before any pixel is decoded.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as opened:
            _check(opened, path)
            return np.array(_to_rgb(ImageOps.exif_transpose(opened)))


def _check(opened: Image.Image, path: Path) -> None:
    pixels = opened.width * opened.height
    if pixels > MAX_PIXELS:
        raise _too_large(path, f"{pixels:,}")
    if opened.mode == "F":
        raise UsageError(f"expected integer pixels, got floating point in '{path}'", "convert it to 8 bits per channel")


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):
        return _from_16_bit(picture)
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _from_16_bit(picture: Image.Image) -> Image.Image:
    # Pillow's own conversion clips at 255 instead of scaling.
    wide = np.clip(np.asarray(picture).astype(np.int64), 0, 65535)
    return Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")


def _nearest(old: int, new: int) -> npt.NDArray[np.int64]:
    # In integers, so that no machine rounds a centre that lies between two pixels differently.
    return (2 * np.arange(new, dtype=np.int64) + 1) * old // (2 * new)


def _check_labels(counts: npt.NDArray[np.int64], classes: Sequence[ClassInfo]) -> None:
    stray = np.flatnonzero(counts[len(classes) : UNLABELLED])
    if stray.size:
        label = len(classes) + int(stray[0])
        raise UsageError(f"expected labels below {len(classes)}, got {label}", "pass the classes of the same network")


def _tint(image: UInt8, labels: UInt8, classes: Sequence[ClassInfo]) -> UInt8:
    palette = np.zeros((256, 3), np.uint16)
    palette[: len(classes)] = [one.color for one in classes]
    weight = np.full(256, round(TINT * 256), np.uint16)
    weight[UNLABELLED] = 0
    share = weight[labels][:, :, None]
    return ((image * (256 - share) + palette[labels] * share + 128) >> 8).astype(np.uint8)


def _entries(counts: npt.NDArray[np.int64], classes: Sequence[ClassInfo]) -> list[LegendEntry]:
    total = int(counts.sum())
    present = [label for label in range(len(classes)) if counts[label]]
    present.sort(key=lambda label: -int(counts[label]))
    return [LegendEntry(classes[label].name, classes[label].color, int(counts[label]) / total) for label in present]


def _stack(picture: Image.Image, strip: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", (strip.width, picture.height + strip.height), strip.getpixel((0, 0)))
    canvas.paste(picture, ((strip.width - picture.width) // 2, 0))
    canvas.paste(strip, (0, picture.height))
    return canvas
