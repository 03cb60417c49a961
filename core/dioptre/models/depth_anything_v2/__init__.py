"""Depth Anything V2: a DINOv2 transformer and a DPT head, which estimate relative inverse depth from a picture."""

from __future__ import annotations

from dioptre.models.entry import IMAGENET_DEVIATION, IMAGENET_MEAN, DepthTraits, Entry, ModelKind, Preprocessing

_MODULE = f"{__name__}.module:DepthAnything"
_PUBLISHED = "dioptre.models.published_networks"
_READ = "dioptre.models.depth_view:read_disparity"

ENTRIES = (
    Entry(
        id="dioptre-depth-small",
        title="Depth (bundled)",
        kind=ModelKind.DEPTH,
        module=_MODULE,
        config=f"{__name__}.config:dioptre_small",
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
        config=f"{__name__}.config:depth_anything_v2_small",
        checkpoints={"depth-anything-v2-small": ""},
        preprocessing=Preprocessing(
            mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION, short_side_px=518, multiple_px=14
        ),
        convert=f"{__name__}.convert:from_safetensors",
        card=f"{_PUBLISHED}:depth_anything_v2_small_card",
        package=f"{_PUBLISHED}:DEPTH_ANYTHING_V2_SMALL",
        depth=DepthTraits(read=_READ, rank=20),
    ),
)
