"""Where the search of a lowering starts, besides its default: what was found for operators like this one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.records import RecordBook, distance
from tvm_bnn.tuning.state import ArmState, TaskState, median_seconds
from tvm_bnn.tuning.task import Arm


def starts(arm: Arm, book: RecordBook | None, states: Sequence[TaskState]) -> list[Point]:
    """What estimates left undecided, the adapted points of the nearest record and of the nearest task tried already.

    Args:
        arm: the lowering that is about to be searched.
        book: records of earlier runs, if there are any.
        states: all tasks of this run; their fastest point of the same lowering counts.
    """
    record = book.start(arm.operator, arm.setting.threads, arm.lowering) if book else None
    sibling = _nearest_sibling(arm, states)
    found = [*book.finalists(arm.operator, arm.lowering)] if book else []
    found += [record.point] if record else []
    found += [sibling] if sibling else []
    return [arm.row.space.nearest(arm.setting, point) for point in found]


def _nearest_sibling(arm: Arm, states: Sequence[TaskState]) -> Point | None:
    others = [other for state in states for other in state.arms if other.arm.lowering == arm.lowering]
    near = [(_apart(arm, other), other.best) for other in others if other.best and other.arm.operator != arm.operator]
    apart, best = min(near, key=lambda entry: (entry[0], median_seconds(entry[1])), default=(math.inf, None))
    return Point.from_dict(best.point) if best and math.isfinite(apart) else None


def _apart(arm: Arm, other: ArmState) -> float:
    return distance(other.arm.operator, arm.operator)
