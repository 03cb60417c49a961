"""The command line. Importing it loads neither JAX nor NumPy, so help and usage errors appear at once."""

from .main import main

__all__ = ["main"]
