"""The part of Dioptre that editors share with its worker: only the standard library, Python 3.10 or later.

Both plug-ins carry a copy of this package, so it must not import anything but the standard library and
itself (by relative imports).
"""
