"""The verdict: what a profile says, as a paragraph of plain numbers."""

from __future__ import annotations

from collections.abc import Iterator

from tvm_bnn.profiling.model import Profile
from tvm_bnn.reporting.gains import gains, totals
from tvm_bnn.reporting.labels import count, percent
from tvm_bnn.reporting.material import Chapter

_MOST_OF_THE_TIME = 0.8
_SHORT_MS = 0.01


def milliseconds(value: float | None) -> str:
    """Three digits and the unit, microseconds for what is short; ``no time`` where there is none."""
    if value is None:
        return "no time"
    return f"{number(value)} ms" if value >= _SHORT_MS else f"{number(1000 * value)} µs"


def number(value: float) -> str:
    """Three digits, never with an exponent."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if value >= 1e-4 else f"{value:.6f}"


def times(ratio: float) -> str:
    """A ratio as ``297x``; one decimal below ten."""
    return f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.2g}x" if ratio < 1 else f"{ratio:.1f}x"


def faster(before: float, after: float) -> str:
    """What a time has become: ``12% less time``, ``3.1x as fast``."""
    if before >= 2 * after:
        return f"{times(before / after)} as fast"
    return f"{100 * abs(1 - after / before):.0f}% {'less' if after <= before else 'more'} time"


def plural(amount: int, thing: str) -> str:
    """``1 thread``, ``2 threads``."""
    return f"{amount} {thing}" if amount == 1 else f"{amount} {thing}s"


def spread(profile: Profile) -> str:
    """How sure the total is."""
    total = profile.total
    if total.p5_ms is None or total.p95_ms is None:
        return "estimated by a model of one core, no hardware was timed"
    return f"90% of {total.runs} passes between {number(total.p5_ms)} and {milliseconds(total.p95_ms)}"


def verdict(chapter: Chapter) -> list[str]:
    """Sentences that stand one after the other."""
    return [
        *_total(chapter),
        *_work(chapter),
        *_slowest(chapter),
        *_limit(chapter),
        *_tuning(chapter),
        *_saved(chapter),
    ]


def _total(chapter: Chapter) -> Iterator[str]:
    profile, found = chapter.profile, chapter.profile.total.median_ms
    place = f"on {profile.target} ({profile.device.name}, {plural(profile.threads, 'thread')})"
    if found is None:
        yield f"{chapter.network} has no total {place}: some of its operators have no time."
        return
    yield f"{chapter.network} takes {milliseconds(found)} a picture {place}, {number(1000 / found)} pictures a second."
    told = spread(profile)
    yield f"This is {'measured: ' if profile.evidence == 'measured' else ''}{told}."


def _work(chapter: Chapter) -> Iterator[str]:
    operators = chapter.profile.operators
    binary = sum(operator.binary_macs for operator in operators)
    macs = binary + sum(operator.real_macs for operator in operators)
    if not macs:
        return
    spent = sum(operator.share or 0.0 for operator in operators if operator.binary_macs > operator.real_macs)
    yield (
        f"{percent(binary / macs)} of its {count(macs)} multiply-accumulates are binary, "
        f"and the operators that do them take {percent(spent)} of the time."
    )


def _slowest(chapter: Chapter) -> Iterator[str]:
    timed = chapter.timed
    if not timed:
        return
    reached, many = 0.0, 0
    while reached < _MOST_OF_THE_TIME and many < len(timed):
        reached += timed[many].share or 0.0
        many += 1
    first = timed[0]
    yield (
        f"{many} of {plural(len(timed), 'operator')} take {percent(reached)} of the time; "
        f"the slowest, {first.name}, takes {milliseconds(first.median_ms)}."
    )


def _limit(chapter: Chapter) -> Iterator[str]:
    timed = chapter.timed
    spent = sum(operator.median_ms or 0.0 for operator in timed)
    least = sum((operator.median_ms or 0.0) * (operator.roofline_fraction or 0.0) for operator in timed)
    if spent and least:
        yield (
            f"At the peaks of the target its operators would take at least {milliseconds(least)}, "
            f"{percent(least / spent)} of the {milliseconds(spent)} that they do take."
        )


def _tuning(chapter: Chapter) -> Iterator[str]:
    found = gains(chapter.facts)
    if not found:
        return
    before, after = totals(found)
    threads = sorted({gain.threads for gain in found})
    told = " and ".join(plural(amount, "thread") for amount in threads)
    yield (
        f"Tuning took {sum(gain.uses for gain in found)} of its operators, those with records of their own, "
        f"from {milliseconds(before)} to {milliseconds(after)}, "
        f"{faster(before, after)} ({'/'.join(sorted({gain.evidence for gain in found}))}, {told})."
    )


def _saved(chapter: Chapter) -> Iterator[str]:
    for attention in chapter.facts.attentions if chapter.facts else ():
        yield (
            f"Its attention, {attention.tokens} tokens by {attention.anchors} anchors, takes "
            f"{times(attention.dense_products / attention.products)} fewer FLOPs in the products and "
            f"{times(attention.dense_block / attention.block)} fewer OPs in the whole block than dense float attention."
        )
