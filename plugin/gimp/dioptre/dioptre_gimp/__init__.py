"""Dioptre in GIMP 3: procedures, drawables, dialogs. Only the standard library, `gi` and `dioptre_link`.

No pixel is computed here: pixels go through files to Dioptre's worker and back.
"""
