"""Speed is measured here, never in a test: ``python -m benchmarks`` remakes the tables in benchmarks/results."""
