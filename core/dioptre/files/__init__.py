"""Read and write files: pictures, layered files, depth maps and metadata."""

from __future__ import annotations

from .decode import opened
from .density import dpi_at
from .depth_map import DepthMap, read_depth, write_depth
from .dimensions import size_of
from .embedded_depth import read_embedded_depth
from .inspection import inspect
from .load import PictureOnDemand, load
from .notes import Note
from .openraster import write_openraster
from .openraster_reading import OpenRaster, read_openraster
from .picture import Colour, Format, Picture, Source
from .publish import replacing, staged
from .results import write_result
from .save import save
from .sheet import Panel, sheet

__all__ = [
    "Colour",
    "DepthMap",
    "Format",
    "Note",
    "OpenRaster",
    "Panel",
    "Picture",
    "PictureOnDemand",
    "Source",
    "dpi_at",
    "inspect",
    "load",
    "opened",
    "read_depth",
    "read_embedded_depth",
    "read_openraster",
    "replacing",
    "save",
    "sheet",
    "size_of",
    "staged",
    "write_depth",
    "write_openraster",
    "write_result",
]
