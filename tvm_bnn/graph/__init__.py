"""From an integer network to an executable: capture, numbered phases, build."""
