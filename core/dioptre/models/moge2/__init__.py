"""MoGe-2: a network that estimates depth in metres, the angle of view and surface normals."""

from __future__ import annotations

from dioptre.models.entry import IMAGENET_DEVIATION, IMAGENET_MEAN, DepthTraits, Entry, ModelKind, Preprocessing

_PUBLISHED = "dioptre.models.published_networks"

ENTRIES = tuple(
    Entry(
        id=f"moge-2-vit{letter}-normal",
        title=f"MoGe-2 ViT-{letter.upper()}",
        kind=ModelKind.DEPTH,
        module=f"{__name__}.module:Moge2",
        config=f"{__name__}.config:{size}",
        stated_config=f"{__name__}.convert:stated_config",
        checkpoints={f"moge-2-vit{letter}-normal": ""},
        preprocessing=Preprocessing(
            mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION, short_side_px=518, multiple_px=14
        ),
        convert=f"{__name__}.convert:from_torch_file",
        card=f"{_PUBLISHED}:moge_2_{size}_card",
        package=f"{_PUBLISHED}:MOGE_2_{size.upper()}",
        depth=DepthTraits(
            read=f"{__name__}.reading:read",
            rank=rank,
            metric=True,
            field_of_view=True,
            normals=True,
            takes_aspect=True,
        ),
    )
    for letter, size, rank in (("s", "small", 40), ("b", "base", 60))
)
