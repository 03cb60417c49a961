#!/usr/bin/env python3
"""Entry point that GIMP starts for Filters ▸ Dioptre. The code is in the package `dioptre_gimp` next to it."""

import sys

from dioptre_gimp.plugin import main

if __name__ == "__main__":
    main(sys.argv)
