"""Dioptre in GIMP 3: procedures, layers and dialogs, with only the standard library, `gi` and `dioptre_link`.

No image processing happens here: pixels go to Dioptre's worker and back through files.
"""

from __future__ import annotations
