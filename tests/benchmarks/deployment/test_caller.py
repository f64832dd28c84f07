import json
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.deployment.__main__ import built


def test_the_program_in_cplusplus_measures_a_bundle(runtime_bundle: Path, tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("no g++ on this machine")
    program = built(runtime_bundle / "native", tmp_path / "caller")
    ran = subprocess.run([program, runtime_bundle, "2", "3", "5"], check=True, capture_output=True, text=True)
    told = json.loads(ran.stdout)
    assert [len(told[name]) for name in ("network", "caller")] == [3, 3]
    assert 0 < told["before"] <= told["after"]
