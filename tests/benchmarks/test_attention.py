import json
from pathlib import Path

import pytest

from benchmarks import attention as benchmark
from benchmarks.attention import write_results
from tests.verification.nets import block_of
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning.plan import default_choice
from tvm_bnn.verification.clock import Estimated
from tvm_bnn.verification.verify import verify_block

TARGET = resolve_host()


def test_results_are_files_for_people_and_for_programs(tmp_path: Path) -> None:
    found = [
        verify_block(block_of(*size), lambda o: default_choice(o, TARGET, 1), Estimated(TARGET, 1), None)
        for size in ((8, 8), (8, 16))
    ]
    write_results(found, TARGET, 1, tmp_path)
    stem = f"attention-{TARGET.name}"
    assert {path.name for path in tmp_path.iterdir()} == {f"{stem}.{end}" for end in ("json", "md", "png", "svg")}
    document = json.loads((tmp_path / f"{stem}.json").read_text())
    assert [attention["tokens"] for attention in document["attention"]] == [64, 128]
    # Here the bytes of a map take longest, and they grow with its tokens.
    assert document["exponent"] == pytest.approx(1, abs=0.2)
    assert "| 128 | 25.6x |" in (tmp_path / f"{stem}.md").read_text()


def test_maps_go_from_256_to_65536_tokens_in_doubles() -> None:
    tokens = [height * width for height, width in benchmark.MAPS]
    assert tokens == [256 * 2**step for step in range(9)]
