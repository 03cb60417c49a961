"""Cached depth maps and subjects of earlier pictures, kept on disk unless the user disables it (see `choice`)."""
