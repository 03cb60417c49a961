"""The editors' plug-ins: where they go, whether they are there, why they do not appear.

Imports nothing but the standard library and runs on Python 3.10: the installer loads this package by itself, before
there is an environment.
"""
