"""Training and evaluation of segmentation networks."""
