"""How far the static estimates can be trusted: ``python -m benchmarks.estimation``."""
