"""Registry of all networks: their purpose, configuration, checkpoints and preprocessing.

No other module refers to a network by name. Importing this module does not import JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

from dioptre.checkpoints.card import CARD_FILE
from dioptre.checkpoints.locate import installed, sha256
from dioptre_link.catalogue.depth import BEST
from dioptre_link.errors import UsageError
from dioptre_link.language import Message

from .depth_traits import DepthTraits

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class ModelKind(Enum):
    """The task of a network."""

    DEPTH = "depth"
    SUBJECT = "subject"
    MATTE = "matte"
    SUPER_RESOLUTION = "super-resolution"
    WHITE_BALANCE = "white balance"


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Conversion of an sRGB-encoded picture in [0, 1] to the network's input.

    Attributes:
        mean: value subtracted from each channel.
        deviation: divisor of each channel, after the subtraction.
        short_side_px: length of the short side at which the network works best; 0 for any.
        multiple_px: both sides must be multiples of this.
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)
    short_side_px: int = 0
    multiple_px: int = 1


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Registry entry of a network.

    Attributes:
        id: name of the network in options and folders.
        title: name shown to users.
        kind: task of the network.
        module: "package.module:Class"; the class is instantiated as `Class(config, rngs=nnx.Rngs(0))`.
        config: "package.module:name" of the configuration, or of a function that returns it. The function takes no
            arguments, or the stated configuration if there is a `stated_config`.
        checkpoints: for each checkpoint, the path of the submodule that it fills; "" for the whole module.
        preprocessing: preparation of the input.
        convert: "package.module:function" that reads the arrays from a user's file, if users may add the weights.
        stated_config: "package.module:function" that reads the configuration stated in that file, as JSON types.
        card: "package.module:function" that creates the card of added weights, if their source is known.
        package: "package.module:name" of the published package or file, if the weights can be downloaded. Neither
            its module nor the card's imports NumPy or JAX.
        accelerated: precision ("bf16", "f32") in which an optional runtime may run the network; "" if only JAX may.
        joined_with: id of the network whose map is joined with this one's; "" if none is.
        bfloat16: JAX may multiply in bfloat16. The configuration then has a method `in_bfloat16`.
        depth: capabilities of a depth network; None for other networks.
    """

    id: str
    title: str
    kind: ModelKind
    module: str
    config: str
    checkpoints: Mapping[str, str]
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    convert: str = ""
    stated_config: str = ""
    card: str = ""
    package: str = ""
    accelerated: str = ""
    joined_with: str = ""
    bfloat16: bool = False
    depth: DepthTraits | None = None

    def configuration(self, *stated: Mapping[str, Any]) -> Any:
        """Return the network's configuration.

        Args:
            stated: configurations from the cards of the network's checkpoints.
        """
        config = resolve(self.config)
        if not callable(config):
            return config
        own = next((one for one in stated if one), None)
        return config(own) if own is not None and self.stated_config else config()


_DEPTH_ANYTHING = "dioptre.models.depth_anything_v2"
_MOGE = "dioptre.models.moge2"
_PUBLISHED = "dioptre.models.published_networks"
_DISPARITY = "dioptre.models.depth_view:read_disparity"
_IMAGENET: dict[str, Any] = {"mean": IMAGENET_MEAN, "deviation": IMAGENET_DEVIATION, "multiple_px": 14}

