"""Depth maps in files of their own, and those that cameras store in photos."""

from __future__ import annotations

from .embedded import read_embedded_depth
from .maps import DepthMap, encoded_depth, read_depth, write_depth, write_metric_depth, write_normals

__all__ = [
    "DepthMap",
    "encoded_depth",
    "read_depth",
    "read_embedded_depth",
    "write_depth",
    "write_metric_depth",
    "write_normals",
]
