"""The scripts that run inside the editors do not help the plug-ins: they make no call that a user cannot make.

A result that appears only after such a call never appears to a user, and a check that makes the call cannot fail.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FORBIDDEN = {
    "krita": {
        "refreshProjection": "composites the canvas; trigger what a user would, and poll",
        "waitForDone": "waits for Krita's own work; rig.settle polls for its end",
        "setVisible": "changes no canvas; rig.toggle_visibility does what the eye in the layer docker does",
        "processEvents": "turns the event loop inside of a check; yield instead",
    },
    "gimp": {"displays_flush": "draws the windows anew; the plug-in must have done it"},
}
SCRIPTS = sorted((editor, script) for editor in FORBIDDEN for script in (HERE / editor / "inside").rglob("*.py"))


def forbidden_calls(source: str, names: set[str]) -> list[tuple[int, str]]:
    """Return (line, name) of every use of one of `names` as a function, a method, or a string in getattr."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            mentioned = node.attr
        elif isinstance(node, ast.Name):
            mentioned = node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            mentioned = node.value  # getattr(document, "waitForDone")
        else:
            continue
        if mentioned in names:
            found.append((node.lineno, mentioned))
    return found


@pytest.mark.parametrize(("editor", "script"), SCRIPTS, ids=lambda one: one if isinstance(one, str) else one.name)
def test_no_script_helps_the_product(editor: str, script: Path) -> None:
    rules = FORBIDDEN[editor]
    found = forbidden_calls(script.read_text(encoding="utf-8"), set(rules))
    assert not found, "\n".join(f"{script.name}:{line}: {name} {rules[name]}" for line, name in found)


def test_scripts_of_both_editors_are_read() -> None:
    assert {editor for editor, _ in SCRIPTS} == set(FORBIDDEN)


@pytest.mark.parametrize("call", ["document.waitForDone()", "wait = d.waitForDone", 'getattr(d, "waitForDone")()'])
def test_every_spelling_is_found(call: str) -> None:
    assert forbidden_calls(f"x = 1\n{call}\n", {"waitForDone"}) == [(2, "waitForDone")]
