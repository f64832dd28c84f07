import numpy as np
from PIL import Image

from benchmarks.scenes_picture import PICTURE, picture


def test_the_documentation_shows_what_is_drawn() -> None:
    assert PICTURE.stat().st_size <= 200_000
    with Image.open(PICTURE) as shown:
        committed = np.asarray(shown.convert("RGB")).astype(int)
    # Pillow may choose its 256 colours otherwise one day.
    assert np.abs(committed - np.asarray(picture().convert("RGB"))).mean() < 6
