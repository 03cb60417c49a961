"""What users read, in their language.

The source has its messages in English, as plain f-strings. `translations/collect.py` takes them out into one
catalogue, where a value is a named gap: "{shown} is there already." Here a finished sentence is found in it by its
words, and its values are put into the translation. So messages need no marks, cross the wire in English with
their code, and each side shows them in the language of whoever sits there.

The language is that of the environment, as for every gettext program (LANGUAGE, LC_ALL, LC_MESSAGES, LANG). Without
a translation the English stays.
"""

from __future__ import annotations

import gettext
import json
import re
from functools import lru_cache
from pathlib import Path

DOMAIN = "dioptre"
FOLDER = Path(__file__).with_name("locale")
CATALOGUE = "catalogue.json"
_GAP = re.compile(r"\{(\w+)\}")
_NESTED = 2  # a reason inside a sentence is translated too


def translated(text: str, *, languages: tuple[str, ...] | None = None) -> str:
    """`text` in the user's language, or as it is. languages: instead of the environment's, e.g. ("de",)."""
    found = _translation(languages)
    return text if found is None or not text else _translated(text, found, _NESTED)


def _translated(text: str, found: gettext.NullTranslations, depth: int) -> str:
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


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


@lru_cache(maxsize=4)
def _translation(languages: tuple[str, ...] | None) -> gettext.NullTranslations | None:
    try:
        return gettext.translation(DOMAIN, FOLDER, languages=languages)
    except (OSError, ValueError, EOFError):  # none for this language, or a damaged file
        return None


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The catalogue's messages with gaps, those of the most words first: the others may match by chance."""
    try:
        entries = json.loads((FOLDER / CATALOGUE).read_text(encoding="utf-8"))
        texts = [entry["text"] for entry in entries if _GAP.search(entry["text"])]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    texts.sort(key=lambda text: -len(_GAP.sub("", text)))
    return tuple((re.compile(pattern_of(text), re.DOTALL), text) for text in texts)


def pattern_of(template: str) -> str:
    """A regular expression for the sentences that `template` becomes."""
    parts, seen, at = [], set(), 0
    for gap in _GAP.finditer(template):
        parts.append(_literal(template[at : gap.start()]))
        parts.append(f"(?P={gap[1]})" if gap[1] in seen else f"(?P<{gap[1]}>.*?)")
        seen.add(gap[1])
        at = gap.end()
    return "".join([*parts, _literal(template[at:])])


def _literal(text: str) -> str:
    return re.escape(text.replace("{{", "{").replace("}}", "}"))
