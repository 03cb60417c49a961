"""MODNet: a matting network for soft edges such as hair and fur."""

from __future__ import annotations

from dataclasses import dataclass

from dioptre.models.entry import Entry, ModelKind, Preprocessing


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage of `blocks` inverted residuals with `width` channels; `stride` applies to the first one."""

    width: int
    blocks: int
    stride: int


@dataclass(frozen=True, kw_only=True)
class ModNetConfig:
    """Sizes of MODNet.

    Ke et al., "MODNet: Real-Time Trimap-Free Portrait Matting via Objective Decomposition", 2022.

    Attributes:
        enter: channels of the backbone's first convolution.
        stages: stages of the backbone, a MobileNetV2.
        last: channels of the backbone's output.
        expansion: ratio of the channels inside an inverted residual to those of its input; 1 in the first stage.
        squeezed: channels inside the gate of the backbone's output.
        coarse: channels at 1/16 and 1/8 of the size.
        fine: channels of the detail branch.
        size_multiple: both sides of the input must be multiples of this.
    """

    enter: int = 32
    stages: tuple[Stage, ...] = (
        Stage(width=16, blocks=1, stride=1),
        Stage(width=24, blocks=2, stride=2),
        Stage(width=32, blocks=3, stride=2),
        Stage(width=64, blocks=4, stride=2),
        Stage(width=96, blocks=3, stride=1),
        Stage(width=160, blocks=3, stride=2),
        Stage(width=320, blocks=1, stride=1),
    )
    last: int = 1280
    expansion: int = 6
    squeezed: int = 320
    coarse: tuple[int, int] = (96, 32)
    fine: int = 32
    size_multiple: int = 32


ENTRIES = (
    Entry(
        id="modnet",
        title="Hair and fur (bundled)",
        kind=ModelKind.MATTE,
        module=f"{__name__}.module:ModNet",
        config=ModNetConfig,
        checkpoints={"modnet": ""},
        preprocessing=Preprocessing(
            mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.5, 0.5), short_side_px=512, multiple_px=32
        ),
        default=True,
    ),
)
