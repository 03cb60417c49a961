#!/usr/bin/env python3
"""GIMP starts this file: Filters ▸ Dioptre. Everything is in the package `dioptre_gimp` beside it."""

import sys

from dioptre_gimp.plugin import main

if __name__ == "__main__":
    main(sys.argv)
