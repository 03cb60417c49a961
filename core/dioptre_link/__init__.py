"""Code shared by the editors and the worker; it uses only the standard library and runs on Python 3.10 or later.

Both plug-ins carry a copy of this package, so it must import nothing but the standard library and its own modules
(by relative imports).
"""
