"""The Download button: the docker downloads a network that is not installed; needs the fake worker."""

import person
from dioptre.dioptre_link.editing.state import Phase
from person import click, docker, opened, widget
from photo_preview import open_photo, ready, state
from qt import QComboBox, QLabel, QPushButton, QWidget
from rig import OUT, expect, expect_in, soon, until


def behave(how):
    (OUT / "behaviour").write_text(how, encoding="utf-8")


def words():
    return widget(QLabel, "dioptre_offer_words").text()


def offered():
    """Return whether the download button is visible."""
    button = docker().findChild(QPushButton, "dioptre_get_network")
    return button is not None and button.isVisible()


def check_a_missing_network_is_fetched_and_the_preview_goes_on():
    yield from open_photo()
    yield from opened("dioptre_super_resolution")
    yield from ready()
    shown = state().shown
    box = widget(QWidget, "dioptre_option_model").findChild(QComboBox)
    box.setFocus()
    person.keys("Down")
    yield from until(offered, "the offer")
    expect("text", widget(QPushButton, "dioptre_get_network").text(), "Download (6 MB)")
    expect("licence", words(), "Licence: MIT")
    make = widget(QPushButton, "dioptre_make")
    expect("no layers without it", (make.isEnabled(), state().phase), (False, Phase.MISSING))
    person.screenshot("krita-get-it.png")

    behave("refuses")
    yield from click(widget(QPushButton, "dioptre_get_network"))
    yield from until(lambda: offered() and "could not" in words(), "the failure")
    expect_in("what to do", "try again", words())
    for _ in range(4):
        yield
    person.screenshot("krita-get-it-failed.png")

    behave("holds")
    yield from click(widget(QPushButton, "dioptre_get_network"))
    yield from until(lambda: words().startswith("Downloading: 3 of 6 MB"), "the progress")
    person.screenshot("krita-get-it-progress.png")
    yield from click(widget(QPushButton, "dioptre_cancel_network"))
    yield from until(offered, "the end of the cancelled download")
    expect("as before", (words(), state().phase), ("Licence: MIT", Phase.MISSING))

    behave("good")
    yield from click(widget(QPushButton, "dioptre_get_network"))
    yield from until(lambda: state().shown is not shown and state().phase is Phase.READY, "the preview")
    yield from soon("the button", make.isEnabled, True)
    expect("nothing is offered", docker().findChild(QWidget, "dioptre_offer").isVisible(), False)
    person.screenshot("krita-got-it.png")
