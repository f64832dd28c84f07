"""Pictures that are kept in memory as long as there is room."""

from __future__ import annotations

from threading import Lock

from tvm_bnn.data.contract import Sample


class Shelf:
    """Keeps the first pictures that it is given, and no others once it is full.

    Nothing is thrown out: who goes over more pictures than there is room for, in whatever order, finds as many of them
    again as by any other rule that does not know the order.

    Args:
        room: bytes.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._kept: dict[int, Sample] = {}
        self._lock = Lock()

    def get(self, index: int) -> Sample | None:
        """The picture of that index, if it was kept."""
        return self._kept.get(index)

    def put(self, index: int, sample: Sample) -> None:
        """Keep a picture, if there is room."""
        size = sample.picture.nbytes + sample.labels.nbytes
        with self._lock:
            if size <= self._room and index not in self._kept:
                self._room -= size
                self._kept[index] = sample
