"""The command that starts this program, as shown in usage lines and hints.

Messages name commands as `dioptre COMMAND`. Users who started Dioptre through install.py have no `dioptre` on the
PATH; they are shown `python3 install.py COMMAND` instead.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

VARIABLE = "DIOPTRE_PROGRAM"  # environment variable that install.py sets
_NAME = "dioptre"
_COMMAND = re.compile(rf"(?<=['`]){_NAME}(?= [a-z])|(?<=: ){_NAME}(?= [a-z])")


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
