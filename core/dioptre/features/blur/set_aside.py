"""Lossless compact storage for planes while a step needs the memory for something else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """A disparity map and a matte, packed while the picture is blurred by a similar disparity map.

    Attributes:
        disparity: how the disparity map differs from the one to blur by.
        matte: the matte.
    """

    disparity: Differences
    matte: PackedMatte

    @staticmethod
    def of(
        disparity: Float32[np.ndarray, "h w"],
        matte: Float32[np.ndarray, "h w"],
        *,
        drawn: Float32[np.ndarray, "h w"],
    ) -> SetAside:
        """Set both planes aside for a blur by `drawn`."""
        return SetAside(disparity=Differences.of(disparity, drawn), matte=PackedMatte.of(matte))

    def put_back(
        self, drawn: Float32[np.ndarray, "h w"]
    ) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
        """Turn `drawn` back into the disparity map, in place, and return it and the matte."""
        return self.disparity.put_into(drawn), self.matte.unpacked()


@dataclass(frozen=True, kw_only=True)
class Differences:
    """The pixels at which a plane differs from another one, and its exact values there.

    Attributes:
        where: one bit for each pixel, packed along the rows.
        values: values of the pixels that differ, row by row.
    """

    where: UInt8[np.ndarray, "h b"]
    values: Float32[np.ndarray, " n"]

    @staticmethod
    def of(plane: Float32[np.ndarray, "h w"], other: Float32[np.ndarray, "h w"]) -> Differences:
        """Return the differences that turn `other` into `plane`."""
        differs = plane.view(np.uint32) != other.view(np.uint32)
        return Differences(where=np.packbits(differs, axis=1), values=plane[differs])

    def put_into(self, other: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """Turn `other` back into the plane, in place, and return it."""
        other[_unpacked(self.where, other.shape[1])] = self.values
        return other


@dataclass(frozen=True, kw_only=True)
class PackedMatte:
    """A matte packed without loss, using two bits for every pixel whose coverage is 0 or 1.

    Attributes:
        inside: one bit for each pixel, set if its coverage is at least 0.5, packed along the rows.
        between: pixels that are neither 0 nor 1.
        width: width of the matte in pixels.
    """

    inside: UInt8[np.ndarray, "h b"]
    between: Differences
    width: int

    @staticmethod
    def of(matte: Float32[np.ndarray, "h w"]) -> PackedMatte:
        """Pack a matte."""
        inside = matte >= 0.5
        between = Differences.of(matte, inside.astype(np.float32))
        return PackedMatte(inside=np.packbits(inside, axis=1), between=between, width=matte.shape[1])

    def unpacked(self) -> Float32[np.ndarray, "h w"]:
        """Return the exact matte."""
        return self.between.put_into(_unpacked(self.inside, self.width).astype(np.float32))


def _unpacked(bits: np.ndarray, width: int) -> np.ndarray:
    return np.unpackbits(bits, axis=1, count=width).view(np.bool_)
