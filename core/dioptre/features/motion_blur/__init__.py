"""Motion blur by depth: the camera moves while the shutter is open."""

from __future__ import annotations

from . import moving
from .moving import motion_blur
from .options import MotionBlurOptions

__all__ = ["OPERATIONS", "MotionBlurOptions", "motion_blur"]

OPERATIONS = {MotionBlurOptions: moving.run}
"""The functions that run the operations of this feature, by their options."""
