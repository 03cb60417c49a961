"""Depth Anything V2: a DINOv2 transformer and a DPT head, which estimate relative inverse depth from a picture."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

from dioptre.models.entry import IMAGENET_DEVIATION, IMAGENET_MEAN, DepthTraits, Entry, ModelKind, Preprocessing
from dioptre.models.published import card_of, hugging_face


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """Sizes of DINOv2 (Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", 2023).

    Attributes:
        width: channels of a token.
        blocks: number of blocks.
        heads: number of attention heads.
        hidden: channels inside a block's perceptron.
        patch_px: side of the square patch that becomes one token.
        grid: side of the table of learned positions, in tokens.
        taps: the blocks, counted from 0, whose outputs the head uses.
        epsilon: epsilon of the norms inside the blocks.
        last_epsilon: epsilon of the norm after the tapped blocks.
        position_offset: added to the number of tokens when the table of positions is resized; 0.1 in DINOv2's
            original code, 0 in transformers.
        bfloat16: the linear layers of the blocks multiply in bfloat16. Attention, the norms and all sums are in
            float32: with attention in bfloat16, results differ twice as much.
    """

    width: int = 384
    blocks: int = 12
    heads: int = 6
    hidden: int = 1536
    patch_px: int = 14
    grid: int = 37
    taps: tuple[int, ...] = (2, 5, 8, 11)
    epsilon: float = 1e-6
    last_epsilon: float = 1e-6
    position_offset: float = 0.0
    bfloat16: bool = False


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """Sizes of DPT (Ranftl et al., "Vision Transformers for Dense Prediction", 2021), without batch normalisation.

    Attributes:
        stages: channels at 4, 2, 1 and 1/2 times the resolution of the token grid.
        fusion: channels while the stages are fused.
        hidden: channels before the last layer.
        positive: whether the result is clipped at zero.
    """

    stages: tuple[int, int, int, int] = (48, 96, 192, 384)
    fusion: int = 64
    hidden: int = 32
    positive: bool = True


@dataclass(frozen=True, kw_only=True)
class DepthAnythingConfig:
    """Sizes of Depth Anything V2 (Yang et al., "Depth Anything V2", 2024), by default of the Small network."""

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    head: HeadConfig = field(default_factory=HeadConfig)

    def in_bfloat16(self) -> DepthAnythingConfig:
        """Return the configuration with the products of the backbone's blocks in bfloat16."""
        return replace(self, backbone=replace(self.backbone, bfloat16=True))


def dioptre_small() -> DepthAnythingConfig:
    """Return the bundled variant: the same network with a head trained by this project, not clipped at zero."""
    return DepthAnythingConfig(head=HeadConfig(positive=False))


_PUBLISHED = hugging_face(
    "depth-anything/Depth-Anything-V2-Small-hf",
    "model.safetensors",
    sha256="3152477ce0d8d6978d76b995120de97cb5b928701fd0f817769f59e249a16b70",
    nbytes=99_173_660,
)
_MODULE = f"{__name__}.module:DepthAnything"
_READ = "dioptre.models.depth_view:read_disparity"

ENTRIES = (
    Entry(
        id="dioptre-depth-small",
        title="Depth (bundled)",
        kind=ModelKind.DEPTH,
        module=_MODULE,
        config=dioptre_small,
        checkpoints={"dioptre-depth-backbone": "backbone", "dioptre-depth-head": "head"},
        preprocessing=Preprocessing(
            mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION, short_side_px=392, multiple_px=14
        ),
        bfloat16=True,
        depth=DepthTraits(read=_READ, crop_short_side_px=308),
        default=True,
    ),
    Entry(
        id="depth-anything-v2-small",
        title="Depth Anything V2 Small",
        kind=ModelKind.DEPTH,
        module=_MODULE,
        config=DepthAnythingConfig,
        checkpoints={"depth-anything-v2-small": ""},
        preprocessing=Preprocessing(
            mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION, short_side_px=518, multiple_px=14
        ),
        convert=f"{__name__}.convert:from_safetensors",
        card=partial(
            card_of,
            _PUBLISHED,
            checkpoint="depth-anything-v2-small",
            title="Depth Anything V2 Small",
            architecture="depth_anything_v2: ViT-S/14",
            licence="Apache-2.0",
            notice="Depth Anything V2: Lihe Yang et al.; its backbone is DINOv2 (Meta). Apache License 2.0.",
        ),
        package=_PUBLISHED,
        depth=DepthTraits(read=_READ, rank=20),
    ),
)
