"""The output of a command: text and a progress bar for people, or one JSON object per line for programs."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dioptre_link.errors import DioptreError
from dioptre_link.language import Message, translated
from dioptre_link.printable import printable, unguarded

from . import output

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

VARIABLE = "DIOPTRE_PROGRAM"  # environment variable that install.py sets
_NAME = "dioptre"
_COMMAND = re.compile(rf"(?<=['`]){_NAME}(?= [a-z])|(?<=: ){_NAME}(?= [a-z])")
_JSON_STEP = 0.01  # smallest change of the progress, 0 to 1, for which a JSON line is printed


def program() -> str:
    """Return the text to type before the name of a subcommand."""
    if given := os.environ.get(VARIABLE):
        return given
    typed = Path(sys.argv[0])
    if typed.stem == _NAME and shutil.which(_NAME) is None:
        return shlex.quote(sys.argv[0])
    return _NAME


def for_reader(text: str) -> str:
    """Rewrite the commands in a message to those that this user has to type."""
    return _COMMAND.sub(lambda _: program(), text)


def in_flags(text: str) -> str:
    """Return a message that names options as they are typed, instead of by their labels in a dialog."""
    if not isinstance(text, Message):
        return text
    named = {name: in_flags(value) for name, value in text.values.items() if isinstance(value, Message)}
    return text.values.get("typed") or Message(text.template, **{**text.values, **named})


def shown(text: str) -> str:
    """Return a message in this user's language, with the commands and options that this user has to type."""
    return for_reader(translated(in_flags(text)))


class Reporter:
    """The receiver of progress, results and errors, for one input after another.

    If standard output fails, the work in progress finishes before that error is raised.
    """

    def __init__(self) -> None:
        self._name = ""
        self._failure: output.OutputError | None = None

    def begin(self, name: str) -> None:
        """Start the report of an input."""
        self._name = name

    def progress(self, fraction: float, phase: str) -> None:
        """Report the fraction done, 0 to 1, and the current phase; raise OutputError if nobody reads any more."""
        if isinstance(self._failure, output.ReaderLeftError):
            raise self._failure

    def result(
        self, name: str, files: Sequence[Path], *, values: Mapping[str, Any], messages: Sequence[str]
    ) -> None:
        """Report that an input is finished and that these files were written."""

    def error(self, error: DioptreError, *, name: str = "", log: Path | None = None) -> None:
        """Report that an input, or the whole command, failed."""

    def close(self) -> None:
        """End the report."""

    def require_heard(self) -> None:
        """Raise OutputError if something could not be printed. The results were written nevertheless."""
        if self._failure is not None:
            raise self._failure

    @contextmanager
    def _remembering(self, files: Sequence[Path] = ()) -> Iterator[None]:
        """Record an OutputError instead of raising it.

        Args:
            files: files that were written; they are listed on standard error if standard output has failed.
        """
        try:
            yield
        except output.OutputError as error:
            self._failure = self._failure or error
        if self._failure is not None:
            for file in files:
                say(translated(Message("Wrote {file}.", file=str(file))), error=True)


def reporter(*, as_json: bool) -> Reporter:
    """Return the reporter for this process's output."""
    return JsonReporter() if as_json else WordReporter(bar=sys.stderr is not None and sys.stderr.isatty())


class JsonReporter(Reporter):
    """Reporter for programs, with lines on stdout: {"type": "progress" | "result" | "error", ...}."""

    _last: tuple[float, str] = (-1.0, "")

    def begin(self, name: str) -> None:
        super().begin(name)
        self._last = (-1.0, "")

    def progress(self, fraction: float, phase: str) -> None:
        if phase != self._last[1] or abs(fraction - self._last[0]) >= _JSON_STEP:
            self._last = (fraction, phase)
            super().progress(fraction, phase)
            with self._remembering():
                self._write(
                    {"type": "progress", "input": self._name, "fraction": round(fraction, 4), "phase": phase}
                )

    def result(
        self, name: str, files: Sequence[Path], *, values: Mapping[str, Any], messages: Sequence[str]
    ) -> None:
        paths = [str(path) for path in files]
        line = {
            "type": "result",
            "input": name,
            "files": paths,
            "values": dict(values),
            "messages": [in_flags(message) for message in messages],
        }
        with self._remembering(files):
            self._write(line)

    def error(self, error: DioptreError, *, name: str = "", log: Path | None = None) -> None:
        line: dict[str, Any] = {"type": "error", **{key: in_flags(text) for key, text in error.to_dict().items()}}
        if name:
            line["input"] = name
        if log is not None:
            line["log"] = str(log)
        with self._remembering():
            self._write(line)

    @staticmethod
    def _write(line: Mapping[str, Any]) -> None:
        say(json.dumps(line))  # escapes to ASCII, which every encoding can represent


class WordReporter(Reporter):
    """Reporter for people: file names on stdout, one per line; the rest on stderr, with a bar in a terminal."""

    def __init__(self, *, bar: bool) -> None:
        super().__init__()
        self._with_bar = bar
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def begin(self, name: str) -> None:
        self.close()
        super().begin(name)

    def progress(self, fraction: float, phase: str) -> None:
        super().progress(fraction, phase)
        if not self._with_bar:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
            console = Console(file=unguarded(sys.stderr))
            self._bar = Progress(
                *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=1.0)
        assert self._task is not None
        from rich.markup import escape

        label = printable(f"{Path(self._name).name}: {translated(phase)}")
        self._bar.update(self._task, completed=fraction, description=escape(label))

    def result(
        self, name: str, files: Sequence[Path], *, values: Mapping[str, Any], messages: Sequence[str]
    ) -> None:
        self.close()
        for message in messages:
            say(f"{Path(name).name}: {shown(message)}", error=True)
        with self._remembering(files):
            for file in files:
                say(str(file))

    def error(self, error: DioptreError, *, name: str = "", log: Path | None = None) -> None:
        self.close()
        say(f"{translated('Error')}: {shown(error.message)}", error=True)
        if error.hint:
            say(f"{translated('Hint')}: {shown(error.hint)}", error=True)
        if log is not None:
            say(f"{translated('Log')}: {log}", error=True)

    def close(self) -> None:
        if self._bar is not None:
            with suppress(OSError):
                self._bar.stop()
            self._bar = None


def say(text: str, *, error: bool = False, lines: bool = False) -> None:
    """Write a line to standard output or standard error; raise OutputError like `output.write`.

    Args:
        text: the line.
        error: write to standard error.
        lines: whether the text may contain line feeds; otherwise they are escaped, for example in a file name.
    """
    output.write(printable(text, lines=lines), sys.stderr if error else sys.stdout)
