"""Pictures, layered files, depth maps and their metadata: everything that touches the disk."""

from __future__ import annotations

from .atomic import replacing, staged
from .depth_map import read_depth, write_depth
from .embedded_depth import EmbeddedDepth, read_embedded_depth
from .inspection import inspect
from .load import load
from .notes import Note
from .openraster import OpenRaster, read_openraster, write_openraster
from .picture import Colour, Format, Picture, Source
from .results import write_result
from .save import save
from .sheet import Panel, sheet

__all__ = [
    "Colour",
    "EmbeddedDepth",
    "Format",
    "Note",
    "OpenRaster",
    "Panel",
    "Picture",
    "Source",
    "inspect",
    "load",
    "read_depth",
    "read_embedded_depth",
    "read_openraster",
    "replacing",
    "save",
    "sheet",
    "staged",
    "write_depth",
    "write_openraster",
    "write_result",
]
