"""The editors' plug-ins: where they belong, whether they are installed, and why they do not appear.

The package uses only the standard library and runs on Python 3.10, because the installer imports it on its own
before Dioptre's environment exists.
"""
