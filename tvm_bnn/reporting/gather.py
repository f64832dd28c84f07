"""From a profile to a chapter: everything else that is known of it is looked up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tvm_bnn.models.load import LoadedModel, load
from tvm_bnn.models.presets import PRESETS
from tvm_bnn.ops import Operator
from tvm_bnn.profiling.model import Profile
from tvm_bnn.reporting.facts import NetworkFacts, network_facts
from tvm_bnn.reporting.kernels import Kernel, compiled_kernels
from tvm_bnn.reporting.material import Chapter
from tvm_bnn.reporting.trials import read_trials, tuning_curves
from tvm_bnn.targets import Target, cpu_model
from tvm_bnn.targets import load as load_target
from tvm_bnn.targets.reader import read_all
from tvm_bnn.tuning.plan import Choice, choose
from tvm_bnn.tuning.records import RecordBook
from tvm_bnn.verification.model import Verification


@dataclass(frozen=True)
class Sources:
    """Where to look.

    Attributes:
        book: records of the target.
        journal: of its work dir, whether there is one or not.
        instructions: whether kernels are compiled, for their schedules and their instructions.
    """

    book: RecordBook
    journal: Path
    instructions: bool = False


def target_of(profile: Profile) -> Target:
    """The target of a profile; peaks that were measured on this machine count where it was this machine's kind.

    Raises:
        UsageError: no target has that name.
    """
    target = load_target(profile.target)
    return target if profile.device.name == cpu_model() else read_all().get(target.name, target)


def preset_of(profile: Profile) -> LoadedModel | None:
    """The preset that was profiled; a checkpoint or a user's network is not looked for by what a file says."""
    if profile.model not in PRESETS:
        return None
    return load(profile.model, width=profile.width, input_size=profile.input_size)


def chapter(
    profile: Profile,
    target: Target,
    model: LoadedModel | None,
    sources: Sources,
    verification: Verification | None = None,
) -> Chapter:
    """Everything that is known of a profile.

    Args:
        profile: the times.
        target: of the profile.
        model: the network, None where it is not at hand.
        sources: of records and trials.
        verification: of the same network on the same target.
    """
    if model is None:
        return Chapter(profile, target, verification=verification)

    # Looking a record up takes longer than all else, and operators repeat.
    @cache
    def chosen(operator: Operator) -> Choice:
        return choose(operator, target, profile.threads, sources.book)

    facts = network_facts(model, chosen)
    labels = {plan.operator.signature: plan.operator.label() for plan in facts.plans.values()}
    curves = tuning_curves(read_trials(sources.journal), labels, profile.evidence)
    return Chapter(profile, target, facts, verification, tuple(curves), _kernels(facts, target, profile, sources))


def _kernels(facts: NetworkFacts, target: Target, profile: Profile, sources: Sources) -> tuple[Kernel, ...]:
    if not sources.instructions or target.kind != "cpu":
        return ()
    return compiled_kernels(facts.plans, target, profile.threads)
