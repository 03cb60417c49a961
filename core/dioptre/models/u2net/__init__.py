"""U²-Net-P: a small network for salient-object detection."""

from .config import U2NetConfig as U2NetConfig
from .module import U2Net as U2Net

__all__ = ["U2Net", "U2NetConfig"]
