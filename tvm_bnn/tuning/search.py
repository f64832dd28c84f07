"""MetaSchedule's search over one task: evolutionary sampling guided by an XGBoost cost model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tvm_bnn._tvm import ir, meta_schedule, s_tir, tune_context, tvm
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.task import Task

_FAILED_SECONDS = 1e10
"""What MetaSchedule expects as the time of a candidate that did not run."""


Proposal = tuple[Any, Point]
"""A candidate for MetaSchedule and the point it stands for."""

_NO_LIMIT = 10**6
"""Trials after which MetaSchedule would stop by itself; the tuner decides that."""


class Search:
    """Proposes points of a task's space and learns from what they measured.

    Args:
        task: whose space is searched.
        batch: the most candidates of one proposal.
        seed: equal seeds and equal measurements give equal proposals.
    """

    def __init__(self, task: Task, batch: int, seed: int) -> None:
        self.task, self.batch = task, batch
        self.space, self.setting = task.row.space, task.setting
        function = task.row.lowering.function(task.operator, task.setting.target)
        self.module = ir.IRModule({"main": function.with_attr("global_symbol", "main")})
        self.database = meta_schedule.database.MemoryDatabase()
        self.workload = self.database.commit_workload(self.module)
        # One core: the few samples are no work, and a team of threads that wait for each other takes many times longer.
        self.model = meta_schedule.cost_model.XGBModel(num_warmup_samples=min(20, batch), num_tuning_cores=1)
        np.random.seed(seed)
        self.context = self._context(seed)
        self.seen: set[str] = set()
        self._waiting: list[Proposal] = []
        self._start(batch)

    def _context(self, seed: int) -> Any:
        generator = meta_schedule.space_generator.ScheduleFn(
            self.space.generator(self.setting), sch_rules=[], postprocs=[], mutator_probs={}
        )
        strategy = meta_schedule.search_strategy.EvolutionarySearch(
            population_size=64,
            init_measured_ratio=0.2,
            init_min_unmeasured=8,
            genetic_num_iters=1,
            genetic_mutate_prob=0.0,
            genetic_max_fail_count=10,
            eps_greedy=0.1,
        )
        return tune_context(
            mod=self.module,
            target=tvm.target.Target(self.setting.target.tvm_target(self.setting.threads)),
            space_generator=generator,
            search_strategy=strategy,
            task_name=self.task.operator.label(),
            rand_state=seed + 1,
            num_threads=1,
        )

    def _start(self, batch: int) -> None:
        spaces = self.context.generate_design_space()
        self.context.search_strategy.pre_tuning(_NO_LIMIT, batch, spaces, self.database, self.model)

    def propose(self, limit: int) -> list[Proposal]:
        """At most ``limit`` candidates that were not tried before; empty once every point of the space was."""
        if not self._waiting:
            self._waiting = self._generated() or self._left_over()
        taken, self._waiting = self._waiting[:limit], self._waiting[limit:]
        return taken

    def _generated(self) -> list[Proposal]:
        """What the evolutionary search comes up with."""
        fresh: list[Proposal] = []
        for candidate in self.context.search_strategy.generate_measure_candidates() or []:
            point = self.space.point_of(candidate.sch, self.setting)
            if point.key not in self.seen:
                self.seen.add(point.key)
                fresh.append((candidate, point))
        return fresh

    def _left_over(self) -> list[Proposal]:
        """The points it never came upon: a search by chance finds the last few of a space only after many tries."""
        tiles, variants = self.space.tiles(self.setting), self.space.variants(self.setting)
        points = (Point(tile, variant) for tile in tiles for variant in variants)
        left = (point for point in points if point.key not in self.seen)
        return [(self.candidate(point), point) for point in itertools.islice(left, self.batch)]

    def candidate(self, point: Point) -> Any:
        """The candidate of a given point: the default, or one from an earlier run."""
        self.seen.add(point.key)
        schedule = s_tir.Schedule(self.module)
        self.space.sample_as(schedule, self.setting, point)
        arguments = meta_schedule.arg_info.ArgInfo.from_entry_func(schedule.mod, remove_preproc=True)
        return meta_schedule.MeasureCandidate(schedule, arguments)

    def learn(self, measured: Sequence[tuple[Any, list[float] | None]], *, proposed: bool) -> None:
        """Take in times in seconds, None for a failure; ``proposed`` if they answer :meth:`propose`."""
        if not measured:
            return
        candidates = [candidate for candidate, _ in measured]
        results = [meta_schedule.runner.RunnerResult(seconds, None if seconds else "failed") for _, seconds in measured]
        for candidate, seconds in measured:
            self._commit(candidate, seconds or [_FAILED_SECONDS])
        self.model.update(self.context, candidates, results)
        if proposed:
            self.context.search_strategy.notify_runner_results(candidates, results)

    def _commit(self, candidate: Any, seconds: list[float]) -> None:
        record = meta_schedule.database.TuningRecord(
            candidate.sch.trace, self.workload, seconds, self.context.target, candidate.args_info
        )
        self.database.commit_tuning_record(record)
