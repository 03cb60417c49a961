"""The checks of `doctor` that look at the computer: its processor, system libraries and folders."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator

from dioptre import runtime
from dioptre.editors.plugin_folder import Finding
from dioptre_link import paths

_AVX = 39  # number for Windows' IsProcessorFeaturePresent
_VISUAL_CPP = ("vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll")
_MOST_CHARACTERS = 259  # longest path that Windows' programs open
_LONGEST_INSIDE = 180  # longest path in an environment, as tests/windows/scenario.py checks
# Folders that a program keeps in step with the internet, and takes from the disk when it is full.
_SYNCHRONISED = ("onedrive", "dropbox", "google drive", "googledrive", "mobile documents", "nextcloud")
_SYNCHRONISED_VARIABLES = ("OneDrive", "OneDriveConsumer", "OneDriveCommercial")


def processor() -> Iterator[Finding]:
    """Check that the processor has the instructions that JAX's packages use, and that no other one is imitated."""
    if sys.platform == "darwin" and _sysctl("sysctl.proc_translated") == "1":
        yield Finding(
            "rosetta",
            "error",
            "This Python is for Intel processors; Rosetta translates it for this Mac's Apple processor.",
            "Install Dioptre with install.command from its release for macOS, which brings the right Python.",
        )
        return
    name = runtime.processor_name()
    if _has_avx():
        yield Finding("processor", "ok", name)
    else:
        yield Finding(
            "processor-old",
            "error",
            f"The processor {name} lacks the instructions AVX, without which JAX does not start.",
            "Use a computer whose processor has AVX2: Intel since 2013, AMD since 2015.",
        )


def _has_avx() -> bool:
    """Return whether the processor has AVX; processors other than x86 do not need it."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    listed = runtime.processor_instructions()
    if listed is not None:
        return "avx" in listed
    if sys.platform == "win32":
        import ctypes

        return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(_AVX))
    return True


def _sysctl(name: str) -> str:
    try:
        done = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603, S607
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def libraries() -> Iterator[Finding]:
    """Check on Windows that Microsoft's C++ libraries, which most packages need, can be loaded."""
    if sys.platform != "win32":
        return
    import ctypes

    missing = []
    for name in _VISUAL_CPP:
        try:
            ctypes.WinDLL(name)
        except OSError:
            missing.append(name)
    if missing:
        yield Finding(
            "visual-cpp-missing",
            "error",
            f"Microsoft's C++ libraries are missing: {', '.join(missing)}.",
            "Install the Visual C++ Redistributable for x64 from Microsoft, then: python3 install.py --repair",
        )


def places() -> Iterator[Finding]:
    """Check that Dioptre's folders are not synchronised with the internet, and on Windows not too deep."""
    roots = [os.environ[name] for name in _SYNCHRONISED_VARIABLES if os.environ.get(name)]
    for kind, folder in (("data", paths.data_dir()), ("cache", paths.cache_dir())):
        named = any(part.lower().startswith(_SYNCHRONISED) for part in folder.parts)
        if named or any(folder.is_relative_to(root) for root in roots):
            yield Finding(
                "synchronised-folder",
                "warning",
                f"The {kind} folder {folder} is synchronised with the internet, which can remove its files.",
                "Set DIOPTRE_HOME to a folder outside OneDrive and the like, then: python3 install.py",
            )
    environment = paths.environment_dir()
    if sys.platform == "win32" and len(str(environment)) + 1 + _LONGEST_INSIDE > _MOST_CHARACTERS:
        yield Finding(
            "path-too-long",
            "warning",
            f"{environment} is so deep that paths in it exceed Windows' {_MOST_CHARACTERS} characters.",
            "Set DIOPTRE_HOME to a short folder such as C:\\Dioptre, then: python3 install.py",
        )
