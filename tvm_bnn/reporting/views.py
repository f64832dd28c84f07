"""What the pages show of a chapter: its pictures for both widths, its captions, what its commands are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from tvm_bnn.models.presets import PRESETS
from tvm_bnn.profiling.model import OperatorProfile, Profile
from tvm_bnn.reporting.charts import NARROW, WIDE
from tvm_bnn.reporting.gains import gains, totals
from tvm_bnn.reporting.kernels import Kernel
from tvm_bnn.reporting.labels import count, percent
from tvm_bnn.reporting.material import Chapter
from tvm_bnn.reporting.palette import FAMILIES
from tvm_bnn.reporting.pictures import MOST_GAINS, MOST_ROWS, Picture, families_of, pictures, roofs, visible_gains
from tvm_bnn.reporting.svg import inline
from tvm_bnn.reporting.words import milliseconds, plural, verdict


@dataclass(frozen=True)
class Shown:
    """A picture in a page, for a desk and for a phone, as SVG, and the kinds of files that it is beside the page."""

    wide: Markup
    narrow: Markup
    files: tuple[str, ...]


def shown(found: Sequence[Picture]) -> dict[str, Shown]:
    """Pictures by name."""
    return {
        one.name: Shown(
            Markup(inline(one.draw(WIDE))), Markup(inline(one.draw(NARROW))), ("svg",) if one.folded else ("svg", "png")
        )
        for one in found
    }


@dataclass(frozen=True)
class View:
    """One chapter of a page; ``slug`` is ``target/network``, where its files lie."""

    chapter: Chapter
    slug: str

    @property
    def profile(self) -> Profile:
        """Its times."""
        return self.chapter.profile

    @property
    def anchor(self) -> str:
        """Where it begins in its page."""
        return self.slug.partition("/")[2].replace(".", "-")

    @property
    def folder(self) -> str:
        """Where its files lie, from its page."""
        return self.slug.partition("/")[2]

    @cached_property
    def pictures(self) -> list[Picture]:
        """All that can be drawn."""
        return list(pictures(self.chapter))

    @cached_property
    def shown(self) -> dict[str, Shown]:
        """The same as SVG, by name."""
        return shown(self.pictures)

    @property
    def sentences(self) -> list[str]:
        """The verdict."""
        return verdict(self.chapter)

    @property
    def families(self) -> list[tuple[str, str]]:
        """Colours that occur, and their names."""
        return [(role, FAMILIES[role]) for role in families_of(self.profile.operators)]

    @property
    def macs(self) -> int:
        """All multiply-accumulates."""
        return sum(operator.binary_macs + operator.real_macs for operator in self.profile.operators)

    @property
    def binary(self) -> float | None:
        """Share of the binary ones, None where there are none of any kind."""
        return sum(operator.binary_macs for operator in self.profile.operators) / self.macs if self.macs else None

    @property
    def fraction(self) -> float | None:
        """Least time of all operators that have a time / that time."""
        timed = [(one.median_ms or 0.0, one.roofline_fraction or 0.0) for one in self.chapter.timed]
        spent = sum(time for time, _ in timed)
        return sum(time * share for time, share in timed) / spent if spent else None

    @property
    def ranked(self) -> bool:
        """Whether an operator is ranked by its work, for want of a time."""
        return any(operator.rank_score is not None for operator in self.profile.operators)

    @property
    def rest(self) -> str:
        """What the operators take that are folded away."""
        others = self.chapter.timed[MOST_ROWS:]
        spent, share = (sum(getattr(one, key) or 0.0 for one in others) for key in ("median_ms", "share"))
        return f"The other {plural(len(others), 'operator')}: {milliseconds(spent)}, {percent(share)}"

    @property
    def roofline_caption(self) -> str:
        """What is in the picture and whose peaks they are."""
        speeds = ", ".join(f"{peak.name} {count(peak.value)}" for peak in roofs(self.chapter).speeds)
        return (
            f"Solid: peak speeds by bits, {speeds} Gop/s; dashed: bandwidths, of the cache at the left and of the "
            f"memory at the right. Both axes are logarithmic. The scale at the bottom is for operators that only move "
            f"data. Names: those that lose most time against the limit. {self.peaks[:1].upper()}{self.peaks[1:]}."
        )

    @property
    def peaks(self) -> str:
        """How the peaks are known."""
        measured = [name for name, fact in self.chapter.target.facts.items() if fact.measured_here]
        cores = plural(self.profile.threads, "core")
        if measured:
            return f"peaks of {cores}, calibrated on this machine: {len(measured)} of them"
        return f"peaks of {cores} from the target's file, not calibrated on the machine that was profiled"

    @property
    def tuning_caption(self) -> str:
        """Of the picture of gains."""
        found = gains(self.chapter.facts)
        gained = visible_gains(self.chapter.facts)
        before, after = totals(found)
        taken = "/".join(sorted({gain.evidence for gain in found}))
        threads = "/".join(str(amount) for amount in sorted({gain.threads for gain in found}))
        kept = len(found) - len(gained)
        return (
            f"The default arrangement of each operator, grey, and the one that was kept, blue, in one picture; from "
            f"records: {taken}, threads: {threads}, kernels alone. All {len(found)} tuned operators: "
            f"{milliseconds(before)} before, {milliseconds(after)} after."
            + (f" For {kept} of them nothing better than the default was found, or hardly." if kept else "")
            + (f" Shown are the {MOST_GAINS} that gained most." if len(gained) > MOST_GAINS else "")
        )

    @property
    def versions(self) -> str:
        """Machines and versions in the records that were used."""
        facts = self.chapter.facts
        lines = [plan.record for plan in facts.plans.values()] if facts else []
        told = {
            ", ".join([line.machine, *(f"{name} {version}" for name, version in sorted(line.versions.items()))])
            for line in lines
            if line is not None and line.machine
        }
        return "; ".join(sorted(told))

    @property
    def commands(self) -> list[str]:
        """What reproduces it."""
        profile = self.profile
        height_width = "x".join(map(str, profile.input_size))
        preset = PRESETS.get(profile.model)
        own = preset is not None and preset.input_size == profile.input_size
        words = [profile.model, "--target", profile.target]
        words += ["--width", profile.width] if profile.width else []
        words += [] if own else ["--input-size", height_width]
        words += ["--threads", str(profile.threads)] if profile.evidence == "measured" else []
        arguments = " ".join(words)
        return [
            *(f"tvm-bnn {command} {arguments}" for command in ("tune", "profile")),
            *([f"tvm-bnn verify {arguments}"] if self.chapter.facts and self.chapter.facts.attentions else []),
            f"tvm-bnn report {arguments} -o report",
        ]

    def plan(self, operator: OperatorProfile) -> Iterator[tuple[str, str]]:
        """What is known of how an operator's loops are arranged."""
        facts = self.chapter.facts
        plan = facts.plans.get(operator.name) if facts else None
        if plan is None:
            return
        if plan.choice.row.lowering.name != operator.lowering:
            yield "today", f"records choose {plan.choice.row.lowering.name} now, so more cannot be told"
            return
        if plan.point:
            yield "loops", f"{plan.point}; space {plan.choice.row.space.name} {plan.choice.row.space.version}"
        if (line := plan.record) is not None:
            default = f", default {milliseconds(line.default_ms)}" if line.default_ms is not None else ""
            tried = f"{milliseconds(line.median_ms)} with {plural(line.threads, 'thread')}{default}"
            yield "record", f"{tried}, {plural(line.trials, 'trial')}, {line.evidence}"
            if line.runner_up is not None:
                tie = ", a tie" if line.tie else ""
                yield "runner-up", f"{line.runner_up.lowering}, {milliseconds(line.runner_up.median_ms)}{tie}"
        kernel = self._kernels.get(operator.name)
        if kernel is not None and kernel.operators[0] != operator.name:
            yield "kernel", f"the same as that of {kernel.operators[0]}"
        elif kernel is not None and kernel.mix:
            yield "vector instructions", ", ".join(f"{name} {number}" for name, number in kernel.mix)

    def trace(self, operator: OperatorProfile) -> str:
        """The steps that arrange its loops, where they are known and not those of an operator before it."""
        kernel = self._kernels.get(operator.name)
        return kernel.trace if kernel is not None and kernel.operators[0] == operator.name else ""

    @cached_property
    def _kernels(self) -> dict[str, Kernel]:
        return {name: kernel for kernel in self.chapter.kernels for name in kernel.operators}
