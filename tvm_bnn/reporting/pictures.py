"""The pictures of a chapter: what each shows, in words, and how it is drawn for a width."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tvm_bnn.profiling.model import OperatorProfile
from tvm_bnn.reporting.charts import WIDE
from tvm_bnn.reporting.charts.bars import Bar, Row, bar_chart
from tvm_bnn.reporting.charts.curves import curve_chart, mean_curve
from tvm_bnn.reporting.charts.legend import add_legend
from tvm_bnn.reporting.charts.memory import Moment, memory_chart
from tvm_bnn.reporting.charts.roofline import Peak, Point, Roofs, roofline
from tvm_bnn.reporting.drawing import Drawing
from tvm_bnn.reporting.facts import NetworkFacts
from tvm_bnn.reporting.gains import Gain, gains, totals
from tvm_bnn.reporting.labels import count, percent, size
from tvm_bnn.reporting.material import Chapter
from tvm_bnn.reporting.palette import ACCENT, FAMILIES, family
from tvm_bnn.reporting.widths import Share, shares
from tvm_bnn.reporting.words import faster, milliseconds, times

MOST_ROWS = 24
"""Operators that are seen at once; the others are folded away."""

MOST_GAINS = 12
"""Tuned operators that are shown."""

_MOST_NAMED = 5
"""Operators whose names stand in a roofline: those that lose most time against the limit."""

_LEAST_GAIN = 1e-3
"""Of the time before tuning: what is less is no gain that anyone sees."""

_SPEEDS = {
    "binary_gops_per_core": "1x1 bit",
    "tensor_binary_gops_per_core": "1x1 tensor",
    "int8_gops_per_core": "8x8 bit",
    "amx_int8_gops_per_core": "8x8 tiles",
    "tensor_int8_gops_per_core": "8x8 tensor",
    "float_gops_per_core": "float",
}
_BANDWIDTHS = {"cache_gbytes_per_s": "cache", "memory_gbytes_per_s": "memory"}


@dataclass(frozen=True)
class Picture:
    """A picture of any width.

    Attributes:
        name: of its files.
        told: what it shows, in words.
        draw: for a width.
        families: whose colours it has, for a legend.
        folded: whether pages fold it away; it is then no PNG, which takes more room than all else.
    """

    name: str
    told: str
    draw: Callable[[float], Drawing]
    families: tuple[str, ...] = ()
    folded: bool = False

    def alone(self) -> Drawing:
        """For a file of its own, with a legend."""
        drawing = self.draw(WIDE)
        if self.families:
            add_legend(drawing, self.families)
        return drawing


def pictures(chapter: Chapter) -> Iterator[Picture]:
    """Those for which something is known."""
    if chapter.timed:
        yield operators_picture(chapter)
        if len(chapter.timed) > MOST_ROWS:
            yield _others(chapter)
        yield _roofline(chapter)
    if gained := visible_gains(chapter.facts):
        yield _gains(gained)
    if chapter.curves:
        yield _curves(chapter)
    if chapter.facts is not None:
        if chapter.facts.attentions:
            yield _attention(chapter)
        yield _memory(chapter)
        yield _widths(chapter)


def operators_picture(chapter: Chapter, most: int = MOST_ROWS) -> Picture:
    """Bars of the slowest operators, of those that have a time."""
    rows, operators = _operator_rows(chapter)[:most], chapter.timed
    told = (
        f"Bars of the time of each operator, {chapter.profile.evidence}, the slowest first: "
        f"{operators[0].name} takes {milliseconds(operators[0].median_ms)} of "
        f"{milliseconds(chapter.profile.operators_ms)}."
    )
    return Picture("operators", told, lambda width: bar_chart(rows, told, width), families_of(operators[:most]))


def _others(chapter: Chapter) -> Picture:
    """Bars of the other operators, on the same scale."""
    rows = _operator_rows(chapter)
    others, longest = rows[MOST_ROWS:], rows[0].bars[0].value
    told = f"Bars of the time of the {len(others)} other operators, on the same scale."
    families = families_of(chapter.timed[MOST_ROWS:])
    return Picture("others", told, lambda width: bar_chart(others, told, width, longest), families, folded=True)


def _operator_rows(chapter: Chapter) -> list[Row]:
    hatched = chapter.profile.evidence == "estimated"
    return [
        Row(f"{operator.name}  {operator.shape}", (_bar(operator, family(operator.kind), hatched),))
        for operator in chapter.timed
    ]


def families_of(operators: Sequence[OperatorProfile]) -> tuple[str, ...]:
    """Families that occur, in the order of the palette."""
    present = {family(operator.kind) for operator in operators}
    return tuple(role for role in FAMILIES if role in present)


def _bar(operator: OperatorProfile, role: str, hatched: bool) -> Bar:
    value = operator.median_ms or 0.0
    return Bar(value, f"{milliseconds(value)}, {percent(operator.share or 0.0)}", role, hatched)


def _roofline(chapter: Chapter) -> Picture:
    ring = chapter.profile.evidence == "estimated"
    named = {operator.name for operator in sorted(chapter.timed, key=_lost_ms, reverse=True)[:_MOST_NAMED]}
    points = [
        Point(
            macs=operator.binary_macs + operator.real_macs,
            bytes=operator.bytes,
            ms=operator.median_ms or 0.0,
            role=family(operator.kind),
            ring=ring,
            told=f"{operator.name}: {milliseconds(operator.median_ms)}, "
            f"{percent(operator.roofline_fraction or 0.0)} of the roofline",
            name=operator.name if operator.name in named else "",
        )
        for operator in chapter.timed
    ]
    told = (
        f"Roofline of {chapter.target.name} on logarithmic axes: speed of each operator over operations per byte, "
        f"below the peaks of {chapter.profile.threads} cores."
    )
    families = families_of(chapter.timed)
    return Picture("roofline", told, lambda width: roofline(points, roofs(chapter), told, width), families)


def _lost_ms(operator: OperatorProfile) -> float:
    """What an operator takes above the least time that the target could need."""
    return (operator.median_ms or 0.0) * (1 - (operator.roofline_fraction or 0.0))


def roofs(chapter: Chapter) -> Roofs:
    """Peaks of all the cores that the profile used, and bandwidths, as the roofline fractions have them."""
    facts, cores = chapter.target.facts, chapter.profile.threads
    speeds, bands = (
        [(name, cores * facts[key].value) for key, name in table.items() if key in facts]
        for table in (_SPEEDS, _BANDWIDTHS)
    )
    return Roofs(
        [Peak(name, value) for name, value in speeds],
        [Peak(f"{name} {count(value)} GB/s", value) for name, value in bands],
    )


def visible_gains(facts: NetworkFacts | None) -> list[Gain]:
    """Gains that can be seen beside the time of all tuned operators before tuning, the greatest first."""
    found = gains(facts)
    before, _ = totals(found)
    return [gain for gain in found if gain.saved_ms > _LEAST_GAIN * before]


def _gains(found: list[Gain]) -> Picture:
    rows = [
        Row(
            gain.label + (f", {gain.uses} times" if gain.uses > 1 else ""),
            tuple(
                Bar(gain.uses * value, text, role, gain.evidence == "estimated")
                for value, text, role in (
                    (gain.before_ms, f"{milliseconds(gain.uses * gain.before_ms)} before", "ordinary"),
                    (
                        gain.after_ms,
                        f"{milliseconds(gain.uses * gain.after_ms)}, {faster(gain.before_ms, gain.after_ms)}",
                        ACCENT,
                    ),
                )
            ),
        )
        for gain in found[:MOST_GAINS]
    ]
    told = f"Pairs of bars, before and after tuning, of the operators that gained most, {found[0].evidence}."
    return Picture("tuning", told, lambda width: bar_chart(rows, told, width))


def _curves(chapter: Chapter) -> Picture:
    mean = mean_curve(chapter.curves)
    told = (
        f"Best time so far over trials, a line for each of {len(chapter.curves)} operators; their geometric mean ends "
        f"at {percent(mean[-1])} of the first trial."
    )
    return Picture("curves", told, lambda width: curve_chart(chapter.curves, told, width))


def _attention(chapter: Chapter) -> Picture:
    assert chapter.facts is not None
    rows = []
    for attention in chapter.facts.attentions:
        for what, unit, dense, ours in (
            ("products", "FLOP", attention.dense_products, attention.products),
            ("block", "OP", attention.dense_block, attention.block),
        ):
            saved = f"{count(ours)} {unit}, {times(dense / ours)} less"
            bars = (Bar(1, f"{count(dense)} {unit} dense", "ordinary"), Bar(ours / dense, saved, "attention"))
            rows.append(Row(f"{attention.name}, {what}", bars))
    first = chapter.facts.attentions[0]
    told = (
        f"Pairs of bars, dense float attention and ours: {times(first.dense_products / first.products)} fewer FLOPs in "
        f"the products, {times(first.dense_block / first.block)} fewer OPs in the block."
    )
    return Picture("attention", told, lambda width: bar_chart(rows, told, width))


def _memory(chapter: Chapter) -> Picture:
    assert chapter.facts is not None
    kinds = {name: operator.kind for operator in chapter.profile.operators for name in operator.name.split(", ")}
    moments = [Moment(name, family(kinds.get(name, "")), alive) for name, alive in chapter.facts.alive.items()]
    most = max(moments, key=lambda moment: moment.nbytes)
    told = f"Bytes of maps that are alive while each operator runs: at most {size(most.nbytes)}, at {most.name}."
    families = families_of(chapter.profile.operators)
    return Picture("memory", told, lambda width: memory_chart(moments, told, width), families)


def _widths(chapter: Chapter) -> Picture:
    assert chapter.facts is not None
    found = shares(chapter.facts)
    rows = [Row(share.label, _width_bars(share)) for share in found]
    told = "Pairs of bars by bits of activation and weight: share of the multiply-accumulates, share of the OPs."
    return Picture("widths", told, lambda width: bar_chart(rows, told, width))


def _width_bars(share: Share) -> tuple[Bar, Bar]:
    role = "binary" if share.binary else "bytes"
    return (
        Bar(share.macs_share, f"{percent(share.macs_share)} of MACs, {count(share.macs)}", role),
        Bar(share.ops_share, f"{percent(share.ops_share)} of OPs, {count(share.ops)}", "ordinary"),
    )
