"""What is measured: single layers, the code for AVX2, complete networks."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from benchmarks.layers import LAYERS, tuner_of, with_stream
from benchmarks.peers.cases import Layer, Network
from benchmarks.peers.catalogue import OURS_STREAM, Engine, avx2_engines, layer_engines, network_engines
from benchmarks.peers.environment import Environment
from benchmarks.peers.process import Peer, PeerError
from benchmarks.peers.results import Outcome, Results
from benchmarks.peers.rounds import Effort, Runs, in_turn
from benchmarks.peers.table import markdown
from benchmarks.peers.twin import count_macs
from tvm_bnn.errors import NoCandidateError
from tvm_bnn.files import write_atomic
from tvm_bnn.models.load import load as load_model
from tvm_bnn.models.presets import PRESETS
from tvm_bnn.ops import Conv2d
from tvm_bnn.profiling.summary import summarise, total
from tvm_bnn.targets import Target, cpu_flags, load, missing_features
from tvm_bnn.tuning.plan import Choice, choose
from tvm_bnn.tuning.records import load_book

Chosen = Callable[[str], bool]
"""Whether a case of that name is wanted."""

_AVX2 = "x86-avx2"
_WIDTH = "S"
_LEAST_NETWORK_CALLS = 2


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes:
        target: of this host.
        rounds: turns of every engine.
        trials: of layers that have no record of their own.
        records: folders that are looked up before the shipped records.
        work: folder of models, logs and what was tuned.
    """

    target: Target
    rounds: int
    trials: int
    records: Sequence[Path]
    work: Path


class Bench:
    """Starts engines, measures cases, keeps outcomes."""

    def __init__(self, settings: Settings, homes: Mapping[str, Environment], results: Results) -> None:
        self.settings, self.homes, self.results = settings, homes, results

    @property
    def effort(self) -> Effort:
        """How long to measure a layer."""
        return Effort(self.settings.rounds)

    @contextmanager
    def engines(self, engines: Sequence[Engine], target: Target, threads: int) -> Iterator[dict[str, Runs]]:
        """Every engine by its name, started when it is first needed and again when it has died."""
        started = {engine.name: _Restarting(self, engine, target, threads) for engine in engines}
        try:
            yield dict(started)
        finally:
            for engine in started.values():
                engine.close()

    def start(self, engine: Engine, target: Target, threads: int) -> Peer:
        """The process of an engine.

        Raises:
            PeerError: it is not installed, or cannot be started.
        """
        python = sys.executable
        if engine.home != "ours":
            home = self.homes[engine.home]
            if engine.package not in home.versions:
                raise PeerError(f"not installed: {home.absent.get(engine.package, engine.package)}")
            python = str(home.python)
        options = {
            "folder": str(self.settings.work / "models"),
            "target": target.name,
            "records": [str(folder) for folder in self.settings.records],
        }
        log = self.settings.work / "logs" / f"{engine.name.replace(' ', '-').replace('/', '-')}-{threads}.log"
        return Peer(engine.command(python, threads, options), engine.environment, log)

    def kernel(self, conv: Conv2d, target: Target, threads: int) -> dict[str, Any]:
        """What names the kernel of a layer to our engine."""
        choice = self._choice(conv, target, threads)
        return {
            "kind": "kernel",
            "operator": conv.signature,
            "lowering": choice.row.lowering.name,
            "point": choice.point.to_dict(),
            "schedule": choice.schedule,
        }

    def tune(self, convs: Sequence[Conv2d], target: Target, threads: int) -> None:
        """Tune those layers that have no record of their own, all together."""
        untuned = [conv for conv in convs if self._choice(conv, target, threads).schedule != "tuned"]
        if not untuned:
            return
        sys.stderr.write(f"tuning {len(untuned)} layers for {target.name}, threads: {threads}\n")
        trials = self.settings.trials * len(untuned)
        try:
            with tuner_of(untuned, target, threads, trials, self._tuned(target)) as tuner:
                deque(tuner.run(), maxlen=0)
        except NoCandidateError as error:
            sys.stderr.write(f"  {error.message}\n")

    def _choice(self, conv: Conv2d, target: Target, threads: int) -> Choice:
        """By the records that were named or shipped; where they do not know this very layer, by what was tuned here."""
        named = list(self.settings.records)
        choice = choose(conv, target, threads, load_book(target, named)[0])
        if choice.schedule == "tuned":
            return choice
        return choose(conv, target, threads, load_book(target, [*named, self._tuned(target) / "records"])[0])

    def _tuned(self, target: Target) -> Path:
        return self.settings.work / "tuned" / target.name

    def keep(self, outcome: Outcome) -> None:
        """Keep the outcome of a case, and tell."""
        self.results.add(outcome)
        write_atomic(self.results.path.with_suffix(".md"), markdown(self.results.outcomes, self.results.conditions))
        ours = outcome.ours
        told = f"{ours.gops(outcome.macs):.0f} GOPS" if ours.rounds else ours.absent
        sys.stderr.write(f"{outcome.section}: {outcome.case}, threads {outcome.threads}: ours {told}\n")


