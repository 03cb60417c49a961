"""The subject network: the depth network's backbone, turned to subjects by low-rank changes, and a head."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from dioptre.models.depth_anything_v2 import BackboneConfig
from dioptre.models.entry import IMAGENET_DEVIATION, IMAGENET_MEAN, Entry, ModelKind, Preprocessing


@dataclass(frozen=True, kw_only=True)
class SubjectHeadConfig:
    """Sizes of the head.

    Attributes:
        tap: channels to which each tap of the backbone is projected.
        entry: channels on the grid of patches.
        widths: channels at 1/8, 1/4, 1/2 and the whole of the picture's side.
        seen: channels of the features computed from the picture itself, at 1/8, 1/4 and 1/2 of its side.
    """

    tap: int = 96
    entry: int = 128
    widths: tuple[int, int, int, int] = (96, 64, 32, 16)
    seen: tuple[int, int, int] = (48, 32, 16)


@dataclass(frozen=True, kw_only=True)
class SubjectConfig:
    """Sizes of the network.

    Attributes:
        backbone: sizes of the backbone.
        rank: rank of the changes of the backbone's linear layers.
        head: sizes of the head.
    """

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    rank: int = 16
    head: SubjectHeadConfig = field(default_factory=SubjectHeadConfig)

    def in_bfloat16(self) -> SubjectConfig:
        """Return the configuration with the products of the backbone's blocks in bfloat16."""
        return replace(self, backbone=replace(self.backbone, bfloat16=True))


ENTRIES = (
    Entry(
        id="dioptre-subject",
        title="Subject (bundled)",
        kind=ModelKind.SUBJECT,
        module=f"{__name__}.module:SubjectNetwork",
        config=SubjectConfig,
        checkpoints={"dioptre-depth-backbone": "backbone", "dioptre-subject": "", "dioptre-faces": "faces"},
        preprocessing=Preprocessing(
            mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION, short_side_px=672, multiple_px=168
        ),
        bfloat16=True,
        default=True,
    ),
)
