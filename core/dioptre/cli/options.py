"""Click options generated from the descriptions of operations, and the options common to all commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from dioptre_link.errors import UsageError
from dioptre_link.operation import Kind, Operation, Parameter
from dioptre_link.recipe import Recipe, RecipeError, read_json

from .reporting import for_reader

F = TypeVar("F", bound=Callable[..., Any])

_METAVARS = {
    Kind.FLOAT: "NUMBER",
    Kind.INTEGER: "N",
    Kind.POINT: "X,Y",
    Kind.POINTS: "X,Y",
    Kind.BOX: "LEFT,TOP,RIGHT,BOTTOM",
    Kind.STROKES: "FILE",
    Kind.DISTANCES: "X,Y,METRES",
}


class ParameterType(click.ParamType[Any]):
    """The Click type of an operation's parameter, with the same checks and messages as in recipes and editors."""

    name = "value"

    def __init__(self, parameter: Parameter) -> None:
        self._parameter = parameter

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        if self._parameter.kind is Kind.CHOICE:
            return "|".join(self._parameter.choices)
        return self._parameter.unit.upper() or _METAVARS.get(self._parameter.kind, "VALUE")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        if self._parameter.kind is Kind.STROKES:
            try:
                value = read_json(Path(value))
            except RecipeError as error:
                raise UsageError(error.message, hint=error.hint) from error
        return self._parameter.check(value)


class GroupedCommand(click.Command):
    """A command whose help lists its options in the same groups as the operation's description."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                section = getattr(parameter, "section", "") or "Options"
                sections.setdefault(section, []).append((record[0], for_reader(record[1])))
        for title in sorted(sections, key=lambda title: title == "Options"):
            with formatter.section(title):
                formatter.write_dl(sections[title])


class GroupedOption(click.Option):
    """An option that belongs to a section of the help."""

    def __init__(self, *arguments: Any, section: str = "", **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.section = section


def parameter_options(parameters: Iterable[Parameter]) -> Callable[[F], F]:
    """Add an option for each parameter. Options that are not given are passed as None."""

    def add(function: F) -> F:
        for parameter in reversed(tuple(parameters)):
            function = _option(parameter)(function)
        return function

    return add


def given(operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return those arguments of a command that are options of the operation and were given."""
    names = [parameter.name for parameter in operation.parameters]
    return {name: arguments[name] for name in names if arguments.get(name) not in (None, ())}


def settings(pairs: Iterable[str]) -> dict[str, str]:
    """Parse `--set key=value` options; each value is checked later, by the operation that has the option."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(
                "--set {pair} does not have the form key=value.",
                hint="For example: --set f_number=2.",
                pair=repr(pair),
            )
        found[name.strip().replace("-", "_")] = value.strip()
    return found


def content_options(function: F) -> F:
    """Add --depth-in-file and --private, the options of commands whose files may tell more than their picture."""
    for option in (
        click.option("--private", is_flag=True, help="Leave out the photo's metadata, such as place and time."),
        click.option(
            "--depth-in-file",
            is_flag=True,
            help="Save the depth in the picture's JPEG, so that other programs can refocus it.",
        ),
    ):
        function = option(function)
    return function


def with_contents(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """Return the recipe with the switches that `content_options` set."""
    return replace(
        recipe,
        depth_in_file=recipe.depth_in_file or bool(options.get("depth_in_file")),
        private=recipe.private or bool(options.get("private")),
    )


worker_option = click.option(
    "--no-worker",
    "worker",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Compute in this process. Otherwise, the worker does, which is ready at once after the first photo.",
)


def common_options(function: F) -> F:
    """Add --json, --verbose and --force, the options of every command that writes results."""
    for option in (
        click.option("--force", is_flag=True, help="Replace existing files."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line, for programs."),
        click.option("--verbose", is_flag=True, help="Show details here and in the log file."),
    ):
        function = option(function)
    return function


def _option(parameter: Parameter) -> Callable[[F], F]:
    name = parameter.flag
    attributes: dict[str, Any] = {"cls": GroupedOption, "section": parameter.group, "default": None}
    if parameter.kind is Kind.BOOLEAN:
        spelling = f"{name}/--no-{name[2:]}"
    else:
        spelling = name
        attributes["type"] = ParameterType(parameter)
    if parameter.kind in (Kind.POINTS, Kind.DISTANCES):  # the user repeats the option for each point
        attributes |= {"multiple": True, "callback": lambda _context, _option, given: sum(given or (), ())}
    return click.option(spelling, parameter.name, help=help_of(parameter), **attributes)


def help_of(parameter: Parameter) -> str:
    """Return the help of an option, with its range and its default."""
    facts = []
    if (
        parameter.kind in (Kind.FLOAT, Kind.INTEGER)
        and parameter.minimum is not None
        and parameter.maximum is not None
    ):
        unit = f" {parameter.unit}" if parameter.unit else ""
        facts.append(f"{parameter.minimum:g} to {parameter.maximum:g}{unit}")
    if parameter.kind is Kind.STROKES:
        facts.append("JSON; default none")
    elif parameter.kind in (Kind.POINTS, Kind.DISTANCES):
        facts.append("may be given several times; default none")
    elif parameter.default is None:
        facts.append("default auto")
    else:
        default = {True: "yes", False: "no"}[parameter.default] if isinstance(parameter.default, bool) else None
        facts.append(f"default {default or parameter.default}")
    return parameter.help + (f" [{'; '.join(facts)}]" if facts else "")
