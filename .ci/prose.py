"""Check the prose of documentation, comments, docstrings and messages for phrases to avoid and for spelling.

    python .ci/prose.py [FILE…]

Without files it checks every tracked page and Python file. It prints file, line and advice for each finding and
exits with 1 if there are any. The phrases are listed in prose.txt next to this file. codespell checks the spelling.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import json
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PHRASES = Path(__file__).with_name("prose.txt")
MESSAGES = ROOT / "core" / "dioptre_link" / "locale" / "catalogue.json"
# Pages that are not checked: they are generated from the model cards.
GENERATED = ("docs/dev/models.md",)
_SAMPLE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Phrase:
    """A phrase to avoid.

    Attributes:
        pattern: Regular expression that finds the phrase.
        scope: Kinds of prose in which to look for it.
        advice: What to write instead.
    """

    pattern: re.Pattern[str]
    scope: frozenset[str]
    advice: str


def phrases() -> list[Phrase]:
    """Read the phrases from prose.txt. A line has scopes, a pattern and the advice, separated by ` | `."""
    found = []
    for line in PHRASES.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            scope, pattern, advice = (part.strip() for part in line.split(" | ", 2))
            flags = re.NOFLAG if pattern != pattern.lower() else re.IGNORECASE
            found.append(Phrase(re.compile(pattern, flags), frozenset(scope.split()), advice))
    return found


def prose(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the prose of a file as (first line, kind, text), where kind is page, comment, docstring or message."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield 1, "page", _blank(text)
    elif path.suffix == ".json":
        for number, entry in enumerate(json.loads(text), start=2):
            yield number, "message", entry["text"]
    elif path.suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], "comment", _blank(token.string)
        for node in ast.walk(ast.parse(text)):
            match node:
                case (
                    ast.Module(body=[ast.Expr(value=ast.Constant(value=str(words)) as string), *_])
                    | ast.ClassDef(body=[ast.Expr(value=ast.Constant(value=str(words)) as string), *_])
                    | ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str(words)) as string), *_])
                    | ast.AsyncFunctionDef(body=[ast.Expr(value=ast.Constant(value=str(words)) as string), *_])
                ):
                    yield string.lineno, "docstring", _blank(words)


def _blank(text: str) -> str:
    """Return `text` with code samples replaced by spaces, so that lines keep their numbers."""
    return _SAMPLE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def check(path: Path, wanted: list[Phrase]) -> list[str]:
    """Return the findings in a file, as lines of `file:line: phrase: advice`."""
    findings = []
    for first, kind, text in prose(path):
        for phrase in wanted:
            if kind in phrase.scope:
                for match in phrase.pattern.finditer(text):
                    line = first + text.count("\n", 0, match.start())
                    shown = " ".join(match[0].split())
                    findings.append(f"{path.relative_to(ROOT)}:{line}: “{shown}”: {phrase.advice}")
    return findings


def tracked() -> list[Path]:
    """Return the tracked pages and Python files, and the message catalogue."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "*.md", "*.py"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    files = [ROOT / name for name in listed.split("\0") if name and name not in GENERATED]
    return [*(file for file in files if file.is_file()), MESSAGES]


def main(arguments: list[str]) -> int:
    """Check `arguments`, or all tracked files, and return the exit code."""
    paths = [Path(each).resolve() for each in arguments] or tracked()
    wanted = phrases()
    findings = [each for path in paths for each in check(path, wanted)]
    sys.stdout.write("".join(f"{each}\n" for each in findings))
    if importlib.util.find_spec("codespell_lib") is None:
        sys.stdout.write("codespell is not installed, so the spelling was not checked\n")
        return 1
    command = [sys.executable, "-m", "codespell_lib", *map(str, paths)]
    misspelt = subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603
    return 1 if findings or misspelt else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
