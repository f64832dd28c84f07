"""The remote runner: points are built here, compared and timed on as many boards as a tracker offers."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import IO, Any

from tvm_bnn.errors import ToolchainError
from tvm_bnn.remote.cooling import ThrottledError, unthrottled
from tvm_bnn.remote.farm import Farm
from tvm_bnn.remote.seat import DroppedError, Seat
from tvm_bnn.remote.session import UnfitError
from tvm_bnn.remote.station import LostError, Place
from tvm_bnn.remote.tracker import parse_address
from tvm_bnn.remote.trial import build
from tvm_bnn.targets import logical_cores
from tvm_bnn.tuning.journal import Evidence
from tvm_bnn.tuning.process import Process
from tvm_bnn.tuning.runner import Result
from tvm_bnn.tuning.worker import Request

_KEPT_LIBRARIES = 32
"""Finalists are measured in turn: none is to be built again each time."""

_DROPS = 2
"""A point that ended so many sessions is to blame for it itself."""


class RpcRunner:
    """Measures points on boards.

    Args:
        tracker: ``host:port`` of TVM's tracker.
        key: that boards are registered under.
        timeout: seconds that building a point may take, and measuring it.
        log: file that receives what the processes print.
        report: is told, in one line each, of boards that are lost, of no use or too hot.
        emulated: whether boards that are emulated count. Their times are no latencies; only tests want them.

    Raises:
        UsageError: ``tracker`` is no address.
        ToolchainError: the tracker cannot be reached, or has no such board.
    """

    evidence: Evidence = "measured"

    def __init__(
        self,
        tracker: str,
        key: str,
        timeout: float,
        log: Path,
        report: Callable[[str], None] = lambda line: None,
        emulated: bool = False,
    ) -> None:
        address = parse_address(tracker)
        self.timeout, self.report = timeout, report
        self._log: IO[bytes] = log.open("ab")
        self._farm = Farm(Place(address, key, timeout, emulated), self._log, report)
        try:
            self._farm.look()
        except BaseException:
            self._log.close()
            raise
        self._folder = tempfile.TemporaryDirectory(prefix="tvm-bnn-")
        self._libraries: dict[tuple[object, ...], Path] = {}
        self._library_lock = Lock()
        self._builders = [Process(self._log) for _ in range(logical_cores())]
        self._idle: SimpleQueue[Process] = SimpleQueue()
        for builder in self._builders:
            self._idle.put(builder)

    def run_many(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Result]]:
        """As they finish: while boards measure, what comes next is built.

        Raises:
            ToolchainError: no board is left, or points cannot be linked.
        """
        self._farm.look()
        room = len(self._farm) + len(self._builders)
        with ThreadPoolExecutor(room) as threads:
            under_way: dict[Future[Result], Request] = {}
            try:
                for request in requests:
                    under_way[threads.submit(self._run, request)] = request
                    if len(under_way) == room:
                        yield from _finished(under_way)
                while under_way:
                    yield from _finished(under_way)
            except BaseException:
                for future in under_way:
                    future.cancel()
                self._kill()
                raise

    def _run(self, request: Request) -> Result:
        built = self._built(request)
        if "library" not in built:
            return built
        drops = 0
        while True:
            with self._farm.seat() as seat:
                try:
                    return self._measured(seat, request, built["library"])
                except (UnfitError, ThrottledError, LostError) as error:
                    self._farm.give_up(seat, error)
                except DroppedError as error:
                    drops += 1
                    if drops == _DROPS:
                        return {"failure": "crash", "message": str(error)}
                    self.report(f"{error}; its work is done again")

    def _measured(self, seat: Seat, request: Request, library: str) -> Result:
        return unthrottled(lambda: seat.measure(request, library, self._farm.refused), self.report)

    def _built(self, request: Request) -> dict[str, Any]:
        """``{"library": path}`` of a point, or a failure."""
        point = json.dumps(request.to_dict()["point"], sort_keys=True)
        key = (request.operator, request.target, request.threads, request.lowering, point)
        with self._library_lock:
            if key in self._libraries:
                return {"library": str(self._libraries[key])}
        built = self._build(request)
        if "toolchain" in built:
            raise ToolchainError(built["toolchain"], built["hint"])
        if "library" in built:
            with self._library_lock:
                self._libraries[key] = Path(built["library"])
                while len(self._libraries) > _KEPT_LIBRARIES + len(self._farm):
                    self._libraries.pop(next(iter(self._libraries))).unlink()
        return built

    def _build(self, request: Request) -> dict[str, Any]:
        builder = self._idle.get()
        try:
            return builder.call(build, request.to_dict(), self._folder.name, timeout=self.timeout)
        except TimeoutError:
            return {"failure": "timeout", "message": f"not built after {self.timeout:g} s"}
        except ChildProcessError:
            return {"failure": "crash", "message": f"the building process died; see {self._log.name}"}
        finally:
            self._idle.put(builder)

    def _kill(self) -> None:
        """End whatever a thread may be waiting for."""
        self._farm.close()
        for builder in self._builders:
            builder.end()

    def close(self) -> None:
        """End all processes and sessions."""
        self._kill()
        self._folder.cleanup()
        self._log.close()


def _finished(under_way: dict[Future[Result], Request]) -> Iterator[tuple[Request, Result]]:
    """What has finished, at least one; taken out of ``under_way``. What came of a trial goes before what broke."""
    done = wait(under_way, return_when=FIRST_COMPLETED).done
    for future in sorted(done, key=lambda one: one.exception() is not None):
        yield under_way.pop(future), future.result()
