"""The roofline: how fast operators are against what the target could do at best.

Williams, Waterman and Patterson, "Roofline: an insightful visual performance model", CACM 52(4), 2009. Operators
without multiply-accumulates have no place on it; they stand on a strip of their own, by the speed of their bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tvm_bnn.reporting.charts import is_narrow
from tvm_bnn.reporting.charts.axes import SMALL, Axes, Extent, draw_axes
from tvm_bnn.reporting.charts.room import Area, Room
from tvm_bnn.reporting.drawing import Anchor, Dot, Drawing, Path, Text, text_width
from tvm_bnn.reporting.palette import INK, MUTED
from tvm_bnn.reporting.scales import Scale

_RADIUS = 5.0
_STRIP = 92.0
_NAMES = 62.0
"""Pixels beside the plot, for the names of the roofs."""

_PIECE = 4.0
"""Pixels of a slope that are taken for a rectangle."""

_DECADE = 10.0


@dataclass(frozen=True)
class Point:
    """One operator.

    Attributes:
        macs: multiply-accumulates of any width.
        bytes: compulsory.
        ms: its time.
        role: colour.
        ring: whether it is estimated.
        told: its name and figures.
        name: written beside it where there is room; empty for none.
    """

    macs: int
    bytes: int
    ms: float
    role: str
    ring: bool
    told: str
    name: str = ""

    @property
    def intensity(self) -> float:
        """Operations a byte, 2 to a multiply-accumulate."""
        return 2 * self.macs / self.bytes

    @property
    def gops(self) -> float:
        """Speed in 1e9 operations a second."""
        return 2 * self.macs / self.ms / 1e6

    @property
    def gbytes(self) -> float:
        """Speed of the compulsory bytes, in 1e9 a second."""
        return self.bytes / self.ms / 1e6


@dataclass(frozen=True)
class Peak:
    """A speed that the target has: Gop/s, or GB/s of a bandwidth."""

    name: str
    value: float


@dataclass(frozen=True)
class Roofs:
    """Peaks of the cores in use; of the bandwidths the first is that of the cache."""

    speeds: Sequence[Peak]
    bandwidths: Sequence[Peak]


def roofline(points: Sequence[Point], roofs: Roofs, told: str, width: float) -> Drawing:
    """Operators below the roofs of their target.

    Args:
        points: of operators that have a time.
        roofs: of the target.
        told: what the picture shows, in words.
        width: of the picture, in pixels.
    """
    working, moving = [p for p in points if p.macs], [p for p in points if not p.macs]
    height = 380.0 if is_narrow(width) else 440.0
    drawing = Drawing(width, height, told)
    axes = _axes(drawing, working, roofs)
    top = max(speed.value for speed in roofs.speeds)
    for peak in roofs.bandwidths:
        _slope(drawing, axes, peak, top)
    for peak in roofs.speeds:
        _roof(drawing, axes, peak, min(band.value for band in roofs.bandwidths))
    room = Room(Area(axes.x.start, axes.y.end, axes.x.end, axes.y.start))
    room.taken += [Area(axes.x.start, y - 2, axes.x.end, y + 2) for y in (axes.y(peak.value) for peak in roofs.speeds)]
    for peak in roofs.bandwidths:
        room.taken += _slope_areas(axes, peak, top)
    for peak in roofs.bandwidths:
        _name_slope(drawing, axes, peak, room)
    _dots(drawing, [(axes.x(point.intensity), axes.y(point.gops), point) for point in working], room)
    _name_roofs(drawing, axes, roofs.speeds)
    if moving:
        drawing.height += _STRIP
        _strip(drawing, height, moving, roofs.bandwidths)
    return drawing


def _axes(drawing: Drawing, points: Sequence[Point], roofs: Roofs) -> Axes:
    top = max(peak.value for peak in roofs.speeds)
    slow = min([point.gops for point in points] + [peak.value for peak in roofs.speeds])
    ridge = top / min(peak.value for peak in roofs.bandwidths)
    intensities = [point.intensity for point in points] or [1.0]
    across = Extent(
        "operations per byte (2 per multiply-accumulate)" if not is_narrow(drawing.width) else "operations per byte",
        min(1.0, *intensities) if len(intensities) > 1 else 1.0,
        2 * max(ridge, *intensities),
        log=True,
    )
    return draw_axes(drawing, across, Extent("Gop/s", slow / 2, 2 * top, log=True), _NAMES)


def _slope(drawing: Drawing, axes: Axes, peak: Peak, top: float) -> None:
    """A bandwidth: speed = intensity x bytes a second, up to the highest roof."""
    drawing.add(Path(_slope_ends(axes, peak, top), MUTED, 1.5, dashed=True))


def _slope_ends(axes: Axes, peak: Peak, top: float) -> list[tuple[float, float]]:
    left = max(axes.x.low, axes.y.low / peak.value)
    right = min(axes.x.high, top / peak.value)
    return [(axes.x(x), axes.y(x * peak.value)) for x in (left, right)]


def _slope_areas(axes: Axes, peak: Peak, top: float) -> list[Area]:
    """What a slope covers, in short pieces: on these axes it is a straight line."""
    (left, bottom), (right, above) = _slope_ends(axes, peak, top)
    pieces = max(1, int((right - left) / _PIECE))
    step, rise = (right - left) / pieces, (bottom - above) / pieces
    return [
        Area(left + n * step, bottom - (n + 1) * rise, left + (n + 1) * step, bottom - n * rise) for n in range(pieces)
    ]


def _name_slope(drawing: Drawing, axes: Axes, peak: Peak, room: Room) -> None:
    """The name below the lower end of its line, which rises from there."""
    x = max(axes.x.low, axes.y.low / peak.value)
    left, y = axes.x(x) + 10, axes.y(x * peak.value)
    drawing.add(*room.named(peak.name, left, y, 8, SMALL, MUTED))


def _dots(drawing: Drawing, placed: Sequence[tuple[float, float, Point]], room: Room) -> None:
    """All points, then the names of those that have one."""
    room.taken += [Area(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS) for x, y, _ in placed]
    for x, y, point in placed:
        drawing.add(Dot(x, y, _RADIUS, point.role, point.ring, point.told))
    for x, y, point in placed:
        if point.name:
            drawing.add(*room.named(point.name, x, y, _RADIUS + 4, SMALL, INK))


def _roof(drawing: Drawing, axes: Axes, peak: Peak, bandwidth: float) -> None:
    y = axes.y(peak.value)
    left = axes.x(max(axes.x.low, peak.value / bandwidth / _DECADE))
    drawing.add(Path(((left, y), (axes.x.end, y)), INK, 1.5))


def _name_roofs(drawing: Drawing, axes: Axes, speeds: Sequence[Peak]) -> None:
    """Names beside the plot, the highest first, moved down where two roofs are near each other."""
    free = 0.0
    for peak in sorted(speeds, key=lambda speed: -speed.value):
        y = max(axes.y(peak.value) + 4, free)
        drawing.add(Text(axes.x.end + 5, y, peak.name, role=INK, size=SMALL))
        free = y + SMALL + 1


def _strip(drawing: Drawing, top: float, points: Sequence[Point], bandwidths: Sequence[Peak]) -> None:
    """Operators that only move bytes, by GB/s."""
    speeds = [point.gbytes for point in points] + [peak.value for peak in bandwidths]
    scale = Scale(min(speeds) / 1.5, max(speeds) * 1.5, 52, drawing.width - _NAMES, log=True)
    line = top + 50
    drawing.add(
        Text(0, top + 13, "without multiply-accumulates, by GB/s of compulsory bytes", role=MUTED, size=SMALL)
        if not is_narrow(drawing.width)
        else Text(0, top + 13, "no multiply-accumulates: GB/s", role=MUTED, size=SMALL),
        Path(((scale.start, line), (scale.end, line)), MUTED),
    )
    room = Room(Area(0, top + 18, drawing.width, drawing.height), [Area(scale.start, line - 1, scale.end, line + 1)])
    # One name above the line and one below it: the two speeds may be near each other.
    for peak, baseline in zip(bandwidths, (line - 16, line + 26), strict=False):
        x = scale(peak.value)
        anchor: Anchor = "end" if x > scale.end - 60 else "middle"
        drawing.add(
            Path(((x, line - 12), (x, line + 12)), MUTED, 1.5, dashed=True),
            Text(x, baseline, peak.name, anchor, MUTED, SMALL),
        )
        half = text_width(peak.name, SMALL)
        room.taken += [
            Area(x - 2, line - 12, x + 2, line + 12),
            Area(x - half, baseline - SMALL, x + half, baseline + 3),
        ]
    _dots(drawing, [(scale(point.gbytes), line, point) for point in points], room)
