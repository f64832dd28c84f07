import pytest

from tests.lowering.running import compare, require
from tests.strategies import ACCUMULATOR
from tvm_bnn.lowering.base import Lowering
from tvm_bnn.lowering.channel_gate import FactorChannelGate
from tvm_bnn.lowering.pointwise import PointwiseAvgPool2d
from tvm_bnn.ops import AvgPool2d, ChannelGate, Epilogue, Operator
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.spaces.pointwise import PointwiseLoops
from tvm_bnn.spaces.portable import Portable
from tvm_bnn.targets import load

BOARD = load("rpi4")
FULL = Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs"))
GATE, POOL = FactorChannelGate(), PointwiseAvgPool2d()


@pytest.mark.parametrize(
    ("lowering", "operator"),
    [
        (GATE, ChannelGate(2, 3, 13, 64, epilogue=FULL)),
        (GATE, ChannelGate(1, 2, 6, 20, epilogue=Epilogue(outputs=("byte", "signs")))),
        (POOL, AvgPool2d(1, 5, 34, 128, epilogue=Epilogue(outputs=("stream", "byte")))),
        (POOL, AvgPool2d(1, 5, 7, 33, kernel=3, epilogue=ACCUMULATOR)),
    ],
    ids=lambda case: case.label() if isinstance(case, Operator) else None,
)
def test_the_board_computes_what_the_reference_does(lowering: Lowering, operator: Operator) -> None:
    require(BOARD)
    compare(lowering, PointwiseLoops(), Setting(operator, BOARD, 1), [])


def test_elsewhere_loops_are_the_portable_ones() -> None:
    operator = ChannelGate(1, 4, 6, 64, epilogue=FULL)
    for name in ("cpu-portable", "x86-avx2"):
        setting = Setting(operator, load(name), 2)
        function = GATE.function(operator, setting.target)
        texts = [str(space.scheduled(function, setting, Point())) for space in (PointwiseLoops(), Portable())]
        assert texts[0] == texts[1]
