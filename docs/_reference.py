"""Generate docs/commands.md, docs/api.md and docs/dev/models.md from command help, docstrings and model cards.

Run `python docs/_reference.py` with Dioptre installed. A test compares the pages with the source.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import dioptre
from dioptre.cli.main import group
from dioptre.cli.options import help_of
from dioptre_link.operation import Options, Parameter

FOLDER = Path(__file__).resolve().parent
COMMANDS = """\
# Command reference

The help of every command, generated from the program. [On the command line](command-line.md) shows how to use them.
From a checkout, `dioptre` is `python3 install.py`.
"""
API = """\
# Python reference

The public functions, their options and the objects that they return, generated from the source.
[In Python](python.md) shows how to use them. In the annotations, a `Picture` is a float32 array (height, width,
3 or 4); a `Disparity`, a `Matte` and any other `Plane` are (height, width). A point is (x, y) in pixels; an option
that is `auto` is None.
"""
MODELS = """\
# Models

The cards of the bundled networks, generated from `weights/*/card.json`. [Networks](../networks.md) says what each
one is for, [Training data](training-data.md) what Dioptre's own networks were trained on.
"""
_SECTION = re.compile(r"^(Args|Returns|Raises|Attributes):$")


def commands_page() -> str:
    """Return the page of all commands, as Markdown."""
    parts = [COMMANDS]
    for words, command in _commands(group, ("dioptre",)):
        context = click.Context(
            command, info_name=" ".join(words), terminal_width=100, help_option_names=["-h", "--help"]
        )
        parts.append(f"## {' '.join(words)}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def _commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _commands(command.commands[name], (*words, name))


def api_page() -> str:
    """Return the page of all public functions and classes, as Markdown."""
    names = dioptre.__all__
    functions = sorted(name for name in names if not inspect.isclass(getattr(dioptre, name)))
    classes = sorted(name for name in names if inspect.isclass(getattr(dioptre, name)))
    parts = [API, "## Functions\n", *(_entry(name) for name in functions)]
    return "\n".join([*parts, "## Options and results\n", *(_entry(name) for name in classes)])


def _entry(name: str) -> str:
    thing = getattr(dioptre, name)
    head = f"### {name}\n\n"
    if not inspect.isclass(thing):
        head += f"```text\n{_signature(name, inspect.signature(thing))}\n```\n\n"
    elif issubclass(thing, Options):
        options = "\n".join(f"- {_named(one)}: {help_of(one)}" for one in thing.parameters)
        return f"{head}{inspect.getdoc(thing)}\n\n**Attributes**\n\n{options}\n"
    return head + _markdown(inspect.getdoc(thing) or "") + "\n"


def _named(option: Parameter) -> str:
    """Return the name of an option, with its choices."""
    return f"`{option.name}`" + (f" ({', '.join(map(repr, option.choices))})" if option.choices else "")


def _signature(name: str, signature: inspect.Signature) -> str:
    lines = []
    starred = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            lines.append("*")
            starred = True
        prefix = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        default = "" if parameter.default is parameter.empty else f" = {_default(parameter.default)}"
        annotation = re.sub(r"\bnp\.ndarray, ", "", str(parameter.annotation))
        lines.append(f"{prefix}{parameter.name}: {annotation}{default}")
    return (
        f"dioptre.{name}(\n" + "".join(f"    {line},\n" for line in lines) + f") -> {signature.return_annotation}"
    )


def _default(value: object) -> str:
    return value.__name__ if inspect.isfunction(value) else repr(value)


def _markdown(docstring: str) -> str:
    """Convert a Google-style docstring to Markdown, with lists for its sections."""
    lines: list[str] = []
    section = ""
    for line in docstring.splitlines():
        if match := _SECTION.match(line):
            section = match[1]
            lines += [f"**{section}**", ""]
        elif section and (entry := re.match(r"^    (\w+): (.*)$", line)):
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        elif section and line.startswith("     "):
            lines.append(f"  {line.strip()}")
        else:
            lines.append(line.strip())
    return "\n".join(lines)


def models_page() -> str:
    """Return the page of all model cards, as Markdown."""
    cards = (
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.parent.glob("weights/*/card.json"))
    )
    return "\n".join([MODELS, *(_card(card) for card in cards)])


def _card(card: dict[str, Any]) -> str:
    sources = [f"{each['package'] or ''} {each['upstream']}".strip() for each in card["sources"]]
    rows = {
        "architecture": card["architecture"],
        "source": "<br>".join(dict.fromkeys(sources)),
        "licence": card["licence"],
        "licence doubts": card["licence_doubts"],
        "notice": card["notice"],
        "input and output": card["preprocessing"],
        "agreement with the original": _measured(card["parity"]),
        "measured": _measured(card["metrics"]) or "-",
    }
    lines = [f"| {name} | {value.replace('|', chr(92) + '|')} |" for name, value in rows.items()]
    return f"## {card['id']}\n\n{card['title']}.\n\n| | |\n|---|---|\n" + "\n".join(lines) + "\n"


def _measured(values: dict[str, Any]) -> str:
    return "<br>".join(f"{name}: {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_value(each)}" for name, each in value.items())
    return " / ".join(map(str, value)) if isinstance(value, list) else str(value)


PAGES = {"commands.md": commands_page, "api.md": api_page, "dev/models.md": models_page}


def update() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    update()
