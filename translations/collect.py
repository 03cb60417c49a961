"""Collect the messages that users see from the source, and update the translations.

Run `python -m translations.collect` in the repository, with Babel installed. A message's id is its text with named
placeholders, such as "{name} already exists."; at run time `dioptre_link.language` looks it up.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from dioptre_link.catalogue import OPERATIONS
from dioptre_link.presets import presets

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
LOCALE = ROOT / "core" / "dioptre_link" / "locale"
_PRESETS = "core/dioptre_link/recipes"
SOURCES = ("core/dioptre", "core/dioptre_link", "plugin")
_BASES = {"DioptreError", "UsageError", "Finding"}
# Keyword arguments whose strings users read.
_TEXTS = ("message", "hint", "fix", "label", "help", "title", "group", "tip")
_ERROR_TEXTS = ("message", "hint", "fix")  # Those of an error; its other keywords fill the template.
_VARIABLES = {"message", "hint", "fix", "messages", "_WORDS", "VIEWS"}  # Variables that hold user-visible strings.
_DESCRIPTIONS = {"Parameter", "fraction", "option", "Operation", "View"}
# Functions called with (fraction, phase), whose phase users read.
_PHASES = {"progress", "told", "share", "report", "emit", "Step", "in_thread"}


@dataclass(frozen=True)
class Message:
    """A string that users see.

    Attributes:
        text: The text.
        code: Code of its error or finding, or "".
        where: Its source file.
    """

    text: str
    code: str
    where: str


@cache
def collect() -> tuple[Message, ...]:
    """Return all messages in the order of their source files, each text once."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in _files()}
    errors = _errors(trees.values())
    found: dict[str, Message] = {}
    for path, tree in trees.items():
        for text, code in _in(tree, errors):
            if re.search(r"[^\W\d_]{2}", re.sub(r"\{\w+\}", "", text)):  # Keep only strings that contain words.
                where = path.relative_to(ROOT).as_posix()
                found.setdefault(text, Message(text=text, code=code, where=where))
    for name, text in _choices():
        found.setdefault(text, Message(text=text, code="", where=f"core/dioptre_link/catalogue/{name}.py"))
    for recipe in presets().values():
        for text in (recipe.title, recipe.description):
            found.setdefault(text, Message(text=text, code="", where=_PRESETS))
    return tuple(found.values())


def _choices() -> Iterator[tuple[str, str]]:
    """Yield operation and label of every choice, in the words of either editor."""
    for described in OPERATIONS.values():
        for parameter in described.parameters:
            for choice in parameter.choices:
                yield from (
                    (described.name, parameter.shown_choice(choice, krita=krita)) for krita in (False, True)
                )


def _files() -> list[Path]:
    return sorted(path for source in SOURCES for path in (ROOT / source).rglob("*.py"))


