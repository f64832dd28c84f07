"""MetaSchedule over one space: evolutionary sampling guided by an XGBoost cost model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tvm_bnn._tvm import ir, meta_schedule, s_tir, tune_context, tvm
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.task import Arm

_FAILED_SECONDS = 1e10
"""What MetaSchedule expects as the time of a candidate that did not run."""

_NO_LIMIT = 10**6
"""Trials after which MetaSchedule would stop by itself; the tuner decides that."""

Measured = tuple[Point, list[float] | None]
"""A point and its times in seconds, None where it failed."""


class Evolution:
    """Generates points from what other points measured.

    Args:
        arm: whose space is searched.
        batch: how many points are generated at a time.
        warm_up: the number of measured points from which the cost model is believed.
        seed: equal seeds and equal measurements give equal points.
    """

    def __init__(self, arm: Arm, batch: int, warm_up: int, seed: int) -> None:
        self.space, self.setting = arm.row.space, arm.setting
        function = arm.row.lowering.function(arm.operator, arm.setting.target)
        self.module = ir.IRModule({"main": function.with_attr("global_symbol", "main")})
        self.database = meta_schedule.database.MemoryDatabase()
        self.workload = self.database.commit_workload(self.module)
        # One core: the few samples are no work, and a team of threads that wait for each other takes many times longer.
        self.model = meta_schedule.cost_model.XGBModel(num_warmup_samples=warm_up, num_tuning_cores=1)
        np.random.seed(seed)
        self.context = self._context(arm.operator.label(), seed)
        self._given: dict[str, Any] = {}
        spaces = self.context.generate_design_space()
        self.context.search_strategy.pre_tuning(_NO_LIMIT, batch, spaces, self.database, self.model)

    def _context(self, label: str, seed: int) -> Any:
        generator = meta_schedule.space_generator.ScheduleFn(
            self.space.generator(self.setting), sch_rules=[], postprocs=[], mutator_probs={}
        )
        strategy = meta_schedule.search_strategy.EvolutionarySearch(
            population_size=32,
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
            task_name=label,
            rand_state=seed + 1,
            num_threads=1,
        )

    def generate(self) -> list[Point]:
        """A batch of points, perhaps some that are known."""
        candidates = self.context.search_strategy.generate_measure_candidates() or []
        points = [self.space.point_of(candidate.sch, self.setting) for candidate in candidates]
        self._given = {point.key: candidate for point, candidate in zip(points, candidates, strict=True)}
        return points

    def learn(self, measured: Sequence[Measured]) -> None:
        """Take in what points measured, generated ones or any others."""
        if not measured:
            return
        pairs = [(self._candidate(point), self._result(seconds)) for point, seconds in measured]
        for candidate, result in pairs:
            self._commit(candidate, result.run_secs or [_FAILED_SECONDS])
        self.model.update(self.context, *map(list, zip(*pairs, strict=True)))
        answers = [pair for pair, (point, _) in zip(pairs, measured, strict=True) if point.key in self._given]
        if answers:
            self.context.search_strategy.notify_runner_results(*map(list, zip(*answers, strict=True)))

    def _result(self, seconds: list[float] | None) -> Any:
        return meta_schedule.runner.RunnerResult(seconds, None if seconds else "failed")

    def _candidate(self, point: Point) -> Any:
        if point.key in self._given:
            return self._given[point.key]
        schedule = s_tir.Schedule(self.module)
        self.space.sample_as(schedule, self.setting, point)
        arguments = meta_schedule.arg_info.ArgInfo.from_entry_func(schedule.mod, remove_preproc=True)
        return meta_schedule.MeasureCandidate(schedule, arguments)

    def _commit(self, candidate: Any, seconds: Sequence[float]) -> None:
        record = meta_schedule.database.TuningRecord(
            candidate.sch.trace, self.workload, list(seconds), self.context.target, candidate.args_info
        )
        self.database.commit_tuning_record(record)
