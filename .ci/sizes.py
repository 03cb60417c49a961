"""Check that no Python file has more than 400 lines and no function more than 60, its docstring apart.

    python .ci/sizes.py [FILE…]

Without files it checks every tracked Python file. It prints each finding and exits with 1 if there are any.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES = 400
FUNCTION_LINES = 60


def findings(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and a sentence for each file or function in `source` that is too long."""
    count = len(source.splitlines())
    if count > FILE_LINES:
        yield 1, f"The file has {count} lines; split it by idea into files of at most {FILE_LINES}."
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = _lines(node) - _docstring_lines(node)
            if length > FUNCTION_LINES:
                yield (
                    node.lineno,
                    f"{node.name} has {length} lines; at most {FUNCTION_LINES} without its docstring.",
                )


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return 0 if ast.get_docstring(function) is None else _lines(function.body[0])


def main() -> int:
    command = ["git", "ls-files", "*.py"]
    tracked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    files = [Path(name) for name in sys.argv[1:]] or [ROOT / name for name in tracked.stdout.splitlines()]
    failed = False
    for path in files:
        for line, sentence in findings(path.read_text(encoding="utf-8")):
            sys.stdout.write(f"{path}:{line}: {sentence}\n")
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
