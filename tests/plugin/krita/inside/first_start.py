"""The docker of a plug-in from a zip, before and after its compute core is installed; leaves screenshots in OUT."""

import json
import os
from pathlib import Path

import person
from dioptre.dioptre_link.editing import first_start
from dioptre.dioptre_link.editing.state import Phase
from person import click, docker, opened, widget
from photo_preview import open_photo
from qt import QLabel, QPushButton, QWidget
from rig import OUT, expect, expect_in, until

from dioptre import first_start as page


def words():
    return widget(QLabel, "dioptre_first_start_words").text()


def seen(name):
    button = docker().findChild(QPushButton, name)
    return button is not None and button.isVisible()


def check_the_core_is_offered_cancelled_refused_and_found():
    expect("needed", first_start.is_needed(), True)
    yield from open_photo()
    yield from person.choose_in_menu("Tools", "Scripts")
    for _ in range(8):
        yield
    person.screenshot("krita-scripts-menu.png")
    person.keys("Escape", "Escape")
    yield from opened("dioptre_portrait")
    yield from until(lambda: seen("dioptre_install"), "the page")
    expect_in("what is done", "Python Package Index", words())
    expect("no options yet", seen("dioptre_make"), False)
    person.screenshot("krita-first-start.png")

    yield from click(widget(QPushButton, "dioptre_install"))
    yield from until(lambda: words().startswith("Creating an environment with Python"), "the progress")
    person.screenshot("krita-first-start-progress.png")
    yield from click(widget(QPushButton, "dioptre_cancel_install"))
    yield from until(lambda: seen("dioptre_install"), "the page after Cancel")
    expect_in("as before", "Python Package Index", words())

    # The sandbox has no network, so the packages cannot be downloaded.
    yield from click(widget(QPushButton, "dioptre_install"))
    yield from until(lambda: seen("dioptre_install") and "failed" in words(), "the failure")
    expect_in("what to do", "Check the internet connection", words())
    person.screenshot("krita-first-start-failed.png")

    page.QFileDialog.getExistingDirectory = lambda *_: str(OUT)
    yield from click(widget(QPushButton, "dioptre_find"))
    yield from until(lambda: "does not contain an installation of Dioptre" in words(), "the refusal")
    page.QFileDialog.getExistingDirectory = lambda *_: os.environ["INSTALLED"]
    yield from click(widget(QPushButton, "dioptre_find"))
    yield from until(lambda: seen("dioptre_make"), "the docker's own page")
    yield from until(lambda: docker().session.state.phase is Phase.READY, "the preview")
    person.screenshot("krita-first-start-done.png")
    folders = Path(first_start.LINK) / "folders.json"
    expect("remembered", json.loads(folders.read_text(encoding="utf-8"))["data"], os.environ["INSTALLED"])
    expect("hidden", docker().findChild(QWidget, "dioptre_first_start").isVisible(), False)
