"""Checks of `doctor` for computation: which device and which runtime are used, and why."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from dioptre import runtime
from dioptre_link.errors import UsageError

from .finding import ERROR, OK, WARNING, Finding

_REINSTALL = "Run: python3 install.py --repair"


def devices() -> Iterator[Finding]:
    """Check JAX's devices with a small sum, and explain why no graphics card is used."""
    if left_out := runtime.foreign_settings():
        yield Finding(
            code="jax-settings",
            level=OK,
            message=f"Dioptre leaves out these environment variables, which configure JAX: {', '.join(left_out)}.",
        )
    runtime.prepare_if_needed()
    import jax

    total: Any = jax.numpy.arange(4.0).sum()
    kinds = ((device.platform, device.device_kind) for device in jax.devices())
    names = ", ".join(platform if platform == kind else f"{platform} {kind}" for platform, kind in kinds)
    if float(total) != 6.0:
        yield Finding(
            code="devices-wrong",
            level=ERROR,
            message=f"JAX computes a simple sum wrongly on {names}.",
            fix=_REINSTALL,
        )
        return
    yield Finding(code="devices", level=OK, message=f"JAX {jax.__version__} on {names}")
    if jax.default_backend() == "cpu":
        yield _why_the_processor(os.environ.get("JAX_PLATFORMS", ""))


def _why_the_processor(platforms: str) -> Finding:
    code = "device-choice"
    if platforms:
        return Finding(
            code=code,
            level=OK,
            message=f"Dioptre uses the processor because JAX_PLATFORMS is set to {platforms}.",
        )
    if sys.platform != "linux":
        return Finding(
            code=code,
            level=OK,
            message="Dioptre uses the processor: JAX supports graphics cards only on Linux.",
        )
    if not runtime.has_card_packages():
        return Finding(
            code=code,
            level=OK,
            message="Dioptre uses the processor: JAX's packages for NVIDIA graphics cards are not installed.",
            fix="To add them: python3 install.py --gpu" if runtime.has_card_driver() else "",
        )
    return Finding(
        code="device-unused",
        level=WARNING,
        message=(
            "Dioptre uses the processor, although JAX's packages for NVIDIA graphics cards "
            "are installed: JAX found no card that it can use."
        ),
        fix="Install NVIDIA's driver, version 525 or later, and restart. To remove the packages: "
        "python3 install.py --no-gpu",
    )


def networks() -> Iterator[Finding]:
    """Report which runtime runs the networks: JAX, or for enlarging OpenVINO if it is installed."""
    from dioptre.models.acceleration import VARIABLE, Choice, choice

    code = "runtime"
    match choice():
        case Choice.OPENVINO:
            version = metadata.version("openvino")
            yield Finding(
                code=code,
                level=OK,
                message=(f"OpenVINO {version} enlarges pictures by 4 because it is installed."),
            )
        case Choice.NOT_INSTALLED:
            yield Finding(
                code=code,
                level=OK,
                message="JAX runs the networks. OpenVINO, which can enlarge faster, is not installed.",
                fix="To add it: python3 install.py --openvino",
            )
        case Choice.SWITCHED_OFF:
            yield Finding(
                code=code, level=OK, message=(f"JAX runs the networks because {VARIABLE} is set to none.")
            )
        case Choice.OTHER_DEVICE:
            yield Finding(code=code, level=OK, message="JAX runs the networks on the graphics card.")
    yield _precision()


def _precision() -> Finding:
    """Report the precision of the depth network's matrix products, and why it was chosen."""
    from dioptre.models.precision import VARIABLE, Precision, Reason, choice

    try:
        chosen = choice()
    except UsageError as error:
        return Finding(code="precision", level=ERROR, message=error.message, fix=error.hint)
    name = chosen.precision.value
    match chosen.reason:
        case Reason.REQUESTED:
            message = f"The depth network uses {name} because {VARIABLE} is set."
        case Reason.OTHER_DEVICE:
            message = "The depth network uses float32 because JAX computes on the graphics card."
        case Reason.NO_INSTRUCTIONS:
            message = "The depth network uses float32: this processor has no instructions for bfloat16."
        case Reason.TRIAL if chosen.precision is Precision.BFLOAT16:
            message = (
                f"The depth network uses bfloat16, which was {chosen.gain:.1f} times as fast as float32 in a trial."
            )
        case Reason.TRIAL:
            message = "The depth network uses float32, because bfloat16 was not clearly faster in a trial."
    return Finding(code="precision", level=OK, message=message)
