#!/usr/bin/env python3
"""List the locked packages as sources for flatpak-builder, in `packages.json` beside this file.

    python3 install.py python packaging/flatpak/packages.py [PYTHON]

PYTHON is the version of Python in the manifest's runtime, 3.13 by default. pip resolves the lock files for it and
verifies each file's SHA-256; flatpak-builder verifies it again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_LOCKS = _HERE.parents[1] / "locks"
_OLDEST_GLIBC, _NEWEST_GLIBC = 5, 39  # of the packages' tags and in the runtime: 2.5 to 2.39
_OLDER_TAGS = ("manylinux1", "manylinux2010", "manylinux2014")


def main() -> None:
    python = sys.argv[1] if len(sys.argv) > 1 else "3.13"
    sources = {source["url"]: source for name in ("build", "runtime") for source in resolved(name, python)}
    text = json.dumps([*sources.values()], indent=4)
    (_HERE / "packages.json").write_text(text + "\n", encoding="utf-8")


def resolved(name: str, python: str) -> list[dict[str, str]]:
    """Return the files that a lock file names for a version of Python on 64-bit Linux, as sources of a manifest."""
    tags = [*_OLDER_TAGS, *(f"manylinux_2_{minor}" for minor in range(_OLDEST_GLIBC, _NEWEST_GLIBC + 1))]
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--dry-run", "--ignore-installed", "--target", scratch, "--report", str(report)]
        command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-binary=pyvips"]
        command += ["--no-build-isolation", "--implementation", "cp", "--python-version", python]
        command += [f"--platform={tag}_x86_64" for tag in tags]
        subprocess.run([*command, "-r", str(_LOCKS / f"{name}.txt")], check=True)  # noqa: S603
        installs = json.loads(report.read_text(encoding="utf-8"))["install"]
    return [_source(each["download_info"]) for each in installs]


def _source(download: dict[str, Any]) -> dict[str, str]:
    sha256 = download["archive_info"]["hashes"]["sha256"]
    return {"type": "file", "url": str(download["url"]), "sha256": sha256, "dest": "packages"}


if __name__ == "__main__":
    main()
