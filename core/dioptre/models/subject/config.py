"""Configuration of the subject network."""

from __future__ import annotations

from dataclasses import dataclass, field

from dioptre.models.depth_anything_v2.config import BackboneConfig
from dioptre.models.u2net.config import U2NetConfig


@dataclass(frozen=True, kw_only=True)
class SubjectHeadConfig:
    """Sizes of the head.

    Attributes:
        tap: channels to which each tap of the backbone is projected.
        widths: channels at 1, 2, 4 and 8 times the resolution of the grid of patches.
        seen: channels of the features computed from the picture itself, at 8, 4 and 2 times that resolution.
    """

    tap: int = 48
    widths: tuple[int, int, int, int] = (64, 48, 32, 16)
    seen: tuple[int, int, int] = (12, 24, 32)


@dataclass(frozen=True, kw_only=True)
class SubjectConfig:
    """Sizes of both networks, and the parameters for combining their results.

    Attributes:
        backbone: sizes of the backbone.
        head: sizes of the head.
        edges: sizes of U²-Net-P.
        side_px: side of the square to which a picture is resized, the native size of U²-Net-P.
        grid: patches on each side of the square that the backbone receives.
        trust: weights of the log odds of the head and of U²-Net-P where U²-Net-P misses what the head selects.
            Their sum is 2, because the head is trained with dropped features and coarse outlines and is
            underconfident inside a subject.
        shared: the same weights where U²-Net-P covers what the head selects. Both then select the same object,
            although the head may find only part of it (a horse, for example).
        held: limits of the fraction of the head's selection that U²-Net-P covers: below the first value, `trust`
            applies; above the second, `shared`.
        dip_px: half the maximum width of dips in the combined coverage that are filled where U²-Net-P's map has no
            dip; less than half a patch, because the head's features lie on the grid of patches.
        edges_reach_px: maximum distance in pixels by which U²-Net-P may move an edge of the head's selection.
        denied: limits of a network's coverage: below the first value, it rejects what the other network selects;
            above the second, it does not.
        most: limits of the ratio of the subject's area without missing parts to its area with them: below the first
            value, no parts are added; above the second, all are.
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
