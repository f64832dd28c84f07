import re
from pathlib import Path

import torch

from tvm_bnn.cli.app import COMMANDS

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()


def test_the_python_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, torch.Tensor] = {}
    exec(code, names)
    assert names["labels"].shape == (1, 64, 96)
    assert names["labels"].dtype == torch.uint8


def test_every_command_that_is_named_exists() -> None:
    named = set(re.findall(r"^tvm-bnn ([a-z]+)", README, re.MULTILINE))
    assert named == set(COMMANDS)
