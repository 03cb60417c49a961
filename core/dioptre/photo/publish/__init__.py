"""Save files completely or not at all."""

from __future__ import annotations

from .names import check_free
from .staging import replacing, staged

__all__ = ["check_free", "replacing", "staged"]