ENTRIES: Mapping[str, Entry] = {
    entry.id: entry
    for entry in (
        Entry(
            id="dioptre-depth-small",
            title="Depth (bundled)",
            kind=ModelKind.DEPTH,
            module=f"{_DEPTH_ANYTHING}.module:DepthAnything",
            config=f"{_DEPTH_ANYTHING}.config:dioptre_small",
            checkpoints={"dioptre-depth-backbone": "backbone", "dioptre-depth-head": "head"},
            preprocessing=Preprocessing(short_side_px=392, **_IMAGENET),
            bfloat16=True,
            depth=DepthTraits(read=_DISPARITY, crop_short_side_px=308),
        ),
        Entry(
            id="depth-anything-v2-small",
            title="Depth Anything V2 Small",
            kind=ModelKind.DEPTH,
            module=f"{_DEPTH_ANYTHING}.module:DepthAnything",
            config=f"{_DEPTH_ANYTHING}.config:depth_anything_v2_small",
            checkpoints={"depth-anything-v2-small": ""},
            preprocessing=Preprocessing(short_side_px=518, **_IMAGENET),
            convert=f"{_DEPTH_ANYTHING}.convert:from_safetensors",
            card=f"{_PUBLISHED}:depth_anything_v2_small_card",
            package=f"{_PUBLISHED}:DEPTH_ANYTHING_V2_SMALL",
            depth=DepthTraits(read=_DISPARITY, rank=20),
        ),
        *(
            Entry(
                id=f"moge-2-vit{letter}-normal",
                title=f"MoGe-2 ViT-{letter.upper()}",
                kind=ModelKind.DEPTH,
                module=f"{_MOGE}.module:Moge2",
                config=f"{_MOGE}.config:{size}",
                stated_config=f"{_MOGE}.convert:stated_config",
                checkpoints={f"moge-2-vit{letter}-normal": ""},
                preprocessing=Preprocessing(short_side_px=518, **_IMAGENET),
                convert=f"{_MOGE}.convert:from_torch_file",
                card=f"{_PUBLISHED}:moge_2_{size}_card",
                package=f"{_PUBLISHED}:MOGE_2_{size.upper()}",
                depth=DepthTraits(
                    read=f"{_MOGE}.reading:read",
                    rank=rank,
                    metric=True,
                    field_of_view=True,
                    normals=True,
                    takes_aspect=True,
                ),
            )
            for letter, size, rank in (("s", "small", 40), ("b", "base", 60))
        ),
        Entry(
            id="dioptre-subject",
            title="Subject (bundled)",
            kind=ModelKind.SUBJECT,
            module="dioptre.models.subject.module:SubjectNetwork",
            config="dioptre.models.subject.config:SubjectConfig",
            checkpoints={"dioptre-depth-backbone": "backbone", "dioptre-subject": ""},
            preprocessing=Preprocessing(
                mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION, short_side_px=448, multiple_px=56
            ),
            joined_with="u2netp",
            bfloat16=True,
        ),
        Entry(
            id="u2netp",
            title="U²-Net-P (bundled)",
            kind=ModelKind.SUBJECT,
            module="dioptre.models.u2net.module:U2Net",
            config="dioptre.models.u2net.config:u2netp",
            checkpoints={"u2netp": ""},
            preprocessing=Preprocessing(
                mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION, short_side_px=320, multiple_px=32
            ),
        ),
        Entry(
            id="modnet",
            title="Hair and fur (bundled)",
            kind=ModelKind.MATTE,
            module="dioptre.models.modnet.module:ModNet",
            config="dioptre.models.modnet.config:ModNetConfig",
            checkpoints={"modnet": ""},
            preprocessing=Preprocessing(
                mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.5, 0.5), short_side_px=512, multiple_px=32
            ),
        ),
        Entry(
            id="white-balance",
            title="Light's colour (bundled)",
            kind=ModelKind.WHITE_BALANCE,
            module="dioptre.models.white_balance.module:WhiteBalanceEstimator",
            config="dioptre.models.white_balance.config:WhiteBalanceConfig",
            checkpoints={"white-balance": ""},
            preprocessing=Preprocessing(short_side_px=64),
        ),
        *(
            Entry(
                id=f"span-x{scale}",
                title=f"Faithful enlargement ×{scale} (bundled)",
                kind=ModelKind.SUPER_RESOLUTION,
                module="dioptre.models.span.module:Span",
                config=f"dioptre.models.span.config:span_x{scale}",
                checkpoints={f"span-x{scale}": ""},
                accelerated="bf16" if scale == 4 else "",  # at ×2, bfloat16 would lower the PSNR by 0.023 dB
            )
            for scale in (2, 4)
        ),
        Entry(
            id="realesr-animevideov3",
            title="Restore, light (realesr-animevideov3)",
            kind=ModelKind.SUPER_RESOLUTION,
            module="dioptre.models.srvgg.module:Srvgg",
            config="dioptre.models.srvgg.config:animevideov3",
            checkpoints={"realesr-animevideov3": ""},
            convert="dioptre.models.srvgg.convert:convert",
            card="dioptre.models.realesrgan_package:animevideo_card",
            package="dioptre.models.realesrgan_package:ANIMEVIDEO_PACKAGE",
            accelerated="bf16",
        ),
        Entry(
            id="realesrgan-x4plus",
            title="Restore (RealESRGAN_x4plus)",
            kind=ModelKind.SUPER_RESOLUTION,
            module="dioptre.models.rrdb.module:Rrdb",
            config="dioptre.models.rrdb.config:x4plus",
            checkpoints={"realesrgan-x4plus": ""},
            convert="dioptre.models.rrdb.convert:convert",
            card="dioptre.models.realesrgan_package:x4plus_card",
            package="dioptre.models.realesrgan_package:X4PLUS_PACKAGE",
            accelerated="bf16",
        ),
    )
}

