"""Sizes of the subject network."""

from __future__ import annotations

from dataclasses import dataclass, field

from dioptre.models.depth_anything_v2.config import BackboneConfig
from dioptre.models.u2net.config import U2NetConfig


@dataclass(frozen=True, kw_only=True)
class SubjectHeadConfig:
    """tap: channels kept of each of the backbone's taps.

    widths: channels at 1, 2, 4 and 8 times the grid of patches.
    seen: channels of what is seen in the picture itself, at 8, 4 and 2 times that grid.
    """

    tap: int = 48
    widths: tuple[int, int, int, int] = (64, 48, 32, 16)
    seen: tuple[int, int, int] = (12, 24, 32)


@dataclass(frozen=True, kw_only=True)
class SubjectConfig:
    """Of both networks and of how their answers are joined.

    side_px: of the square to which a picture is squeezed: U²-Net-P's own.
    grid: patches on each side of what the backbone sees of it.
    trust: weights of the head's log odds and of U²-Net-P's where U²-Net-P misses what the head takes. Their sum is
        2: features are left out and outlines are coarse when the head learns, so that inside a subject it is less
        sure than it can be.
    shared: the same where U²-Net-P holds what the head takes: then both see one thing, and the head may see only
        part of it, such as a horse.
    held: share of what the head takes that U²-Net-P holds, up to which the first and from which the second count.
    dip_px: half the width of dips inside the head's subject that U²-Net-P fills where it sees none; less than half
        a patch, on whose grid the head's features lie.
    edges_reach_px: how far U²-Net-P may move an edge of the head's.
    denied: coverage up to which a network denies what the other holds, and from which it does not.
    most: share of the subject that must be there before such parts are added: none are below the first, all are
        above the second.
    """

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    head: SubjectHeadConfig = field(default_factory=SubjectHeadConfig)
    edges: U2NetConfig = field(default_factory=U2NetConfig)
    side_px: int = 320
    grid: int = 24
    trust: tuple[float, float] = (1.6, 0.4)
    shared: tuple[float, float] = (1.0, 1.0)
    held: tuple[float, float] = (0.6, 0.8)
    dip_px: int = 5
    edges_reach_px: int = 4
    denied: tuple[float, float] = (0.1, 0.3)
    most: tuple[float, float] = (0.8, 0.9)
