"""White balance: the colour of the light, and pictures rendered as if taken in daylight."""

from __future__ import annotations

from dioptre_link.catalogue.white_balance import WhiteBalanceOptions

from . import balance
from .balance import Balanced, lit_like, white_balance
from .illuminant import estimate_light, thumbnail
from .series import groups, speakers

__all__ = [
    "OPERATIONS",
    "Balanced",
    "WhiteBalanceOptions",
    "estimate_light",
    "groups",
    "lit_like",
    "speakers",
    "thumbnail",
    "white_balance",
]

OPERATIONS = {WhiteBalanceOptions: balance.run}
"""The functions that run the operations of this feature, by their options."""
