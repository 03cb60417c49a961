"""Messages in the user's language.

The source language is English. A message with values is a `Message`: a template with named placeholders, and their
values. It behaves like its English sentence, keeps its template across the wire, and is translated by gettext where
it is shown to the user. `translations/collect.py` extracts the templates from the source into one catalogue.

A plain sentence is looked up unchanged; a sentence that was formatted by an f-string is matched against the
templates.

The language is taken from the environment, as in every gettext program (LANGUAGE, LC_ALL, LC_MESSAGES, LANG), or
else from the system settings on Windows and macOS. Messages without a translation stay English.
"""

from __future__ import annotations

import errno
import gettext
import json
import os
import re
import string
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

DOMAIN = "dioptre"
FOLDER = Path(__file__).with_name("locale")
CATALOGUE = "catalogue.json"
_GAP = re.compile(r"\{(\w+)\}")
_TEMPLATE = "template"
_NESTED = 8  # maximum depth of messages nested as values: a reason inside a sentence, or a list
INSTALL = "python3 install.py"  # the installer's command, as it appears in messages
_PLAIN = str.maketrans({"▸": ">", "…": "...", "×": "x", "\u2013": "-", "“": '"', "”": '"', "„": '"'})
# Environment variables that set the language, in the order in which gettext reads them.
_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
_DEFAULTS_TIMEOUT_S = 5
_SHARING = (32, 33)  # Windows: another program has the file open, or has locked a part of it


class Message(str):
    """An English sentence that keeps the template and the values it was formatted from.

        Message("The layer “{name}” is locked.", name=layer.name)

    A value is text, a number, or another Message, which is translated too. Format numbers as text if they need a
    special format. Pickling and copying preserve template and values.
    """

    __slots__ = ("template", "values")

    template: str
    values: Mapping[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> Message:
        message = super().__new__(cls, template.format_map(values))
        message.template = template
        message.values = values
        return message

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Message, **self.values), (self.template,)

    def to_wire(self) -> dict[str, Any]:
        """Return the message as JSON types: {"template": …, "values": {…}}."""
        values = {name: _plain(value) for name, value in self.values.items()}
        return {"template": self.template, "values": values}

    @staticmethod
    def from_wire(fields: Mapping[str, Any]) -> Message:
        """Restore a message from `to_wire`; raise ValueError, KeyError, TypeError or AttributeError if invalid."""
        values = {
            name: Message.from_wire(value) if isinstance(value, dict) else value
            for name, value in fields["values"].items()
        }
        if not all(isinstance(value, (str, int, float)) for value in values.values()):
            raise TypeError(fields)
        return Message(_only_gaps(fields["template"]), **values)


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return value.to_wire()
    return value if type(value) in (int, float) else str(value)


def _only_gaps(template: str) -> str:
    """Reject a template with formats, indices or attribute access: the other side may not be trustworthy."""
    for _, name, form, conversion in string.Formatter().parse(template):
        if name is not None and (not name.isidentifier() or form or conversion):
            raise ValueError(template)
    return template


def outgoing(value: Any) -> Any:
    """Convert a value to JSON types. Messages keep their templates; `incoming` restores them."""
    if isinstance(value, Message):
        return {_TEMPLATE: value.to_wire()}
    if isinstance(value, dict):
        return {name: outgoing(item) for name, item in value.items()}
    return [outgoing(item) for item in value] if isinstance(value, (list, tuple)) else value


def incoming(value: Any) -> Any:
    """Restore a value from `outgoing`; raise an exception of `Message.from_wire` if it is invalid."""
    if isinstance(value, dict):
        if value.keys() == {_TEMPLATE}:
            return Message.from_wire(value[_TEMPLATE])
        return {name: incoming(item) for name, item in value.items()}
    return [incoming(item) for item in value] if isinstance(value, list) else value


IN_USE = Message("another program uses it")
DANGLING = Message("the target of a link in its path does not exist")
_REASONS = (
    ("EACCES", Message("Permission denied")),
    ("EPERM", Message("Operation not permitted")),
    ("ENOENT", Message("No such file or directory")),
    ("ENOSPC", Message("No space left on device")),
    ("EDQUOT", Message("Disk quota exceeded")),
    ("EROFS", Message("its disk is read-only")),
    ("EISDIR", Message("it is a folder")),
    ("ENOTDIR", Message("part of its path is not a folder")),
    ("ELOOP", Message("a link in its path leads back to itself")),
    ("EEXIST", Message("File exists")),
    ("ENAMETOOLONG", Message("File name too long")),
    ("EFBIG", Message("File too large")),
    ("EMFILE ENFILE", Message("Too many open files")),
    ("EBUSY ETXTBSY", IN_USE),
    ("EIO", Message("Input/output error")),
    ("ENODEV ENXIO ENOTCONN ESTALE", Message("its drive was disconnected")),
    ("EHOSTDOWN ETIMEDOUT", Message("its network drive does not respond")),
    ("ENOTSUP EOPNOTSUPP ENOSYS", Message("its drive does not support this")),
    ("ECONNREFUSED", Message("Connection refused")),
    ("ENETUNREACH", Message("Network is unreachable")),
    ("EHOSTUNREACH", Message("No route to host")),
)
SYSTEM_REASONS = {name: reason for names, reason in _REASONS for name in names.split()}
"""Common reasons for a failed system call, by the name of its number."""


