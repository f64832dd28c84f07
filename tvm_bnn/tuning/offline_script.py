"""Check and time the candidates beside this file: ``python measure.py``; needs apache-tvm and NumPy, nothing else.

Every candidate is compared with the expected outputs before it is timed. Results are appended to ``results.jsonl`` as
they come, so after an interruption the same command goes on.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tvm

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.jsonl"


def clocks() -> str:
    """Clocks and temperature of the GPU as its driver tells them; empty without one."""
    query = "name,driver_version,clocks.sm,clocks.mem,clocks.max.sm,temperature.gpu,power.draw"
    try:
        told = subprocess.run(
            ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return told.stdout.strip()


def measure(candidate: dict[str, Any]) -> dict[str, Any]:
    """What the tuner wants to know of one candidate."""
    cubins = [(HERE / name).read_bytes() for name in candidate["cubins"]]
    if cubins:
        tvm.register_global_func("tvm_callback_cuda_compile", lambda *_: cubins[0], override=True)
    device = tvm.cuda() if candidate["device"] == "cuda" else tvm.cpu()
    folder, request = HERE / candidate["problem"], candidate["request"]
    inputs = [np.load(folder / f"input{i}.npy", allow_pickle=False) for i in range(candidate["inputs"])]
    expected = [np.load(folder / f"expected{i}.npy", allow_pickle=False) for i in range(candidate["outputs"])]
    module = tvm.runtime.load_module(str(HERE / candidate["library"]))
    outputs = [tvm.runtime.tensor(np.full_like(array, 85), device) for array in expected]
    tensors = [*(tvm.runtime.tensor(array, device) for array in inputs), *outputs]
    module["main"](*tensors)
    device.sync()
    for i, (output, array) in enumerate(zip(outputs, expected, strict=True)):
        wrong = int((output.numpy() != array).sum())
        if wrong:
            return {"failure": "wrong", "message": f"output {i}: {wrong} of {array.size} elements differ"}
    evaluator = module.time_evaluator(
        "main", device, number=1, repeat=request["repeat"], min_repeat_ms=request["min_repeat_ms"]
    )
    return {"run_secs": [float(seconds) for seconds in evaluator(*tensors).results], "clocks": clocks()}


def main() -> None:
    """Every candidate that has no result yet."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    done = {json.loads(line)["number"] for line in lines if line.endswith("}")}
    candidates = [json.loads(line) for line in (HERE / "candidates.jsonl").read_text().splitlines()]
    for candidate in candidates:
        if candidate["number"] in done:
            continue
        try:
            found = measure(candidate)
        except Exception as error:
            found = {"failure": "run", "message": str(error).strip().splitlines()[-1][:500]}
        with RESULTS.open("a") as file:
            file.write(json.dumps({"number": candidate["number"], **found}) + "\n")
        sys.stdout.write(f"{candidate['number']} {found}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
