"""Lowerings: how the bits of an operator are laid out and multiplied."""
