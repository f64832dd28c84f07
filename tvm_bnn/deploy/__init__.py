"""Bundles: what is deployed, and how it is written, checked and run."""
