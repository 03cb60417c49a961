"""MkDocs hooks that remove scripts loaded from other sites."""

from __future__ import annotations

import re
from typing import Any

_FOREIGN_SCRIPT = re.compile(r'<script src="https?://[^"]*"></script>')


def on_post_page(output: str, **_: Any) -> str:
    """Remove the theme's external script, which only enables search in pages opened from disk."""
    return _FOREIGN_SCRIPT.sub("", output)


def on_post_template(output_content: str, **_: Any) -> str:
    """Remove external scripts from pages that come from templates, such as the 404 page."""
    return _FOREIGN_SCRIPT.sub("", output_content)
