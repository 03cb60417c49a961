"""SRVGGNetCompact: a light network that restores drawn and compressed pictures while enlarging them."""

from .config import SrvggConfig as SrvggConfig
from .module import Srvgg as Srvgg

__all__ = ["Srvgg", "SrvggConfig"]
