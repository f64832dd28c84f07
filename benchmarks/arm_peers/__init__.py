"""Other engines' loops for Arm, priced by the model that prices ours: ``python -m benchmarks.arm_peers``."""