def system_reason(error: OSError) -> str:
    """Return the reason for an error of the system, as a `Message` if it is a common one."""
    if getattr(error, "winerror", None) in _SHARING:
        return IN_USE
    if isinstance(error, FileNotFoundError) and isinstance(error.filename, str | os.PathLike):
        with suppress(OSError, ValueError):
            path = Path(error.filename)
            if any(each.is_symlink() and not each.exists() for each in (path, *path.parents)):
                return DANGLING
    return SYSTEM_REASONS.get(errno.errorcode.get(error.errno or 0, ""), error.strerror or str(error))


def translated(text: str, *, languages: tuple[str, ...] | None = None) -> str:
    """Return `text` in the user's language; unchanged if there is no translation.

    Args:
        text: an English sentence or a `Message`.
        languages: gettext language codes to use instead of the environment's, such as ("de",).
    """
    found = _translation(languages or preferred_languages())
    return for_this_system(text if found is None or not text else _translated(text, found, _NESTED))


def _translated(text: str, found: gettext.NullTranslations, depth: int) -> str:
    if isinstance(text, Message):
        return _from_template(text, found, depth)
    exact = found.gettext(_escaped(text))
    if exact != _escaped(text):
        return exact.replace("{{", "{").replace("}}", "}")
    for pattern, template in _patterns():
        if (match := pattern.fullmatch(text)) is None:
            continue
        target = found.gettext(template)
        if target == template:
            continue
        values = match.groupdict()
        if depth:
            values = {name: _translated(value, found, depth - 1) if value else "" for name, value in values.items()}
        return target.format_map(values)
    return text


def _from_template(message: Message, found: gettext.NullTranslations, depth: int) -> str:
    values = {
        name: _translated(value, found, depth - 1) if isinstance(value, Message) and depth else value
        for name, value in message.values.items()
    }
    template = found.gettext(message.template)
    try:
        return template.format_map(values)
    except (KeyError, ValueError, IndexError):  # the translation has different placeholders
        return str(message)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


@lru_cache(maxsize=4)
def _translation(languages: tuple[str, ...] | None) -> gettext.NullTranslations | None:
    try:
        return gettext.translation(DOMAIN, FOLDER, languages=languages)
    except (OSError, ValueError, EOFError):  # there is no catalogue for this language, or it is damaged
        return None


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return patterns of the catalogue's templates, the longest first, because short ones may match by accident."""
    try:
        entries = json.loads((FOLDER / CATALOGUE).read_text(encoding="utf-8"))
        texts = [entry["text"] for entry in entries if _GAP.search(entry["text"])]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    texts.sort(key=lambda text: -len(_GAP.sub("", text)))
    return tuple((re.compile(pattern_of(text), re.DOTALL), text) for text in texts)


def pattern_of(template: str) -> str:
    """Return a regular expression that matches the sentences formatted from `template`."""
    parts, seen, at = [], set(), 0
    for gap in _GAP.finditer(template):
        parts.append(_literal(template[at : gap.start()]))
        parts.append(f"(?P={gap[1]})" if gap[1] in seen else f"(?P<{gap[1]}>.*?)")
        seen.add(gap[1])
        at = gap.end()
    return "".join([*parts, _literal(template[at:])])


def _literal(text: str) -> str:
    return re.escape(text.replace("{{", "{").replace("}}", "}"))


def for_this_system(text: str) -> str:
    """Adapt the installer's command to the system: Windows has the launcher `py` instead of python3."""
    return text.replace(INSTALL, "py install.py") if sys.platform == "win32" else text


def writable(text: str, encoding: str) -> str:
    """Replace characters that a terminal's encoding lacks by plain ones or escapes."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text


@lru_cache(maxsize=1)
def preferred_languages() -> tuple[str, ...] | None:
    """Return the user's preferred languages, best first, on systems that store them outside the environment.

    None if gettext should use the environment, which always takes precedence.
    """
    if any(os.environ.get(name) for name in _VARIABLES):
        return None
    if sys.platform == "win32":
        return _of_windows()
    if sys.platform == "darwin":
        return _of_macos()
    return None


def _of_windows() -> tuple[str, ...] | None:
    import ctypes
    import locale

    code = ctypes.windll.kernel32.GetUserDefaultUILanguage()  # type: ignore[attr-defined, unused-ignore]
    name = locale.windows_locale.get(code)
    return (name,) if name else None


def _of_macos() -> tuple[str, ...] | None:
    """Read `AppleLanguages`: programs started from the Finder have no LANG."""
    import subprocess

    try:
        listed = subprocess.run(
            ["/usr/bin/defaults", "read", "-g", "AppleLanguages"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_DEFAULTS_TIMEOUT_S,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_apple_languages(listed) or None


def parse_apple_languages(listed: str) -> tuple[str, ...]:
    """Parse the output of `defaults`, `(\\n    "de-DE",\\n    "en-DE"\\n)`, into gettext's language codes."""
    return tuple(name.replace("-", "_") for name in re.findall(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*", listed))
