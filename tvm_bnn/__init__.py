"""Binary neural networks for semantic segmentation: integers only, tuned by measuring, the same on every target."""

__version__ = "0.1.0"
