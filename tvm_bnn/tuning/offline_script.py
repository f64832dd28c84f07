"""Check and time the candidates beside this file: ``python measure.py``; needs apache-tvm and NumPy, no compiler.

Every candidate is compared with the expected outputs before and after it is timed. One that crashes or hangs takes
only the process with it that measures it. Results are appended to ``results.jsonl`` as they come, so after an
interruption the same command goes on. In the end the fastest of each layer are measured again, in turn.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python looks beside this file first; there lies a copy of tvm_bnn/tuning/measuring.
    from measuring.work import main  # type: ignore[import-not-found]

    sys.exit(main(Path(__file__).resolve().parent))
