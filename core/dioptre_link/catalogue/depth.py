"""The operation that estimates depth from one picture, and the depth options of other operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..operation import Input, Memory, Operation, Options, Role, WarmUp, option

BEST = "best"
"""The choice that selects the best installed depth network."""

DEPTH_MODEL, DEPTH_SOURCE, EQUIVALENT = "depth_model", "depth_source", "equivalent_mm"
"""Names of the options for the network, the source of the depth, and the focal length of the photo."""


def network_option(**description: Any) -> str:
    """Declare the option for the depth network; `description` adds to its description."""
    return option(
        BEST,
        label="Depth network",
        help="The network that estimates depth. Best: the best one that is installed. The others are downloaded "
        "only when you ask for them. Those marked (m) estimate metres.",
        choices=(
            BEST,
            "dioptre-depth-small",
            "depth-anything-v2-small",
            "moge-2-vits-normal",
            "moge-2-vitb-normal",
        ),
        shown=(
            "Best installed",
            "Bundled",
            "Depth Anything V2 Small",
            "MoGe-2 ViT-S (m)",
            "MoGe-2 ViT-B (m)",
        ),
        group="Depth",
        **description,
    )


@dataclass(frozen=True, kw_only=True)
class DepthOptions(Options, group="Depth"):
    """The options of all operations that need depth: where it comes from."""

    depth_source: Literal["auto", "embedded", "estimate"] = option(
        "auto",
        label="Depth source",
        help="Embedded: the depth map that a phone saves with portrait photos. Estimate: from the picture. "
        "Automatic: embedded if available, otherwise estimated.",
        shown=("Automatic", "Embedded in the photo", "Estimate"),
    )
    depth_model: str = network_option()
    equivalent_mm: float | None = option(
        None,
        4.0,
        3000.0,
        label="Focal length of the photo",
        help="The 35 mm equivalent focal length of the photo, which determines its angle of view. "
        "Auto: read from the file; otherwise, estimated by the network.",
        slider=(10.0, 200.0),
        unit="mm",
    )
    refine: bool = option(True, label="Refine edges", help="Aligns the depth map with the edges in the picture.")


def network_of(options: Mapping[str, Any]) -> str | None:
    """Return the depth network that an operation's options choose; None if it runs none."""
    return options.get(DEPTH_MODEL)


def with_network(options: Mapping[str, Any], network: str) -> Mapping[str, Any]:
    """Return the options with `network` in the place of another choice of the depth network."""
    return {**options, DEPTH_MODEL: network}


def may_use_cameras(options: Mapping[str, Any]) -> bool:
    """Return whether an operation with these options uses the camera's own depth if there is any."""
    return options.get(DEPTH_SOURCE, "estimate") != "estimate"


def depth_choices(options: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the options that determine the depth of a picture, in a fixed order."""
    return tuple(options.get(one.name) for one in DepthOptions.parameters)


CONFIDENCE = "confidence"
"""Name of the option that adds a layer with the confidence of the depth."""


@dataclass(frozen=True, kw_only=True)
class ConfidenceOptions(Options, group="Depth"):
    """The option for another layer of the depth."""

    confidence: bool = option(
        False,
        label="Confidence layer",
        help="Also adds a hidden layer that shows where the depth is reliable (white) and where it is not (black).",
    )


@dataclass(frozen=True, kw_only=True)
class DepthMapOptions(DepthOptions, ConfidenceOptions):
    """The options of `depth`."""


# (height, width) of a picture just large enough for the maximum number of doublings of its depth map.
_FULL = (1300, 1950)
# Other shapes of common cameras, upright ones included: 3:2, 4:3, 16:9 and 1:1. Networks run at few aspect ratios.
_SHAPES = (1950, 1300), (1300, 1755), (1755, 1300), (1300, 2340), (2340, 1300), (1300, 1300)
COMMON_SHAPES = tuple(WarmUp(size=size, once=True) for size in _SHAPES)
"""Runs that compile what these shapes need."""

OPERATION = Operation(
    name="depth",
    feature="depth",
    title="Depth map",
    help="Estimate the depth of a picture as an editable layer: white is near, black is far.",
    options=DepthMapOptions,
    inputs=(Input.PICTURE,),
    outputs=(Role.DEPTH, Role.CONFIDENCE),
    memory=Memory(fixed_mib=1000, bytes_per_pixel=24),
    warm_up=(WarmUp(size=_FULL), *COMMON_SHAPES),
)
