"""MkDocs hooks that remove scripts loaded from other sites."""

from __future__ import annotations

import re
from typing import Any

_FOREIGN_SCRIPT = re.compile(r'<script src="https?://[^"]*"></script>')


def on_post_page(output: str, **_: Any) -> str:
    """Remove the theme's external script for searching pages opened from disk; the pages work without it."""
    return _FOREIGN_SCRIPT.sub("", output)


def on_post_template(output_content: str, **_: Any) -> str:
    """Remove external scripts from templates such as the page for missing pages."""
    return _FOREIGN_SCRIPT.sub("", output_content)
