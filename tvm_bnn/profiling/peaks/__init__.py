"""What one core of this host can do at best, measured by kernels that do one thing each.

A peak is a fact of the target: rooflines use it, and every kernel is compiled as the target's own code is.
"""
