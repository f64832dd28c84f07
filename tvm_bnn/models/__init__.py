"""The segmentation network, its presets, and how any network is loaded.

Importing this package or :mod:`tvm_bnn.models.presets` does not import torch; :mod:`tvm_bnn.models.load` does.
"""
