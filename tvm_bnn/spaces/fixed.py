"""Spaces of a single point: loops that are arranged, with nothing to search."""

from __future__ import annotations

from tvm_bnn.spaces.base import Point, Setting, Space, Tile, Variant


class Fixed(Space):
    """One variant, no tile; what remains is how to arrange."""

    root_block = "root"

    def variants(self, setting: Setting) -> list[Variant]:
        """One."""
        return [{}]

    def tiles(self, setting: Setting) -> list[Tile]:
        """None."""
        return []

    def default(self, setting: Setting) -> Point:
        """The only one."""
        return Point()
