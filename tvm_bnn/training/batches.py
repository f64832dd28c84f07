"""The batches of coming steps, made while the present step is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache

from tvm_bnn.data.ahead import Ahead
from tvm_bnn.data.contract import DataSet, Sample
from tvm_bnn.data.drawn import Scenes
from tvm_bnn.targets import logical_cores
from tvm_bnn.training.augment import Batch, Change, one, plan, stacked
from tvm_bnn.training.group import cores_each

_MOST_THREADS = 8
_STEPS_AHEAD = 2
"""Steps whose pictures are made while another is computed."""


@contextmanager
def drawn_ahead(
    data: DataSet, batch: int, seed: int, steps: range, part: slice = slice(None)
) -> Iterator[Callable[[], Batch]]:
    """What :func:`tvm_bnn.training.augment.draw` gives for one step after the other, made before it is asked for.

    Args:
        data: at least ``batch`` pictures; read by several threads at a time.
        batch: N.
        seed: of the run.
        steps: that batches are for.
        part: of every batch, by default all of it.

    Yields:
        a function that gives the batch of the next step; it raises what ``draw`` does.
    """

    @lru_cache(maxsize=2 * _STEPS_AHEAD)
    def changes(step: int) -> list[Change]:
        return plan(len(data), data.variation, batch, seed, step)[part]

    def make(number: int) -> Sample:
        step, place = divmod(number, share)
        return one(data, changes(step)[place])

    share = len(range(batch)[part])
    numbers = range(steps.start * share, steps.stop * share)
    threads = _threads()
    elsewhere = data.drawn_elsewhere(threads) if isinstance(data, Scenes) else nullcontext()
    with elsewhere, Ahead(make, numbers, max(_STEPS_AHEAD * share, threads), threads) as ahead:
        yield lambda: stacked([ahead.take() for _ in range(share)])


def _threads() -> int:
    """Half of the cores that this process may count as its own: the others compute the step."""
    return max(1, min(_MOST_THREADS, cores_each(logical_cores()) // 2))
