from pathlib import Path

import pytest
from matplotlib.cbook import get_sample_data


@pytest.fixture(scope="session")
def photograph() -> Path:
    """A real photograph of 512 x 600 pixels that comes with matplotlib."""
    return Path(str(get_sample_data("grace_hopper.jpg", asfileobj=False)))
