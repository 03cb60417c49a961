"""Depth and subjects of pictures seen before, kept on disk unless the user switches that off: see `choice`."""
