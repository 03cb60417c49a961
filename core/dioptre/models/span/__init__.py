"""SPAN: a network that enlarges pictures faithfully by two or four."""
