"""Differences between systems that affect messages: the language, and the command of the installer."""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache

INSTALL = "python3 install.py"  # the installer's command, as it appears in messages
_PLAIN = str.maketrans({"▸": ">", "…": "...", "×": "x", "\u2013": "-", "“": '"', "”": '"', "„": '"'})
# Environment variables that set the language, in the order in which gettext reads them.
_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
_DEFAULTS_TIMEOUT_S = 5


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
def languages() -> tuple[str, ...] | None:
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
