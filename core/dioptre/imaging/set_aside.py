"""Planes kept exactly in little memory while a step needs it for something else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8


@dataclass(frozen=True, kw_only=True)
class Differences:
    """Where a plane differs from another one, and its values there, to the last bit.

    where: a bit for each pixel, packed along the rows. values: of the pixels that differ, row by row.
    """

    where: UInt8[np.ndarray, "h b"]
    values: Float32[np.ndarray, " n"]

    @staticmethod
    def of(plane: Float32[np.ndarray, "h w"], other: Float32[np.ndarray, "h w"]) -> Differences:
        """What `put_into(other)` makes `plane` of."""
        differs = plane.view(np.uint32) != other.view(np.uint32)
        return Differences(where=np.packbits(differs, axis=1), values=plane[differs])

    def put_into(self, other: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """Turn `other`, in place, into the plane that differed from it."""
        other[_unpacked(self.where, other.shape[1])] = self.values
        return other


@dataclass(frozen=True, kw_only=True)
class PackedMatte:
    """A matte, of which most is 0 or 1, in a bit or two for each pixel where it is. `unpacked` gives it exactly."""

    inside: UInt8[np.ndarray, "h b"]
    between: Differences
    width: int

    @staticmethod
    def of(matte: Float32[np.ndarray, "h w"]) -> PackedMatte:
        inside = matte >= 0.5
        between = Differences.of(matte, inside.astype(np.float32))
        return PackedMatte(inside=np.packbits(inside, axis=1), between=between, width=matte.shape[1])

    def unpacked(self) -> Float32[np.ndarray, "h w"]:
        return self.between.put_into(_unpacked(self.inside, self.width).astype(np.float32))


def _unpacked(bits: np.ndarray, width: int) -> np.ndarray:
    return np.unpackbits(bits, axis=1, count=width).view(np.bool_)
