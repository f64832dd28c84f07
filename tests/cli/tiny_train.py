"""The program with a tiny network of width S and few scenes to validate on, for ``torchrun`` to start."""

import sys

from tests.cli.test_train import FewScenes
from tvm_bnn.cli import main
from tvm_bnn.data.datasets import DATA_SETS
from tvm_bnn.models import config
from tvm_bnn.models.config import Width

if __name__ == "__main__":
    config.WIDTHS["S"] = Width((8, 16, 16, 16), (1, 1, 1, 1))
    DATA_SETS["scenes"] = FewScenes
    sys.exit(main())
