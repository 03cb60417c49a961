"""Messages in the user's language are looked up by their text, wherever they were created."""

from __future__ import annotations

import ast
import copy
import gettext
import json
import pickle
import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages import pofile

from dioptre import photo
from dioptre_link import language, wire
from dioptre_link.catalogue import OPERATIONS
from dioptre_link.errors import DioptreError
from dioptre_link.language import Message, translated
from dioptre_link.recipe import Recipe
from translations.collect import FOLDER, LOCALE, catalogue, collect, compiled

GERMAN = ("de",)
STALE = "run: python -m translations.collect"
GAP = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")


def said(error: DioptreError) -> tuple[str, str]:
    return translated(error.message, languages=GERMAN), translated(error.hint, languages=GERMAN)


def test_errors_as_they_are_raised(tmp_path: Path) -> None:
    with pytest.raises(DioptreError) as missing:
        photo.load(tmp_path / "{fehlt}.jpg")
    assert said(missing.value) == (
        f"Die Datei {tmp_path / '{fehlt}.jpg'} gibt es nicht.",
        "Prüfen Sie Schreibweise und Ordner.",
    )
    with pytest.raises(DioptreError) as wrong:
        OPERATIONS["portrait"].check({"f_number": "viel"})
    assert said(wrong.value) == (
        "Unschärfe (Blendenzahl): Erwartet wird eine Zahl, nicht 'viel'.",
        "Verwenden Sie eine Zahl von 0.7 bis 32.",
    )
    with pytest.raises(DioptreError) as unknown:
        Recipe.from_json('{"version": 1, "stepz": []}', origin="mein.json")
    assert said(unknown.value) == ("mein.json hat einen unbekannten Eintrag 'stepz'.", "Meinten Sie 'steps'?")


def test_what_is_not_known_stays() -> None:
    for text in ("", "Kein Englisch.", "{0} {x!r}", "photo.jpg", "C:\\new {folder}"):
        assert translated(text, languages=GERMAN) == text
        assert translated(text, languages=("tlh",)) == text
    assert translated("Cancelled.", languages=("en",)) == "Cancelled."
    assert translated("Cancelled.", languages=GERMAN) == "Abgebrochen."


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for chosen, wanted in (("de_AT.UTF-8", "Abgebrochen."), ("C", "Cancelled.")):
        monkeypatch.setenv("LANGUAGE", chosen)
        language._translation.cache_clear()
        assert translated("Cancelled.") == wanted
    language._translation.cache_clear()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.po")), ids=lambda path: path.stem)
def test_translations_have_the_gaps_of_their_messages_and_are_compiled(path: Path) -> None:
    with path.open("rb") as file:
        listed = [message for message in pofile.read_po(file) if message.id]
    assert {message.id for message in listed} == {message.text for message in collect()}, STALE
    messages = [message for message in listed if message.string]
    for message in messages:
        assert set(GAP.findall(str(message.string))) <= set(GAP.findall(str(message.id))), message.id
    shipped = gettext.GNUTranslations(BytesIO((LOCALE / path.stem / "LC_MESSAGES" / "dioptre.mo").read_bytes()))
    now = gettext.GNUTranslations(BytesIO(compiled(path)))
    stale = [message.id for message in messages if shipped.gettext(message.id) != now.gettext(message.id)]
    assert stale == [], STALE
    assert len(messages) > 300


def test_the_catalogue_has_what_the_source_says() -> None:
    assert len(collect()) > 500
    assert (LOCALE / "catalogue.json").read_text(encoding="utf-8") == catalogue(), STALE


SHOWING = {
    # Names in the plug-in for Krita.
    *("QLabel", "QPushButton", "QCheckBox", "setToolTip", "setText", "addItem", "_button", "button_of"),
    # Names in the plug-in for GIMP.
    *("Label", "Button", "CheckButton", "Expander", "set_tooltip_text", "set_text", "append_text", "say"),
}
NAMES = {"", "Dioptre", "✕", "⟳", "↶"}  # The symbols need no translation, because they have tooltips.


@pytest.mark.parametrize("editor", ["gimp", "krita"])
def test_widgets_of_the_editors_show_translated_words(editor: str) -> None:
    untranslated = []
    for path in sorted((FOLDER.parent / "plugin" / editor).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
            if called not in SHOWING:
                continue
            texts = node.args[2::2] if called == "button_of" else node.args[:1]
            shown = [*texts, *(word.value for word in node.keywords if word.arg == "label")]
            plain = [one.value for one in shown if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            untranslated += [f"{path.name}: {text}" for text in plain if text not in NAMES]
    assert untranslated == []


def test_codes_are_in_the_catalogue() -> None:
    codes = {message.code for message in collect()}
    assert {
        "usage",
        "missing-file",
        "recipe",
        "weights",
        "out-of-memory",
        "worker-lost",
        "packages-changed",
    } <= codes


@pytest.mark.parametrize(
    ("template", "text", "matches"),
    [
        ("{a} is {b}.", "x is y.", True),
        ("{a} and {a}.", "x and x.", True),
        ("{a} and {a}.", "x and y.", False),
        ("{{a}} {b}", "{a} z", True),
        ("(a|b) {c}", "a z", False),
    ],
)
def test_patterns(template: str, text: str, matches: bool) -> None:
    assert bool(re.fullmatch(language.pattern_of(template), text)) is matches


def test_a_message_keeps_its_template_through_copies_and_the_wire() -> None:
    layer = Message("The layer “{name}” is locked.", name="{x} Größe")
    outer = Message("{problem} ({count} of {total})", problem=layer, count=2, total=3)
    assert outer == "The layer “{x} Größe” is locked. (2 of 3)"
    for copied in (copy.deepcopy(outer), pickle.loads(pickle.dumps(outer))):
        assert copied == outer
        assert copied.template == outer.template
        assert copied.values["problem"].template == layer.template
    line = wire.encode({"type": "progress", "job": 1, "fraction": 0.5, "phase": layer})
    came = wire.decode(line, sender="worker")["phase"]
    assert isinstance(came, Message)
    assert (came, came.template, came.values) == (layer, layer.template, layer.values)


@pytest.mark.parametrize(
    "phase",
    [
        {"template": "{a.__class__}", "values": {"a": 1}},
        {"template": "{a:>99999999}", "values": {"a": 1}},
        {"template": "{a!r}", "values": {"a": 1}},
        {"template": "{a}", "values": {}},
        {"template": "{a}", "values": {"a": [1]}},
        {"template": "{", "values": {}},
        {"template": "{a}", "values": {"a": "x"}, "more": 1},
        {"values": {}},
    ],
)
def test_the_wire_refuses_templates_that_do_more_than_name_their_values(phase: object) -> None:
    line = json.dumps({"type": "progress", "job": 1, "fraction": 0.5, "phase": phase}).encode()
    with pytest.raises(wire.WireError):
        wire.decode(line, sender="worker")


def test_an_error_with_values_is_translated_from_its_template() -> None:
    error = DioptreError("The file {name} does not exist.", hint="Check the spelling of {name}.", name="{a}.jpg")
    assert (error.message, error.hint) == ("The file {a}.jpg does not exist.", "Check the spelling of {a}.jpg.")
    assert translated(error.message, languages=GERMAN) == "Die Datei {a}.jpg gibt es nicht."
    came = DioptreError.from_dict(error.to_dict())
    assert translated(came.message, languages=GERMAN) == "Die Datei {a}.jpg gibt es nicht."
