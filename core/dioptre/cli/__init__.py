"""The command line. Importing it imports neither JAX nor NumPy: help and usage errors answer at once."""

from .main import main

__all__ = ["main"]
