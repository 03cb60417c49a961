"""Type-check the GIMP and Krita plug-ins as they are installed, together with the package that they share.

    python .ci/plugin_types.py CACHE

mypy's configuration covers everything else. The plug-ins must be checked separately: Krita's package has the same
name as Dioptre's core, and neither plug-in contains `dioptre_link` before it is installed. They run in the editors'
Python, which may be older. Exits with a non-zero status if there are errors; line numbers are those of the sources.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from dioptre.editors import plugin_folder

ROOT = Path(__file__).resolve().parents[1]
EDITORS_PYTHON = "3.10"  # Oldest Python version in the supported editors.
OPTIONS = ("--strict", "--allow-subclassing-any")  # The editors' classes, from which ours inherit, have no types.


def check(editor: str, cache: Path) -> bool:
    """Type-check one plug-in and return whether it has no errors."""
    with tempfile.TemporaryDirectory(prefix="dioptre-types-") as scratch:
        installed = Path(scratch) / "plug-ins" / plugin_folder.NAME
        plugin_folder.put(ROOT / "plugin" / editor / plugin_folder.NAME, ROOT, installed, {})
        package = installed.parent if editor == "krita" else installed
        own = [file for file in installed.rglob("*.py") if _is_own(file, installed)]
        done = subprocess.run(  # noqa: S603
            [
                *(sys.executable, "-m", "mypy", *OPTIONS, "--python-version", EDITORS_PYTHON),
                *("--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(cache / f"types-{editor}")),
                *sorted(str(file.relative_to(package)) for file in own),
            ],
            cwd=package,
        )
    return done.returncode == 0


def _is_own(file: Path, installed: Path) -> bool:
    return file.relative_to(installed).parts[0] != plugin_folder.LINK


if __name__ == "__main__":
    results = [check(editor, Path(sys.argv[1]).resolve()) for editor in ("gimp", "krita")]
    sys.exit(0 if all(results) else 1)
