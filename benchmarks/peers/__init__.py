"""Other engines, measured in turn with this one on the same work."""