DEFAULTS: Mapping[ModelKind, str] = {
    ModelKind.DEPTH: "dioptre-depth-small",
    ModelKind.SUBJECT: "dioptre-subject",
    ModelKind.MATTE: "modnet",
    ModelKind.SUPER_RESOLUTION: "span-x4",
    ModelKind.WHITE_BALANCE: "white-balance",
}


_NO_ANALYSIS = (ModelKind.SUPER_RESOLUTION, ModelKind.WHITE_BALANCE)


def find(model_id: str, *, kind: ModelKind) -> Entry:
    """Return the entry with this id and kind; "default" means the bundled network.

    Raises:
        UsageError: there is no such network; the message lists those of this kind.
    """
    known = [entry.id for entry in ENTRIES.values() if entry.kind is kind]
    name = DEFAULTS.get(kind, model_id) if model_id == "default" else model_id
    if name not in known:
        raise UsageError(
            "There is no {kind} network named {model_id}.",
            hint="Available: {names}.",
            kind=kind.value,
            model_id=repr(model_id),
            names=", ".join(known),
        )
    return ENTRIES[name]


def chosen_depth_network(model_id: str) -> Entry:
    """Return the depth network with this id.

    "default" means the bundled network, "best" the installed network with the highest rank.

    Raises:
        UsageError: there is no such network.
    """
    if model_id != BEST:
        return find(model_id, kind=ModelKind.DEPTH)
    here = [entry for entry in ENTRIES.values() if entry.kind is ModelKind.DEPTH and is_installed(entry)]
    bundled = ENTRIES[DEFAULTS[ModelKind.DEPTH]]
    return max(here, key=lambda entry: 0 if entry.depth is None else entry.depth.rank, default=bundled)


def is_installed(entry: Entry) -> bool:
    """Return whether all checkpoints of a network are installed. Their contents are verified only on loading."""
    return entry.checkpoints.keys() <= installed().keys()


def analysis_checksums() -> dict[str, str]:
    """Return the SHA-256 of the card of every installed checkpoint that may affect depth or the subject."""
    here = installed()
    used = {name for entry in ENTRIES.values() if entry.kind not in _NO_ANALYSIS for name in entry.checkpoints}
    return {name: sha256(here[name] / CARD_FILE) for name in sorted(used & here.keys())}


def resolve(reference: str) -> Any:
    """Return the object that "package.module:name" refers to."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


def converter(entry: Entry) -> Callable[[Path], Any]:
    """Return the function that reads the entry's weights from a file; raise UsageError if users cannot add them."""
    if not entry.convert:
        raise UsageError(
            "{title} is bundled with Dioptre; you do not need to add its weights.", title=Message(entry.title)
        )
    return resolve(entry.convert)
