"""The runner of results that came from elsewhere: what measured them is not at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tvm_bnn.tuning.journal import Evidence
from tvm_bnn.tuning.runner import Result
from tvm_bnn.tuning.worker import Request


class AbsentRunner:
    """Measures nothing, so that winners are settled by the trials as they are."""

    evidence: Evidence = "measured"

    def run_many(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Result]]:
        """Every request fails to run, which says nothing about its point."""
        for request in requests:
            yield request, {"failure": "run", "message": "nothing to measure on"}

    def close(self) -> None:
        """Nothing to end."""
