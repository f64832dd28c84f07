"""Tuning: which lowering and which arrangement, found by measuring on the target."""
