"""Luma: the brightness of encoded colours as defined for JPEG (ITU-R BT.601)."""

from __future__ import annotations

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue."""
