"""RRDBNet: a large network that restores worn and compressed photographs while enlarging them."""

from .config import RrdbConfig as RrdbConfig
from .module import Rrdb as Rrdb

__all__ = ["Rrdb", "RrdbConfig"]
