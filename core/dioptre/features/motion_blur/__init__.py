"""Motion blur: the camera turns with the subject while the shutter is open."""

from __future__ import annotations

from dioptre_link.catalogue.motion_blur import MotionBlurOptions

from . import moving
from .moving import motion_blur

__all__ = ["OPERATIONS", "motion_blur"]

OPERATIONS = {MotionBlurOptions: moving.run}
"""The functions that run the operations of this feature, by their options."""
