"""Adds the networks' weights and the editors' plug-ins to the wheel, so that pip installs all of Dioptre."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg, misc]
    """hatchling's build hook. `install.py` skips it, because it copies weights and plug-ins itself."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or os.environ.get("DIOPTRE_BUILD_CORE_ONLY"):
            return
        for name in ("weights", "plugin"):
            for path in sorted((Path(self.root) / name).rglob("*")):
                if path.is_file() and path.suffix != ".pyc":
                    inside = path.relative_to(self.root).as_posix()
                    build_data["force_include"][str(path)] = f"dioptre/{inside}"
