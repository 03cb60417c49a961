"""The description of a network, which its package exports: its task, configuration, checkpoints and preprocessing.

References to modules that import JAX are text, so that importing a network's package does not import it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from typing import Any

from dioptre.checkpoints.card import Card

from .published import Package, PublishedFile

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def resolve(reference: str) -> Any:
    """Return the object that "package.module:name" refers to."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


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
class DepthTraits:
    """The capabilities of a depth network.

    Attributes:
        read: "package.module:function" that converts the network's output for a batch of views and a
            `ReadingOptions` to a list of `DepthView`.
        rank: if several networks are installed, the one with the highest rank is preferred. Ranks are based on
            published figures.
        metric: the network estimates depth in metres.
        field_of_view: the network estimates the angle of view.
        normals: the network estimates surface normals. Its method `normals` returns unit vectors (n, h, w, 3): x
            right, y down and z away from the camera.
        takes_aspect: the network's second input is the picture's original width divided by its height.
        crop_short_side_px: length of the short side at which the network processes crops in a second, closer pass;
            0 for no such pass. A network whose own size is about 504 gains nothing from it.
    """

    read: str
    rank: int = 0
    metric: bool = False
    field_of_view: bool = False
    normals: bool = False
    takes_aspect: bool = False
    crop_short_side_px: int = 0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Registry entry of a network.

    Attributes:
        id: name of the network in options and folders.
        title: name shown to users.
        kind: task of the network.
        module: "package.module:Class"; the class is instantiated as `Class(config, rngs=nnx.Rngs(0))`.
        config: returns the configuration. It takes the stated one, if the weights' card has one.
        checkpoints: for each checkpoint, the path of the submodule that it fills; "" for the whole module.
        preprocessing: preparation of the input.
        convert: "package.module:function" that reads the arrays from a user's file, if users may add the weights.
        stated_config: "package.module:function" that reads the configuration stated in that file, as JSON types.
        card: creates the card of added weights, if their source is known.
        package: the published package or file, if the weights can be downloaded.
        bfloat16: JAX may multiply in bfloat16. The configuration then has a method `in_bfloat16`.
        depth: capabilities of a depth network; None for other networks.
        default: whether this network is the one of its kind that "default" means.
    """

    id: str
    title: str
    kind: ModelKind
    module: str
    config: Callable[..., Any]
    checkpoints: Mapping[str, str]
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    convert: str = ""
    stated_config: str = ""
    card: Callable[[], Card] | None = None
    package: Package | PublishedFile | None = None
    bfloat16: bool = False
    depth: DepthTraits | None = None
    default: bool = False

    def configuration(self, *stated: Mapping[str, Any]) -> Any:
        """Return the network's configuration.

        Args:
            stated: configurations from the cards of the network's checkpoints.
        """
        own = next((one for one in stated if one), None)
        return self.config(own) if own is not None and self.stated_config else self.config()
