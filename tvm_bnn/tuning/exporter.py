"""A round of trials that goes out as a folder: proposed, built, and remembered by the work dir."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tvm_bnn.errors import NoCandidateError, UsageError
from tvm_bnn.targets import Target
from tvm_bnn.tuning.exports import Batch, Export, Sent, awaited, described, held_exports, keep_export
from tvm_bnn.tuning.journal import Journal, Trial
from tvm_bnn.tuning.offline import Builders, builders, finish, make_folder
from tvm_bnn.tuning.proposals import Proposal, Proposals
from tvm_bnn.tuning.records import RecordBook
from tvm_bnn.tuning.runner import Result
from tvm_bnn.tuning.state import TaskState
from tvm_bnn.tuning.task import Task
from tvm_bnn.tuning.tuner import Settings
from tvm_bnn.tuning.workdir import WorkDir
from tvm_bnn.tuning.worker import Request

Told = Callable[[int, int], None]
"""Is told how many candidates of how many have been built, or could not be."""


@dataclass
class Exported:
    """What an export came to.

    Attributes:
        states: the tasks, with all trials, those of this export that could not be built included.
        sent: what is in the folder.
        failed: what could not be built.
        interrupted: whether that ended it early; what had been built is in the folder.
        damaged: journal lines that were set aside, and why.
    """

    states: list[TaskState]
    sent: list[Proposal] = field(default_factory=list)
    failed: list[Proposal] = field(default_factory=list)
    interrupted: bool = False
    damaged: list[tuple[int, str]] = field(default_factory=list)


class Exporter:
    """Sends out trials of the tasks of a network.

    Args:
        tasks: what to tune.
        work: holds the journal and remembers what is out.
        target: that candidates are built for.
        batch: whose results will come back.
        settings: ``trials`` is how many the work dir shall hold in the end, those that are out included.
        book: records of near operators, whose points come first.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        work: WorkDir,
        target: Target,
        batch: Batch,
        settings: Settings,
        book: RecordBook | None = None,
    ) -> None:
        self._work, self._target, self._batch, self._settings, self._book = work, target, batch, settings, book
        self._journal = Journal(work.journal)
        self.exported = Exported([TaskState(task) for task in tasks])

    def run(self, folder: Path, timeout: float, told: Told) -> Exported:
        """Fill a new folder.

        Args:
            folder: to be made.
            timeout: seconds that building a candidate may take, and measuring it.
            told: of the progress.

        Raises:
            UsageError: nothing is left to try, or the folder holds something.
            NoCandidateError: nothing could be built; the failures are in the journal.
            ToolchainError: a linker or a compiler is missing.
        """
        proposals = self._proposed()
        make_folder(folder)
        try:
            with builders(folder, self._target, timeout, self._work.path / "worker.log") as building:
                candidates = self._built(building, proposals, told)
            if candidates:
                self._remember(folder, candidates)
                finish(folder, described(self._batch, self._target, timeout), list(candidates.values()))
        finally:
            if not self.exported.sent:
                shutil.rmtree(folder)
        if not candidates and not self.exported.interrupted:
            raise self._nothing_built()
        return self.exported

    def _proposed(self) -> list[Proposal]:
        """What goes out, task by task: processes keep what the candidates of one have in common."""
        states, opened = self.exported.states, self._journal.open()
        self.exported.damaged = opened.damaged
        for state in states:
            state.take([trial for trial in opened.trials if trial.evidence == "measured"])
        out = awaited(held_exports(self._work), opened.trials)
        held = sum(len(state.trials) for state in states)
        waiting = sum(len(out.get(arm.arm.key, ())) for state in states for arm in state.arms)
        wanted = self._settings.trials
        proposals = list(Proposals(states, self._book, out, self._settings.seed).take(wanted - held - waiting))
        if not proposals:
            raise UsageError(
                f"--export: nothing is left to try: of {wanted} trials the work dir holds {held} and awaits {waiting}",
                "import what is out, or ask for more with --trials",
            )
        return sorted(proposals, key=lambda proposal: proposal.state.task.index)

    def _built(self, building: Builders, proposals: list[Proposal], told: Told) -> dict[int, dict[str, Any]]:
        """Lines of the candidates by number; those that cannot be built become trials at once."""
        candidates: dict[int, dict[str, Any]] = {}
        try:
            with closing(building.build_many([self._request(proposal) for proposal in proposals])) as results:
                for number, (proposal, result) in enumerate(zip(proposals, results, strict=True)):
                    if "candidate" in result:
                        candidates[number] = result["candidate"] | _marks(proposal)
                        self.exported.sent.append(proposal)
                    else:
                        self._fail(proposal, result)
                    told(number + 1, len(proposals))
        except KeyboardInterrupt:
            self.exported.interrupted = True
        return candidates

    def _request(self, proposal: Proposal) -> Request:
        signature, lowering, _, threads = proposal.arm.arm.key
        point = proposal.point.to_dict()
        return Request(signature, self._target.name, threads, lowering, point, self._settings.seed)

    def _fail(self, proposal: Proposal, result: Result) -> None:
        trial = Trial(**_sent(proposal).model_dump(), threads=self._batch.threads, **result)
        self._journal.append(trial)
        proposal.arm.trials.append(trial)
        self.exported.failed.append(proposal)

    def _remember(self, folder: Path, candidates: dict[int, dict[str, Any]]) -> None:
        sent = dict(zip(candidates, map(_sent, self.exported.sent), strict=True))
        keep_export(self._work, Export(**self._batch.model_dump(), folder=str(folder.absolute()), sent=sent))

    def _nothing_built(self) -> NoCandidateError:
        failed = self.exported.failed
        first = failed[0].arm.trials[-1]
        return NoCandidateError(
            f"none of {len(failed)} candidates could be built: {first.failure}: {first.message}",
            f"see {self._work.path / 'worker.log'}, and tvm-bnn doctor",
        )


def _marks(proposal: Proposal) -> dict[str, Any]:
    """What the script sorts results by, and shows."""
    task, lowering = proposal.state.task, proposal.arm.arm.lowering
    label = f"{task.operator.label()} {lowering}"
    return {"task": task.index, "label": label, "default": proposal.is_default}


def _sent(proposal: Proposal) -> Sent:
    operator, lowering, version, _ = proposal.arm.arm.key
    return Sent(operator=operator, lowering=lowering, space_version=version, point=proposal.point.to_dict())
