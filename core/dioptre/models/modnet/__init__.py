"""MODNet: the soft coverage of people's hair, and of fur."""

from .config import ModNetConfig as ModNetConfig
from .module import ModNet as ModNet

__all__ = ["ModNet", "ModNetConfig"]
