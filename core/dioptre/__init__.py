"""Dioptre: depth, lens blur, white balance and super-resolution for photographs.

Pictures are float32 arrays of shape (H, W, 3) or (H, W, 4), sRGB-encoded in [0, 1], with straight alpha. The
functions are pure. They and their modules are loaded on first use, so `import dioptre` is cheap.
"""

from __future__ import annotations

from importlib import import_module
from inspect import isfunction
from typing import TYPE_CHECKING, Any

from .runtime import own_settings

if TYPE_CHECKING:
    from dioptre.files import load as load
    from dioptre.files import save as save
    from dioptre.pipelines.depth import Depth as Depth
    from dioptre.pipelines.depth import estimate_depth as estimate_depth
    from dioptre.pipelines.lens_blur import Blurred as Blurred
    from dioptre.pipelines.lens_blur import lens_blur as lens_blur
    from dioptre.pipelines.normals import Normals as Normals
    from dioptre.pipelines.normals import estimate_normals as estimate_normals
    from dioptre.pipelines.portrait import Portrait as Portrait
    from dioptre.pipelines.portrait import portrait as portrait
    from dioptre.pipelines.select_depth import select_depth as select_depth
    from dioptre.pipelines.select_subject import select_subject as select_subject
    from dioptre.pipelines.selected import Selected as Selected
    from dioptre.pipelines.subject import Subject as Subject
    from dioptre.pipelines.subject import find_subject as find_subject
    from dioptre.pipelines.super_resolution import super_resolution as super_resolution
    from dioptre.pipelines.white_balance import Balanced as Balanced
    from dioptre.pipelines.white_balance import white_balance as white_balance

_HOMES = {
    "Balanced": "dioptre.pipelines.white_balance",
    "Blurred": "dioptre.pipelines.lens_blur",
    "Depth": "dioptre.pipelines.depth",
    "Normals": "dioptre.pipelines.normals",
    "Portrait": "dioptre.pipelines.portrait",
    "Selected": "dioptre.pipelines.selected",
    "Subject": "dioptre.pipelines.subject",
    "estimate_depth": "dioptre.pipelines.depth",
    "estimate_normals": "dioptre.pipelines.normals",
    "find_subject": "dioptre.pipelines.subject",
    "lens_blur": "dioptre.pipelines.lens_blur",
    "load": "dioptre.files",
    "portrait": "dioptre.pipelines.portrait",
    "save": "dioptre.files",
    "select_depth": "dioptre.pipelines.select_depth",
    "select_subject": "dioptre.pipelines.select_subject",
    "super_resolution": "dioptre.pipelines.super_resolution",
    "white_balance": "dioptre.pipelines.white_balance",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'dioptre' has no attribute {name!r}") from None
    if not home.startswith("dioptre.pipelines"):
        return getattr(import_module(home), name)
    with own_settings():
        found = getattr(import_module(home), name)
    if isfunction(found):
        found = own_settings()(found)  # the caller may have configured JAX for other programs
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(_HOMES)
