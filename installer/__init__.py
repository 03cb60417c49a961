"""The implementation of install.py, which needs only Python 3.10 or later and the standard library."""
