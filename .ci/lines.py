"""Print how many lines and files of Python each package has, so that growth is seen.

python .ci/lines.py
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("core", "plugin", "installer")


def package(path: Path) -> str:
    """Return the package in which a file is counted: two folders below core and plugin, else one."""
    depth = 3 if path.parts[0] in ("core", "plugin") else 1
    return "/".join(path.parts[: min(depth, len(path.parts) - 1)]) or "."


def main() -> None:
    command = ["git", "ls-files", "*.py"]
    tracked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    lines: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for name in tracked.stdout.splitlines():
        count = (ROOT / name).read_bytes().count(b"\n")
        top = Path(name).parts[0]
        for group in {package(Path(name)), *(["product"] if top in PRODUCT else [])}:
            lines[group] += count
            files[group] += 1
    for group in sorted(lines):
        sys.stdout.write(f"{lines[group]:7} lines {files[group]:4} files  {group}\n")


if __name__ == "__main__":
    main()
