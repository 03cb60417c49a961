"""MODNet: a matting network for soft edges such as hair and fur."""

from .config import ModNetConfig as ModNetConfig
from .module import ModNet as ModNet

__all__ = ["ModNet", "ModNetConfig"]