class _Restarting:
    """An engine whose process is started on demand."""

    def __init__(self, bench: Bench, engine: Engine, target: Target, threads: int) -> None:
        self._start = partial(bench.start, engine, target, threads)
        self._peer: Peer | None = None

    def prepare(self, case: Mapping[str, Any]) -> float:
        """See :meth:`benchmarks.peers.process.Peer.prepare`."""
        if self._peer is not None and not self._peer.alive:
            self.close()
        self._peer = self._peer or self._start()
        return self._peer.prepare(case)

    def run(self, runs: int) -> list[float]:
        """See :meth:`benchmarks.peers.process.Peer.run`."""
        assert self._peer is not None
        return self._peer.run(runs)

    def close(self) -> None:
        """End the process."""
        if self._peer is not None:
            self._peer.close()
        self._peer = None


def case_of(conv: Conv2d) -> Layer:
    """What the other engines are told of a layer."""
    return Layer(
        conv.height,
        conv.width,
        conv.in_channels,
        conv.out_channels,
        conv.kernel[0],
        conv.stride[0],
        conv.dilation[0],
        conv.groups,
    )


def measure_layers(bench: Bench, chosen: Chosen, threads: int) -> None:
    """Single layers, packed signs in and out, and with a stream."""
    target = bench.settings.target
    _measure_kernels(bench, "layers", chosen, layer_engines(cpu_flags()), target, threads)


def measure_avx2(bench: Bench, chosen: Chosen) -> None:
    """Single layers in the code of a CPU without AVX-512, on one thread."""
    target = load(_AVX2)
    if missing_features(target, cpu_flags()):
        sys.stderr.write(f"avx2: this CPU cannot run code for {_AVX2}\n")
        return
    _measure_kernels(bench, "avx2", chosen, avx2_engines(), target, 1)


def _measure_kernels(
    bench: Bench, section: str, chosen: Chosen, engines: Sequence[Engine], target: Target, threads: int
) -> None:
    layers = {name: conv for name, conv in LAYERS.items() if chosen(name)}
    ours = [engine for engine in engines if engine.home == "ours"]
    bench.tune([_operator(engine, conv) for conv in layers.values() for engine in ours], target, threads)
    with bench.engines(engines, target, threads) as peers:
        for name, conv in layers.items():
            cases = {
                engine.name: bench.kernel(_operator(engine, conv), target, threads)
                if engine in ours
                else case_of(conv).to_dict()
                for engine in engines
            }
            timings = in_turn({name: (peers[name], case) for name, case in cases.items()}, bench.effort)
            bench.keep(Outcome(section, name, threads, case_of(conv).macs, timings))


def _operator(engine: Engine, conv: Conv2d) -> Conv2d:
    return with_stream(conv) if engine.name == OURS_STREAM else conv


def measure_networks(bench: Bench, chosen: Chosen, threads: int) -> None:
    """The presets."""
    engines = network_engines(cpu_flags())
    for name, config in PRESETS.items():
        if not chosen(name):
            continue
        network = Network(name, _WIDTH, config.input_size)
        macs = macs_of(network)
        notes = {"MACs of ours": macs, "of the twin": count_macs(network)}
        with bench.engines(engines, bench.settings.target, threads) as peers:
            told = {engine.name: (peers[engine.name], network.to_dict()) for engine in engines}
            timings = in_turn(told, replace(bench.effort, least=_LEAST_NETWORK_CALLS))
        bench.keep(Outcome("networks", network.name, threads, macs, timings, notes))


@cache
def macs_of(network: Network) -> int:
    """Multiply-accumulates of the integer network."""
    model = load_model(network.preset, width=network.width, input_size=network.size)
    return total(summarise(model.network, (1, *network.size, 3))).work.macs
