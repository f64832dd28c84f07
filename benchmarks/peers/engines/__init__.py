"""One module an engine; each runs in a process of its own, with the Python in which that engine is installed."""
