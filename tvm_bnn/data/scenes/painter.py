"""A process that draws what it is asked for, until nobody is left to ask.

Every line of its input is a kind of scene, an index, a seed, a height and a width. It answers with the bytes of the
picture [H, W, 3] and of the labels [H, W].
"""

from __future__ import annotations

import os
import sys

from tvm_bnn.data.scenes.draw import DRAWERS


def main() -> None:
    """Serve one asker. Whoever asks holds the other ends of both pipes, so this process ends when that one does."""
    try:
        for line in sys.stdin.buffer:
            kind, *numbers = line.split()
            index, seed, height, width = map(int, numbers)
            for part in DRAWERS[kind.decode()](index, (height, width), seed):
                sys.stdout.buffer.write(part.data)
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Nobody listens; what is left in the buffer would be written at exit otherwise.
        os._exit(0)


if __name__ == "__main__":
    main()
