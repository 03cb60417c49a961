"""Read and write photos and what belongs to them: layered files, depth maps and metadata."""

from __future__ import annotations

from .decode import inspect, load, opened, read_embedded_depth
from .depth_files import DepthMap, read_depth
from .encode import DepthInFile, save
from .metadata import Note
from .picture import Colour, Format, Picture, Source
from .publish import replacing, staged
from .results import write_result

__all__ = [
    "Colour",
    "DepthInFile",
    "DepthMap",
    "Format",
    "Note",
    "Picture",
    "Source",
    "inspect",
    "load",
    "opened",
    "read_depth",
    "read_embedded_depth",
    "replacing",
    "save",
    "staged",
    "write_result",
]
