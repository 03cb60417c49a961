"""The contact sheet of a batch: a page that compares pictures before and after, and lists failures.

The page works offline: it uses no external scripts, styles or fonts, and its security policy forbids them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import quote

from dioptre.photo import problems, replacing
from dioptre.photo.publish import check_free
from dioptre_link import strict_json
from dioptre_link.files import read_regular

PAGE = "contact-sheet.html"
_OURS = '<meta name="generator" content="Dioptre">'
_ROWS = '<script type="application/json" id="rows">'  # holds what the next page needs of this one
_LINKS = ("original", "result", "before", "after")
_MAX_PAGE = 1 << 27  # size limit for reading a page, in bytes; 100,000 pictures need half of it


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A picture on the page. The small versions are None if they are missing."""

    name: str
    original: Path | None  # None if it is on another drive of Windows than the page
    result: Path
    before: Path | None
    after: Path | None
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A picture without a result, with the reason."""

    name: str
    reason: str
    hint: str


def write_page(
    folder: Path, *, title: str, steps: Sequence[str], shown: Sequence[Shown], missing: Sequence[Missing]
) -> Path:
    """Write the page into `folder`, replacing an older contact sheet; return its path.

    Raises:
        FileExists: a file with this name is not a contact sheet.
        UnwritableFile: the page cannot be written.
    """
    path = folder / PAGE
    check_free(path, force=True)
    if os.path.lexists(path) and not _is_ours(path):
        raise problems.FileExists(
            "{file} is not a contact sheet from Dioptre. It was not changed.",
            hint="Rename it, or choose another folder for the results.",
            file=problems.shown(path),
        )
    text = _page(folder, title=title, steps=steps, shown=shown, missing=missing)
    with replacing(path, force=True) as stream:
        stream.write(text.encode("utf-8", "replace"))
    return path


def shown_before(folder: Path) -> list[Shown]:
    """Return the pictures on an earlier contact sheet in `folder` whose results still exist."""
    with suppress(OSError, ValueError, TypeError, KeyError):  # missing, or made up
        text = read_regular(folder / PAGE, most=_MAX_PAGE).decode("utf-8")
        rows = strict_json.parsed(text.partition(_ROWS)[2].partition("</script>")[0])
        shown = [each for row in rows if (each := _shown(folder, row)) is not None]
        return [each for each in shown if os.path.isfile(each.result)]  # noqa: PTH113  (pathlib may raise an error)
    return []


def _shown(folder: Path, row: Mapping[str, Any]) -> Shown | None:
    """Return a row of an earlier page; None if a link leaves the folder, except up to an original."""
    for name in _LINKS:
        path = PureWindowsPath(row[name] or "")  # knows the roots, drives and shares of every system
        steps = path.parts[path.parts.count("..") if name == "original" else 0 :]
        if path.anchor or ".." in steps:
            return None
    places: dict[str, Any] = {name: None if row[name] is None else folder / row[name] for name in _LINKS}
    return Shown(name=str(row["name"]), messages=tuple(map(str, row["messages"])), **places)


def _row(folder: Path, each: Shown) -> dict[str, Any]:
    """Return JSON types from which `_shown` makes the picture again."""
    return {"name": each.name, "messages": each.messages, **_relative(folder, each)}


def _relative(folder: Path, each: Shown) -> dict[str, str | None]:
    """Return the links of a picture, relative to the page."""
    relative: dict[str, str | None] = dict.fromkeys(_LINKS)
    for name in _LINKS:
        path = getattr(each, name)
        with suppress(ValueError):  # it is on another drive of Windows
            relative[name] = None if path is None else os.path.relpath(path, folder)
    return relative


def _is_ours(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return _OURS.encode() in file.read(1000)
    except OSError as error:
        raise problems.reading(error, path) from error


def _page(
    folder: Path, *, title: str, steps: Sequence[str], shown: Sequence[Shown], missing: Sequence[Missing]
) -> str:
    pictures = "\n".join(_figure(each, _relative(folder, each)) for each in shown)
    failures = ""
    if missing:
        listed = "\n".join(
            f"<dt>{escape(each.name)}</dt><dd>{escape(each.reason)}<br><small>{escape(each.hint)}</small></dd>"
            for each in missing
        )
        failures = f'<h2 id="failed">Without a result: {len(missing)}</h2>\n<dl>\n{listed}\n</dl>\n'
    done = ", then ".join(escape(step) for step in steps)
    count = "1 picture" if len(shown) == 1 else f"{len(shown)} pictures"
    rows = json.dumps([_row(folder, each) for each in shown]).replace("<", r"\u003c")
    return _TEMPLATE.format(
        generator=_OURS,
        title=escape(title),
        steps=done,
        count=count,
        failures=failures,
        pictures=pictures,
        rows=f"{_ROWS}{rows}</script>",
    )


def _address(relative: str) -> str:
    """Encode a path for a link in the page, byte by byte, since it need not be valid text."""
    return escape(quote(os.fsencode(relative.replace(os.sep, "/"))), quote=True)


def _figure(each: Shown, relative: Mapping[str, str | None]) -> str:
    name = escape(each.name, quote=True)
    links = {kind: _address(path) for kind, path in relative.items() if path is not None}
    named = ", ".join(f'<a href="{links[kind]}">{kind}</a>' for kind in ("original", "result") if kind in links)
    caption = f"<figcaption>{name}: {named}"
    caption += "".join(f"<br><small>{escape(message)}</small>" for message in each.messages) + "</figcaption>"
    if not links.keys() >= {"before", "after"}:
        return f"<figure>{caption}</figure>"
    return (
        f'<figure><div class="pair"><img loading="lazy" src="{links["after"]}" alt="{name}, after">'
        f'<img class="before" loading="lazy" src="{links["before"]}" alt="{name}, before">'
        '<span aria-hidden="true">before</span><span aria-hidden="true">after</span>'
        f'<input type="range" min="0" max="100" value="50" step="0.1" aria-label="{name}: before and after"></div>'
        f"{caption}</figure>"
    )


_TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{generator}
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 2rem; background: #262626; color: #cecece; font: 16px/1.4 sans-serif; }}
a {{ color: inherit; }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); gap: 1.5rem; }}
figure {{ margin: 0; }}
.pair {{ position: relative; --at: 50%; width: fit-content; overflow: hidden; }}
.pair img {{ display: block; max-width: 100%; max-height: 85vh; }}
.pair .before {{ position: absolute; inset: 0; width: 100%; height: 100%; }}
.pair .before {{ clip-path: inset(0 calc(100% - var(--at)) 0 0); }}
.pair::after {{ content: ""; position: absolute; inset: 0 auto 0 calc(var(--at) - 1px); width: 2px; }}
.pair::after {{ background: #fff; }}
.pair span {{ position: absolute; bottom: .5rem; right: calc(100% - var(--at) + .5rem); padding: 0 .4rem; }}
.pair span {{ background: #000a; color: #fff; font-size: .8rem; border-radius: .2rem; }}
.pair span + span {{ right: auto; left: calc(var(--at) + .5rem); }}
.pair input {{ position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; z-index: 1; }}
.pair input {{ cursor: ew-resize; touch-action: pan-y; appearance: none; }}
.pair input::-webkit-slider-thumb {{ appearance: none; width: 1px; height: 100%; }}
.pair input::-moz-range-thumb {{ width: 1px; height: 100%; border: 0; }}
.pair:has(:focus-visible) {{ outline: 2px solid #fff; }}
figcaption, dd {{ padding: .3rem 0; overflow-wrap: anywhere; }}
dt {{ font-weight: bold; }}
dd {{ margin: 0 0 .7rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{count}: {steps}. Drag across a picture to compare.</p>
{failures}<main>
{pictures}
</main>
{rows}
<script>
for (const slider of document.querySelectorAll(".pair input"))
  slider.addEventListener("input", () => slider.parentNode.style.setProperty("--at", slider.value + "%"));
</script>
</body>
</html>
"""
