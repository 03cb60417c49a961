"""Print how many lines of Python each package has, and how many of them are code, so that growth is seen.

Code is what is left without blank lines, comments, docstrings and imports.

python .ci/lines.py
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("core", "plugin", "installer")


def package(path: Path) -> str:
    """Return the package in which a file is counted: two folders below core and plugin, else one."""
    depth = 3 if path.parts[0] in ("core", "plugin") else 1
    return "/".join(path.parts[: min(depth, len(path.parts) - 1)]) or "."


_NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def code_lines(text: str) -> int:
    """Return how many lines of a module hold code."""
    held: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE:
            held.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            held.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(held)


def main() -> None:
    command = ["git", "ls-files", "*.py"]
    tracked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    lines: Counter[str] = Counter()
    code: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for name in tracked.stdout.splitlines():
        text = (ROOT / name).read_text(encoding="utf-8")
        top = Path(name).parts[0]
        for group in {package(Path(name)), *(["product"] if top in PRODUCT else [])}:
            lines[group] += text.count("\n")
            code[group] += code_lines(text)
            files[group] += 1
    for group in sorted(lines):
        sys.stdout.write(f"{code[group]:7} of code {lines[group]:7} lines {files[group]:4} files  {group}\n")


if __name__ == "__main__":
    main()
