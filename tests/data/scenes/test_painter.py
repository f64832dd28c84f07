import io
import sys

import numpy as np
import pytest

from tvm_bnn.data.scenes import DRAWERS, painter


def test_answers_with_the_bytes_of_each_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"street 4 1 32 64\nsalient 0 2 40 72\n")))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(answer))
    painter.main()
    street, salient = DRAWERS["street"](4, (32, 64), 1), DRAWERS["salient"](0, (40, 72), 2)
    assert answer.getvalue() == b"".join(np.ascontiguousarray(part).tobytes() for part in (*street, *salient))
