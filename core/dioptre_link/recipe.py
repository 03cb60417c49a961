"""Recipes: everything needed to reproduce a result, as JSON that people can read and edit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import strict_json
from .catalogue import operation
from .errors import DioptreError, UsageError
from .files import read_regular
from .language import Message, system_reason
from .migrations import UnknownVersionError, migrated, without_retired
from .operation import nearest

VERSION = 3  # version of the format; increase it when an older reader could misread a newer recipe
SWITCHES = ("depth_in_file", "private")  # what files contain, yes or no
PRECISIONS = ("float32", "bfloat16")  # of the networks' matrix products
MOST_STEPS = 32  # more than any practical recipe has
_MAX_BYTES = 1 << 22  # size limit of a recipe file; most have a few hundred bytes
_SHA256 = re.compile(r"[0-9a-f]{64}")


def result_base(stem: str, operation: str) -> str:
    """Return the start of the names of a result's files: photo-super-resolution."""
    return f"{stem}-{operation.replace('_', '-')}"


class RecipeError(DioptreError):
    """The recipe is invalid, or this version of Dioptre cannot follow it."""

    code = "recipe"


@dataclass(frozen=True, kw_only=True)
class Step:
    """An operation and its options, which are checked and completed with defaults on construction.

    Attributes:
        operation: the operation's name.
        options: all of its options.
    """

    operation: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", operation(self.operation).check(self.options))

    @property
    def written(self) -> dict[str, Any]:
        """The options to store in a recipe file."""
        return operation(self.operation).written(self.options)


