import torch

from tvm_bnn.nn import RPReLU, Uint8Activation


def test_rprelu() -> None:
    layer = RPReLU(2)
    layer.knee.data = torch.tensor([1.0, 0.0])
    layer.slope.data = torch.tensor([0.5, 100.0])
    layer.offset.data = torch.tensor([10.0, 0.0])
    x = torch.tensor([[3.0, 3.0], [-1.0, -1.0]])
    steepest = (2**15 - 1) / 2**15
    assert layer(x).tolist() == [[12, 3], [9, -steepest]]
    assert layer(x[:, :, None, None]).shape == (2, 2, 1, 1)


def test_uint8_activation() -> None:
    assert Uint8Activation()(torch.tensor([-1.0, 0.51, 9.0])).tolist() == [0, 0.5, 255 / 32]