def _errors(trees: Iterable[ast.Module]) -> dict[str, str]:
    """Return the classes of errors that users see, with their codes."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    known = dict.fromkeys(_BASES, "")
    known["Failed"] = ""
    for _ in range(4):  # As many passes as there are levels of inheritance.
        for node in classes:
            if any(_name(base) in known for base in node.bases):
                known.setdefault(node.name, "")
                for line in node.body:
                    if isinstance(line, ast.Assign) and _name(line.targets[0]) == "code":
                        known[node.name] = str(getattr(line.value, "value", ""))
    return known


def _in(tree: ast.Module, errors: dict[str, str]) -> Iterator[tuple[str, str]]:
    constants: dict[str, ast.expr] = {
        _name(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets
    }
    for node in ast.walk(tree):  # A call may stand for a string, such as a hint that a function returns.
        if isinstance(node, ast.FunctionDef):
            told = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
            constants.setdefault(node.name, ast.Tuple(elts=told))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node, errors, constants)
        elif isinstance(node, ast.Assign | ast.AugAssign) and _name(_target(node)) in _VARIABLES:
            yield from ((text, "") for text in _texts(node.value, constants))
        elif isinstance(node, ast.ClassDef):  # A class of options names their group.
            groups = (keyword.value for keyword in node.keywords if keyword.arg == "group")
            yield from ((text, "") for group in groups for text in _texts(group, constants))


def _of_call(node: ast.Call, errors: dict[str, str], constants: dict[str, ast.expr]) -> Iterator[tuple[str, str]]:
    name = _name(node.func)
    keywords = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    if name in errors:
        code = getattr(keywords.get("code"), "value", None) or errors[name]
        wanted = [keywords[key] for key in _ERROR_TEXTS if key in keywords]
        if name == "Finding":  # The editors' own findings are tuples: code, level, message, fix.
            wanted += node.args[2:4]
            code = getattr(node.args[0], "value", code) if node.args else code
        else:
            wanted += node.args[:1]
        values = keywords.keys() - {*_ERROR_TEXTS, "code", "level"}
        for value in wanted:
            yield from ((text, str(code)) for text in _texts(value, constants, values))
    elif name == "__init__" and "hint" in keywords:  # An error's constructor passes its texts to its base class.
        for value in [*node.args[:1], keywords["hint"]]:
            yield from ((text, "") for text in _texts(value, constants, keywords.keys() - {"hint", "code"}))
    elif name == "Message" and node.args:
        yield from ((text, "") for text in _texts(node.args[0], constants, keywords.keys()))
    elif name in _DESCRIPTIONS and _owner(node.func) != "click":
        for key in _TEXTS:
            if key in keywords:
                yield from ((text, "") for text in _texts(keywords[key], constants))
    elif name == "_shape":  # The arguments are name, label, tip.
        for value in node.args[1:3]:
            yield from ((text, "") for text in _texts(value, constants))
    elif name in ("say", "translated", "put") and node.args:  # `put` takes the title of a run in Krita.
        yield from ((text, "") for text in _texts(node.args[0], constants))
    elif name == "Step" and "phase" in keywords:
        yield from ((text, "") for text in _texts(keywords["phase"], constants))
    elif name in _PHASES and len(node.args) >= 2:
        yield from ((text, "") for text in _texts(node.args[1], constants))
    elif name in ("append", "on_message") and _owner(node.func).endswith("messages") and node.args:
        yield from ((text, "") for text in _texts(node.args[0], constants))


def _texts(node: ast.expr, constants: dict[str, ast.expr], values: Collection[str] = frozenset()) -> Iterator[str]:
    """Yield the strings that an expression may evaluate to, with placeholders instead of values.

    Args:
        node: The expression.
        constants: The expressions that known names stand for.
        values: Names given to a template; without any, braces are literal.
    """
    match node:
        case ast.Constant(value=str(text)):
            yield text if values else text.replace("{", "{{").replace("}", "}}")
        case ast.JoinedStr():
            yield _template(node)
        case ast.IfExp():
            yield from _texts(node.body, constants, values)
            yield from _texts(node.orelse, constants, values)
        case ast.BoolOp():
            for value in node.values:
                yield from _texts(value, constants, values)
        case ast.Tuple() | ast.List():
            for value in node.elts:
                yield from _texts(value, constants)
        case ast.Dict():
            for value in node.values:
                yield from _texts(value, constants)
        case ast.Call() if _name(node.func) == "Message":
            return  # `_in` visits this call separately.
        case ast.Name() | ast.Call() | ast.Subscript():
            name = _name(node.func if isinstance(node, ast.Call) else getattr(node, "value", node))
            if name in constants:
                yield from _texts(constants[name], {})


def _template(node: ast.JoinedStr) -> str:
    parts: list[str] = []
    names: dict[str, str] = {}
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts.append(str(value.value).replace("{", "{{").replace("}", "}}"))
        elif isinstance(value, ast.FormattedValue):
            expression = ast.unparse(value.value)
            if expression not in names:
                names[expression] = _gap(value.value, taken=set(names.values()))
            parts.append("{" + names[expression] + "}")
    return "".join(parts)


def _gap(node: ast.expr, *, taken: set[str]) -> str:
    """Return a name for a value that tells translators what it is."""
    words = [each.attr if isinstance(each, ast.Attribute) else each.id for each in ast.walk(node)
             if isinstance(each, ast.Attribute | ast.Name)]  # fmt: skip
    name = re.sub(r"\W", "", words[0].strip("_")) if words else "value"
    number = 1
    while (unique := name if number == 1 else f"{name}{number}") in taken:
        number += 1
    return unique


def _target(node: ast.Assign | ast.AugAssign) -> ast.expr:
    return node.targets[0] if isinstance(node, ast.Assign) else node.target


def _name(node: ast.expr) -> str:
    return getattr(node, "attr", "") or getattr(node, "id", "")


def _owner(node: ast.expr) -> str:
    return _name(node.value) if isinstance(node, ast.Attribute) else _name(node)


def catalogue() -> str:
    """Return the catalogue as shipped: the text and code of every message."""
    entries = [{"text": each.text, **({"code": each.code} if each.code else {})} for each in collect()]
    return "[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]\n"


def compiled(language: Path) -> bytes:
    """Return the .mo file of a .po file."""
    from babel.messages import mofile, pofile

    with language.open("rb") as file:
        messages = pofile.read_po(file)
    buffer = BytesIO()
    mofile.write_mo(buffer, messages)
    return buffer.getvalue()


def update() -> None:
    """Update the catalogue, and every language's .po and .mo file."""
    from babel.messages import pofile
    from babel.messages.catalog import Catalog

    template = Catalog(project="Dioptre")
    for each in collect():
        template.add(
            each.text, locations=[(each.where, None)], auto_comments=[f"code: {each.code}"] * bool(each.code)
        )
    (LOCALE / "catalogue.json").write_text(catalogue(), encoding="utf-8")
    for path in sorted(FOLDER.glob("*.po")):
        with path.open("rb") as file:
            messages = pofile.read_po(file)
        created = messages.creation_date  # A new date in every run would cause merge conflicts.
        messages.update(template, no_fuzzy_matching=True)
        messages.creation_date = created
        with path.open("wb") as file:
            pofile.write_po(file, messages, width=110, sort_output=True, omit_header=False, ignore_obsolete=True)
        target = LOCALE / path.stem / "LC_MESSAGES" / "dioptre.mo"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(compiled(path))
        missing = sum(not message.string for message in messages if message.id)
        sys.stdout.write(f"{path.name}: {missing} of {len(messages)} messages without a translation\n")


if __name__ == "__main__":
    update()