@dataclass(frozen=True, kw_only=True)
class WrittenFile:
    """A file written along with the recipe, recorded so that damage to it can be detected."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """An ordered list of steps, each of which processes the result of the previous one.

    Attributes:
        steps: the operations and their options.
        models: SHA-256 of each network that was used, by id; empty in a recipe written by hand.
        precision: precision of the depth network's matrix products, "float32" or "bfloat16"; empty if it was not
            used. It is recorded, but each installation uses its own.
        input_sha256: SHA-256 of the file that was processed; empty if the recipe is for any picture.
        dioptre_version: version of the program that wrote the recipe.
        depth_range_per_m: inverse depth in 1/m at 0 and 1 of the depth layer, if the camera measured it. It applies
            to that picture only: it is recorded, but not used when the recipe is run.
        invented: fraction of each view or frame that the photo does not show; it is recorded, but not used.
        depth_in_file: put the depth into the picture's file, which must be a JPEG.
        private: leave the photo's metadata out of the results.
        title: name of the recipe; empty in recipes recorded by a run.
        description: what the recipe is for; empty in recipes recorded by a run.
        files: files stored next to the recipe, by name; empty in recipes written by hand or embedded in other
            files.
        notes: sentences for the user about options that no longer exist; they are not written.
    """

    steps: tuple[Step, ...]
    models: Mapping[str, str] = field(default_factory=dict)
    precision: str = ""
    input_sha256: str = ""
    dioptre_version: str = ""
    depth_range_per_m: Sequence[float] | None = None
    invented: Sequence[float] = ()
    depth_in_file: bool = False
    private: bool = False
    title: str = ""
    description: str = ""
    files: Mapping[str, WrittenFile] = field(default_factory=dict)
    notes: tuple[Message, ...] = field(default=(), compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON types."""
        steps = [{"operation": step.operation, "options": _plain(step.written)} for step in self.steps]
        named = {"title": self.title, "description": self.description}
        told = {
            "version": VERSION,
            **{name: words for name, words in named.items() if words},
            "dioptre_version": self.dioptre_version,
            "steps": steps,
            "models": dict(sorted(self.models.items())),
            "input_sha256": self.input_sha256,
        }
        told |= {name: True for name in SWITCHES if getattr(self, name)}
        if self.precision:
            told["precision"] = self.precision
        if self.depth_range_per_m is not None:
            told["depth_range_per_m"] = [float(value) for value in self.depth_range_per_m]
        if self.invented:
            told["invented"] = [float(value) for value in self.invented]
        if self.files:
            told["files"] = {
                name: {"bytes": file.size_bytes, "sha256": file.sha256} for name, file in self.files.items()
            }
        return told

    def to_json(self) -> str:
        """Return the recipe as indented JSON; `from_json` restores an equal recipe from it."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @staticmethod
    def from_json(text: str, *, origin: str = "The recipe") -> Recipe:
        """Parse a recipe, completing omitted options with their defaults.

        Args:
            text: the recipe as JSON.
            origin: how error messages refer to the recipe, such as its file name.

        Raises:
            RecipeError: for the first error, with the most similar known name if a name is unknown.
        """
        return Recipe.from_dict(_parsed(text, origin), origin=origin)

    @staticmethod
    def from_dict(content: Any, *, origin: str = "The recipe") -> Recipe:
        """Build a recipe from parsed JSON, with the same checks as `from_json`; older formats are migrated."""
        if not isinstance(content, dict):
            raise RecipeError(Message("{origin} is not a recipe.", origin=origin), hint=_SHAPE)
        version = content.get("version")
        if isinstance(version, int) and not isinstance(version, bool) and version > VERSION:
            raise RecipeError(
                "{origin} comes from a newer version of Dioptre.", hint="Update Dioptre to use it.", origin=origin
            )
        try:
            content = migrated(content, to=VERSION)
        except UnknownVersionError as error:
            raise RecipeError(
                "{origin} has no supported version.",
                hint='It must have "version": {version}.',
                origin=origin,
                version=VERSION,
            ) from error
        _require_known(content, _FIELDS, origin)
        steps = content.get("steps")
        if not isinstance(steps, list) or not steps:
            raise RecipeError(Message("{origin} has no list of steps.", origin=origin), hint=_SHAPE)
        if len(steps) > MOST_STEPS:
            raise RecipeError("{origin} has more than {max_steps} steps.", origin=origin, max_steps=MOST_STEPS)
        read = [_step(step, f"{origin}, step {number}") for number, step in enumerate(steps, start=1)]
        for step, _ in read[:-1]:
            if operation(step.operation).only_files:
                raise RecipeError(
                    Message(
                        "{origin}: {title} must be the last step.",
                        origin=origin,
                        title=Message(operation(step.operation).title),
                    ),
                    hint="Move it to the end of the steps.",
                )
        return Recipe(
            steps=tuple(step for step, _ in read),
            notes=tuple(dict.fromkeys(note for _, notes in read for note in notes)),
            models=_models(content.get("models", {}), origin),
            precision=_precision(content.get("precision", ""), origin),
            input_sha256=_sha256(content.get("input_sha256", ""), f"{origin}: input_sha256", empty=True),
            dioptre_version=_text(content.get("dioptre_version", ""), f"{origin}: dioptre_version"),
            title=_text(content.get("title", ""), f"{origin}: title"),
            description=_text(content.get("description", ""), f"{origin}: description"),
            depth_range_per_m=_range(content.get("depth_range_per_m"), f"{origin}: depth_range_per_m"),
            invented=_numbers(content.get("invented", []), f"{origin}: invented"),
            files=_files(content.get("files", {}), origin),
            **{name: _switch(content.get(name, False), f"{origin}: {name}") for name in SWITCHES},
        )

    @staticmethod
    def read(file: Path) -> Recipe:
        """Read a recipe from a file; raise RecipeError if it is invalid or cannot be read."""
        return Recipe.from_dict(read_json(file), origin=str(file))

    def with_options(self, options: Mapping[str, Any]) -> Recipe:
        """Return the recipe with some options changed in every step that has them.

        Raises:
            UsageError: no step has one of the options, or a value is invalid.
        """
        known = {parameter.name for step in self.steps for parameter in operation(step.operation).parameters}
        for name in options:
            if name not in known:
                raise UsageError(
                    Message("No step of the recipe has an option {name}.", name=repr(name)),
                    hint=nearest(name, sorted(known)),
                )
        steps = tuple(
            Step(
                operation=step.operation,
                options={name: options.get(name, value) for name, value in step.options.items()},
            )
            for step in self.steps
        )
        return replace(self, steps=steps)


_FIELDS = (
    "$schema",  # text editors use it; Dioptre ignores it
    "version",
    "title",
    "description",
    "dioptre_version",
    "steps",
    "models",
    "precision",
    "input_sha256",
    "depth_range_per_m",
    "invented",
    "files",
    *SWITCHES,
)
_SHAPE = 'A recipe looks like {"version": 3, "steps": [{"operation": "portrait", "options": {"f_number": 2}}]}.'


def read_json(file: Path) -> Any:
    """Return the JSON in a file; raise RecipeError if it is not JSON, too large or cannot be read.

    All recipes and strokes in files are read here: in UTF-8, or in UTF-16, which Windows PowerShell writes.
    """
    hint = "Specify a .json file that Dioptre wrote or one of your own."
    try:
        content = read_regular(file, most=_MAX_BYTES)
        return _parsed(content.decode(json.detect_encoding(content)), str(file))
    except OSError as error:
        reason = system_reason(error)
    except UnicodeDecodeError:
        reason, hint = Message("it is neither UTF-8 nor UTF-16"), Message("Save it as UTF-8 in a text editor.")
    except ValueError as error:  # no file can have this path
        reason = str(error)
    raise RecipeError("{name} cannot be read: {reason}.", hint=hint, name=file, reason=reason)


def _parsed(text: str, origin: str) -> Any:
    try:
        return strict_json.parsed(text)
    except ValueError as error:
        raise RecipeError(Message("{origin} is not JSON.", origin=origin), hint=_place(error)) from error


def _step(content: Any, origin: str) -> tuple[Step, tuple[Message, ...]]:
    """Return a step, and the sentences about its options that no longer exist."""
    if not isinstance(content, dict) or not isinstance(content.get("operation"), str):
        raise RecipeError(Message("{origin} does not name an operation.", origin=origin), hint=_SHAPE)
    _require_known(content, ("operation", "options"), origin)
    options = content.get("options", {})
    if not isinstance(options, dict):
        raise RecipeError(Message("{origin}: the options are not a JSON object.", origin=origin), hint=_SHAPE)
    try:
        options, notes = without_retired(options)
        return Step(operation=content["operation"], options=options), notes
    except UsageError as error:
        raise RecipeError(
            Message("{origin}: {message_text}", origin=origin, message_text=error.message), hint=error.hint
        ) from error


def _precision(content: Any, origin: str) -> str:
    if content not in ("", *PRECISIONS):
        raise RecipeError(
            "{origin}: the precision must be float32 or bfloat16.",
            hint="Remove the entry if you do not know the precision.",
            origin=origin,
        )
    return str(content)


def _models(content: Any, origin: str) -> dict[str, str]:
    if not isinstance(content, dict):
        raise RecipeError(
            "{origin}: the models are not a JSON object.",
            hint="It must map each network's id to its SHA-256.",
            origin=origin,
        )
    return {name: _sha256(value, f"{origin}: model {name!r}") for name, value in content.items()}


def _files(content: Any, origin: str) -> dict[str, WrittenFile]:
    if not isinstance(content, dict):
        raise RecipeError(
            "{origin}: the files are not a JSON object.",
            hint="It must map each file name to bytes and sha256.",
            origin=origin,
        )
    found = {}
    for name, file in content.items():
        size = file.get("bytes") if isinstance(file, dict) else None
        if isinstance(size, float) and size.is_integer():
            size = int(size)
        if type(size) is not int or size < 0:
            raise RecipeError(
                "{origin}: file {name} has no size.",
                hint="Specify the size in bytes as a whole number.",
                origin=origin,
                name=repr(name),
            )
        checksum = _sha256(file.get("sha256"), f"{origin}: file {name!r}")
        found[name] = WrittenFile(size_bytes=size, sha256=checksum)
    return found


def _sha256(value: Any, origin: str, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (_SHA256.fullmatch(value) or (empty and not value)):
        raise RecipeError("{origin} is not a SHA-256.", hint="A SHA-256 has 64 hexadecimal digits.", origin=origin)
    return value


def _text(value: Any, origin: str) -> str:
    if not isinstance(value, str):
        raise RecipeError("{origin} is not text.", origin=origin)
    return value


def _switch(value: Any, origin: str) -> bool:
    if not isinstance(value, bool):
        raise RecipeError("{origin} is neither true nor false.", origin=origin)
    return value


def _range(value: Any, origin: str) -> tuple[float, float] | None:
    if value is None:
        return None
    numbers = _numbers(value, origin)
    if len(numbers) != 2:
        raise RecipeError("{origin} is not a pair of numbers.", origin=origin)
    return numbers[0], numbers[1]


def _numbers(value: Any, origin: str) -> tuple[float, ...]:
    if not isinstance(value, list) or not all(type(number) in (int, float) for number in value):
        raise RecipeError("{origin} is not a list of numbers.", origin=origin)
    return tuple(float(number) for number in value)


def _require_known(content: Mapping[str, Any], known: Sequence[str], origin: str) -> None:
    for name in content:
        if name not in known:
            raise RecipeError(
                Message("{origin} has an unknown entry {name}.", origin=origin, name=repr(name)),
                hint=nearest(name, known),
            )


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    def as_list(value: Any) -> Any:
        return [as_list(item) for item in value] if isinstance(value, tuple) else value

    return {name: as_list(value) for name, value in options.items()}


def _place(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"Check line {error.lineno}, column {error.colno}: {error.msg}."
    return "It must be JSON, written by Dioptre or by hand."
