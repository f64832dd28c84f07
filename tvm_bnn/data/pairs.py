"""Picture files and the label files that belong to them, matched by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from tvm_bnn.errors import UsageError

_Item = TypeVar("_Item")


class Pair(NamedTuple):
    """Two files.

    Attributes:
        picture: a photograph.
        labels: of its pixels.
    """

    picture: Path
    labels: Path


def subfolder(root: Path, place: str, data: str, layout: str) -> Path:
    """A folder that a data set must have.

    Args:
        root: of the data set, as the user named it.
        place: in it.
        data: name of the data set.
        layout: of its folders, for the hint.

    Raises:
        UsageError: it is not there.
    """
    folder = root / place
    if not folder.is_dir():
        raise UsageError(
            f"--root: expected the folder {place} of {data} in '{root}', got none", f"the layout of {data} is {layout}"
        )
    return folder


def matched(pictures: Mapping[str, Path], labels: Mapping[str, Path], folder: Path, pattern: str) -> list[Pair]:
    """Pairs in the order of their keys.

    Args:
        pictures: by key.
        labels: by key.
        folder: that the pictures are looked for in, for the message.
        pattern: of the names of label files, for the hint.

    Raises:
        UsageError: no pictures, or files without their counterpart; the first is named.
    """
    if not pictures:
        raise UsageError(f"expected pictures in '{folder}', got none", "check that the data set was unpacked whole")
    for ours, theirs, what, other in (
        (pictures, labels, "labels", "picture"),
        (labels, pictures, "a picture", "label file"),
    ):
        alone = sorted(ours.keys() - theirs.keys())
        if alone:
            raise UsageError(
                f"expected {what} for every {other}, got none for {len(alone)} of {len(ours)}, the first '"
                f"{ours[alone[0]]}'",
                f"label files are {pattern}; check that the data set was unpacked whole",
            )
    return [Pair(pictures[key], labels[key]) for key in sorted(pictures)]


def spread(items: Sequence[_Item], count: int | None) -> list[_Item]:
    """So many of the items, evenly spread over them; all, where there are no more or ``count`` is None."""
    if count is None or count >= len(items):
        return list(items)
    return [items[place * len(items) // count] for place in range(count)]
