"""The loop of training: steps, measurements, and a state to go on from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional

from tvm_bnn.data.classes import UNLABELLED
from tvm_bnn.data.datasets import DataSet
from tvm_bnn.errors import TvmBnnError
from tvm_bnn.models.checkpoint import save_checkpoint
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.training.augment import Batch
from tvm_bnn.training.batches import drawn_ahead
from tvm_bnn.training.device import mixed
from tvm_bnn.training.evaluation import evaluate, float_labels
from tvm_bnn.training.folder import RunFolder
from tvm_bnn.training.group import ALONE, Group
from tvm_bnn.training.harden import soften, softness_at
from tvm_bnn.training.log import Log
from tvm_bnn.training.metrics import Metrics
from tvm_bnn.training.optimiser import clip_binary_weights, learning_rate_at, make_optimiser
from tvm_bnn.training.settings import TrainingSettings
from tvm_bnn.training.state import read_state, save_state
from tvm_bnn.training.teacher import Teacher

CALIBRATION_PICTURES = 8


@dataclass(frozen=True)
class StepDone:
    """One step.

    Attributes:
        step: number of steps done.
        loss: mean cross entropy over the labelled pixels of the batch, in nats, whatever a teacher adds.
        learning_rate: that was used.
        seconds: it took.
        metrics: of the network in floating point after the step, where it was measured.
    """

    step: int
    loss: float
    learning_rate: float
    seconds: float
    metrics: Metrics | None


class Trainer:
    """A run in a folder: begun, or taken up where its state is.

    Going on gives the same network as never having stopped, bit for bit: batches depend on seed and step alone, the
    learning rate on the step, and everything else is in the state.

    Args:
        network: as it is at the start; changed in place.
        settings: of the run.
        train: pictures to learn from.
        validation: pictures to measure on.
        folder: of the run, locked.
        group: of processes that share every batch; the first of them writes and measures.
        teacher: to imitate, if there is one; the settings name it.

    Attributes:
        step: steps done.

    Raises:
        UsageError: the folder holds another run or a damaged state, or cannot be written.
    """

    def __init__(
        self,
        network: SegmentationNet,
        settings: TrainingSettings,
        train: DataSet,
        validation: DataSet,
        folder: RunFolder,
        group: Group = ALONE,
        teacher: Teacher | None = None,
    ) -> None:
        self.network = network
        self.settings = settings
        self.step = 0
        self._train = train
        self._validation = validation
        self._folder = folder
        self._group = group
        self._teacher = teacher
        network.to(settings.device)
        if teacher is not None:
            teacher.to(settings.device)
        self._optimiser = make_optimiser(network, settings.weight_decay)
        if folder.state.exists():
            self._restore()
        else:
            # First of all files, so that those of an interrupted run are known for its own.
            self._save()
        self._log = Log(folder.log, self.step) if group.is_first else None

    def run(self, stop: Callable[[], bool] = lambda: False) -> Iterator[StepDone]:
        """Do the steps that are left; the state is saved now and then, and at the end.

        Args:
            stop: is asked before every step whether to leave it at that.

        Yields:
            every step as it ends.

        Raises:
            TvmBnnError: loss or gradient is no longer finite.
        """
        self.network.train()
        settings, group = self.settings, self._group
        steps = range(self.step, settings.steps)
        with drawn_ahead(self._train, settings.batch, settings.seed, steps, group.part) as next_batch:
            while self.step < settings.steps and not group.any(stop()):
                yield self._advance(next_batch)
                if self.step % settings.save_every == 0:
                    self._save()
        if self._saved != self.step:
            self._save()

    def finish(self) -> None:
        """Write the trained network, with the first pictures as those that its frozen scales are measured on."""
        soften(self.network, 0)
        pictures, _ = self._train.batch(range(min(CALIBRATION_PICTURES, len(self._train))))
        save_checkpoint(self._folder.model, self.network.eval().cpu(), pictures)

    def _advance(self, next_batch: Callable[[], Batch]) -> StepDone:
        started = time.monotonic()
        rate = learning_rate_at(self.step, self.settings.steps, self.settings.learning_rate, self.settings.warmup)
        soften(self.network, softness_at(self.step, self.settings.steps))
        loss = self._learn(rate, next_batch())
        self.step += 1
        seconds = time.monotonic() - started
        done = StepDone(self.step, loss, rate, seconds, self._measure())
        if self._log is not None:
            self._log.append(done.step, done.loss, done.learning_rate, done.seconds, done.metrics)
        return done

    def _learn(self, rate: float, batch: Batch) -> float:
        settings, group = self.settings, self._group
        pictures, labels = batch
        labelled = int((labels != UNLABELLED).sum())
        # The mean over the whole batch's pixels, of which this process has but a share; alone it is exactly 1.
        share = labelled / max(group.total(labelled), 1)
        pictures, labels = pictures.to(settings.device), labels.to(settings.device)
        with mixed(settings.device, settings.precision):
            scores = self.network(pictures)
            entropy = functional.cross_entropy(scores, labels, ignore_index=UNLABELLED)
            loss = entropy * share
            if self._teacher is not None:
                loss = self._teacher.blend(entropy * share * group.size, scores, pictures) / group.size
        self._optimiser.zero_grad()
        loss.backward()
        group.sum_gradients(self.network)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.largest_gradient)
        total = group.total(entropy.item() * share)
        self._check_finite(total, norm.item())
        for parameters in self._optimiser.param_groups:
            parameters["lr"] = rate
        self._optimiser.step()
        clip_binary_weights(self.network)
        group.average_statistics(self.network)
        return total

    def _check_finite(self, loss: float, norm: float) -> None:
        """Before the weights are changed: a saved state is never spoilt."""
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TvmBnnError(
                f"step {self.step + 1}: expected a finite loss and gradient, got {loss} and {norm}; "
                f"the last good state is that of step {self._saved} in '{self._folder.state}'",
                "begin again with --fresh and a lower --learning-rate",
            )

    def _measure(self) -> Metrics | None:
        """Metrics of the network where they are due, and after the last step in any case; of the first process only."""
        due = not self.step % self.settings.validate_every or self.step == self.settings.steps
        if not due or not self._group.is_first:
            return None
        metrics = evaluate(float_labels(self.network.eval()), self._validation)
        self.network.train()
        return metrics

    def _save(self) -> None:
        if self._group.is_first:
            save_state(self._folder.state, self.step, self.settings, self.network, self._optimiser)
        self._saved = self.step

    def _restore(self) -> None:
        state = read_state(self._folder.state)
        state.check(self.settings, self.network)
        state.restore(self.network, self._optimiser)
        self.step = self._saved = state.step
