#!/usr/bin/env python3
"""Install Dioptre and run it. Needs only Python 3.10 or later to start; --help lists all commands."""

import sys

if __name__ == "__main__":
    if sys.version_info < (3, 10):  # noqa: UP036  (reports the problem instead of failing on newer syntax)
        sys.exit("install.py needs Python 3.10 or later (and 3.11 or later on PATH for Dioptre itself).")
    sys.dont_write_bytecode = True  # Write nothing into the checkout.
    from installer.commands import main

    sys.exit(main(sys.argv[1:]))
