import numpy as np

from tests.lowering.test_registry import TARGET, run
from tests.strategies import ACCUMULATOR
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import ChannelGate
from tvm_bnn.ops.gate import sigmoid_table


def test_every_logit_at_the_ends_of_the_stream() -> None:
    operator = ChannelGate(2, 1, 3, 256, ACCUMULATOR)
    logits = np.arange(256, dtype=np.uint8)
    gate = np.stack([logits, logits[::-1]]).reshape(2, 1, 1, 256)
    x = np.broadcast_to(np.array([-32768, -1, 32767], np.int16).reshape(1, 1, 3, 1), (2, 1, 3, 256))
    (row,) = rows_for(operator, TARGET)
    (found,) = run(row, operator, [x, gate, sigmoid_table()], None, 1)
    np.testing.assert_array_equal(found, operator.accumulate(x, gate, sigmoid_table()))
