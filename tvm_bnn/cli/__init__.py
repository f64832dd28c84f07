"""The command line: parses, shows, exits. Nothing else in the package prints."""

from tvm_bnn.cli.app import main

__all__ = ["main"]
