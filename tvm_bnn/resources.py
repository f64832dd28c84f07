"""Where the data that travels with the package lies."""

from pathlib import Path
from typing import Literal

from tvm_bnn.errors import ToolchainError

PACKAGE = Path(__file__).resolve().parent


def data_root(kind: Literal["schedules", "targets"]) -> Path:
    """The folder of shipped records or of target files.

    An installed wheel keeps it inside the package, a source checkout beside it.

    Raises:
        ToolchainError: the folder is in neither place.
    """
    # A checkout never contains `_data`, so the order of the two cannot pick a stale copy.
    for folder in (PACKAGE / "_data" / kind, PACKAGE.parent / kind):
        if folder.is_dir():
            return folder
    raise ToolchainError(f"expected the folder '{kind}' with the package, got none", "reinstall tvm-bnn")
