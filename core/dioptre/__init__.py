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
    from dioptre.features.blur import Aperture as Aperture
    from dioptre.features.blur import Blurred as Blurred
    from dioptre.features.blur import Focus as Focus
    from dioptre.features.blur import Highlights as Highlights
    from dioptre.features.blur import Portrait as Portrait
    from dioptre.features.blur import lens_blur as lens_blur
    from dioptre.features.blur import portrait as portrait
    from dioptre.features.depth import Depth as Depth
    from dioptre.features.depth import estimate_depth as estimate_depth
    from dioptre.features.enlarge import EnlargementOptions as EnlargementOptions
    from dioptre.features.enlarge import super_resolution as super_resolution
    from dioptre.features.select import Selected as Selected
    from dioptre.features.select import select_depth as select_depth
    from dioptre.features.select import select_subject as select_subject
    from dioptre.features.subject import Subject as Subject
    from dioptre.features.subject import find_subject as find_subject
    from dioptre.features.white_balance import Balanced as Balanced
    from dioptre.features.white_balance import WhiteBalanceOptions as WhiteBalanceOptions
    from dioptre.features.white_balance import white_balance as white_balance
    from dioptre.photo import load as load
    from dioptre.photo import save as save

_FACES = {
    "dioptre.features.blur": ("Aperture", "Blurred", "Focus", "Highlights", "Portrait", "lens_blur", "portrait"),
    "dioptre.features.depth": ("Depth", "estimate_depth"),
    "dioptre.features.enlarge": ("EnlargementOptions", "super_resolution"),
    "dioptre.features.select": ("Selected", "select_depth", "select_subject"),
    "dioptre.features.subject": ("Subject", "find_subject"),
    "dioptre.features.white_balance": ("Balanced", "WhiteBalanceOptions", "white_balance"),
    "dioptre.photo": ("load", "save"),
}
_HOMES = {name: face for face, names in _FACES.items() for name in names}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'dioptre' has no attribute {name!r}") from None
    if not home.startswith("dioptre.features"):
        return getattr(import_module(home), name)
    with own_settings():
        found = getattr(import_module(home), name)
    if isfunction(found):
        found = own_settings()(found)  # the caller may have configured JAX for other programs
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(_HOMES)
