"""Operates the docker with real clicks; leaves screenshots in OUT."""

import gc
import json
from itertools import pairwise

import person
from dioptre.dioptre_link.catalogue import IN_EDITORS, operation
from dioptre.dioptre_link.editing import brush, scene, views
from dioptre.dioptre_link.editing.picking import Mark
from dioptre.dioptre_link.editing.request import DETAIL_SHAPE
from dioptre.dioptre_link.editing.state import LEFT, Phase, Tool
from dioptre.dioptre_link.language import translated
from dioptre.dioptre_link.presets import presets
from dioptre.document import record_of
from dioptre.previews import LONGEST_PX
from dioptre.session import FROM_FILE
from krita import Krita, Selection
from person import click, docker, is_shown, opened, widget
from photo_preview import PHOTO_PX, WHOLE, at, changing, open_photo, ready, state
from qt import (
    QApplication,
    QCheckBox,
    QComboBox,
    QCursor,
    QDoubleSpinBox,
    QLabel,
    QListWidget,
    QPoint,
    QPushButton,
    QScrollArea,
    QSlider,
    QToolButton,
    QWidget,
)
from rig import (
    OUT,
    add_layer,
    child,
    close,
    expect,
    expect_in,
    finish,
    names,
    next_end,
    photo,
    pixels,
    redo,
    same,
    settle,
    soon,
    toggle_visibility,
    top,
    trigger,
    undo,
    until,
)

from dioptre import jobs

NARROW_PX, SMALL_SCREEN_PX = 300, 345  # Widths of a docker; the other is Krita's own at 1366 × 768.
LEAST_SLIDER_PX = 60
LOOKS = 12  # Turns of a check in a second, in which the docker looks at the document twice.
MINE = {
    "version": 2,
    "title": "Mine",
    "description": "As blurred as it gets.",
    "steps": [{"operation": "portrait", "options": {"f_number": 1}}],
}
MOST_TABS = 40  # Maximum number of Tab presses; with few options, reaching any widget takes fewer.


def check_the_menu_opens_the_docker_and_a_click_focuses():
    Krita.instance().writeSetting("dioptre", "placed", "")  # As on the first start.
    document, _node = yield from open_photo()
    yield from person.maximize()
    yield from person.choose_in_menu("Filter", "Dioptre", "Portrait blur…")
    yield from until(docker().isVisible, "the docker")
    expect("nothing is made yet", jobs.job_manager().runs, [])
    yield from until(lambda: state().phase is not Phase.EMPTY, "the preview to begin")
    person.screenshot("krita-waiting.png")
    yield from ready()
    expect("room", docker().height() > 500 and docker().width() >= NARROW_PX, True)
    person.screenshot("krita-panel.png")
    yield from changing(click(*at(0.3, 0.75)))
    point = state().point
    expect(f"point {point}", abs(point[0] - 77) < 4 and abs(point[1] - 192) < 4, True)
    for name in ("depth", "focus", "split"):
        yield from click(widget(QToolButton, f"dioptre_view_{name}"))
        yield from soon("view", lambda: state().view, name)
        person.screenshot(f"krita-{name}.png")
    yield from click(widget(QToolButton, "dioptre_view_after"))
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    expect("group", top(document).name(), "Portrait blur")
    expect("the preview stays", state().shown is not None, True)
    expect("focus", tuple(record_of(document).load()[0].options["focus"]), point)
    results = widget(QListWidget, "dioptre_history")
    expect("results", [results.item(0).text(), results.item(0).icon().isNull()], ["Portrait blur", False])
    person.screenshot("krita-result.png")
    yield from until(lambda: state().phase is Phase.READY, "the preview of the result's layer")
    expect("how it ended is said", bool(widget(QLabel, "dioptre_words").text()), True)
    yield from undo(document)
    yield from soon("what was undone is forgotten", results.count, 0)
    yield from soon("its photo is active", lambda: document.activeNode().name(), "Photo")
    yield from redo(document)
    yield from soon("and listed again", results.count, 1)
    yield from soon("and active", lambda: document.activeNode().name(), "Portrait blur")


def check_the_menu_outlives_a_collection_of_garbage():
    """Python collects garbage at any time; what Krita still shows and calls must not be part of it."""
    yield from open_photo()
    gc.collect()
    yield from person.choose_in_menu("Filter", "Dioptre")
    person.keys("Escape", "Escape")
    yield from until(lambda: QApplication.activePopupWidget() is None, "the end of the menu")


def check_nothing_hidden_takes_part():
    """The contents of a closed docker must have no effect, and a point clicked in a document none in others."""
    first, _node = yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    yield from changing(click(*at(0.3, 0.75)))
    slider = widget(QWidget, "dioptre_option_f_number").findChild(QSlider)
    slider.setFocus()
    person.keys("End")  # End selects the maximum blur.
    yield from soon("the f-number", lambda: state().options["f_number"], 0.7)
    second, _node = yield from open_photo()
    yield from soon("the other layer is read", lambda: docker().session._source.document == second, True)
    yield from ready()
    expect("no point of the other document", (state().point, state().options["f_number"]), (None, 0.7))
    person.show_tab(first)
    yield from soon("the point of this document", lambda: state().point is not None, True)
    yield from ready()
    person.show_tab(second)
    yield from soon("no point again", lambda: state().point, None)
    docker().close()
    yield from until(lambda: not docker().isVisible(), "the docker closed")
    yield from opened("dioptre_portrait")
    expect("options", state().options, operation("portrait").defaults())
    yield from ready()


def heads():
    """Return the visible buttons that open sections of options."""
    return [one for one in docker().findChildren(QToolButton, "dioptre_section") if one.isVisible()]


def check_more_options_stay_under_the_pointer():
    """A second click at the same place hides the options again."""
    yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    yield from click(widget(QCheckBox, "dioptre_more"), 0.04)
    yield from until(lambda: state().more, "more options")
    sections = heads()
    expect("three sections", len(sections), 3)
    expect("one is open", [one.isChecked() for one in sections], [True, False, False])
    yield from click(sections[1])
    yield from soon("another is open", lambda: [one.isChecked() for one in sections], [False, True, False])
    yield from click(sections[0])
    person.screenshot("krita-more.png")
    yield from click(widget(QCheckBox, "dioptre_more"), 0.04)
    yield from until(lambda: not state().more, "fewer options")
    yield from click(widget(QCheckBox, "dioptre_more"), 0.04)
    yield from until(lambda: state().more, "more options")
    person.press(QCursor.pos().x(), QCursor.pos().y())
    yield from until(lambda: not state().more, "fewer options")


def check_tab_goes_through_the_options_before_the_buttons_below():
    """Also if the options are older or newer than those of another operation."""
    document, node = yield from open_photo()
    # Update is grey without a result.
    yield from finish(jobs.job_manager().start(operation("portrait"), {}, document, node))
    for name in ("dioptre_white_balance", "dioptre_portrait", "dioptre_white_balance", "dioptre_portrait"):
        yield from opened(name)
    yield from ready()
    yield from until(widget(QPushButton, "dioptre_update_button").isEnabled, "the result to be active")
    blur = widget(QWidget, "dioptre_option_f_number").findChild(QSlider)
    last = widget(QPushButton, "dioptre_update_button")
    widget(QComboBox, "dioptre_operation").setFocus()
    passed = [QApplication.focusWidget()]
    while passed[-1] is not last and len(passed) < MOST_TABS:
        person.keys("Tab")
        yield from until(lambda: QApplication.focusWidget() is not passed[-1], "the next control")
        passed.append(QApplication.focusWidget())
    more, make = widget(QCheckBox, "dioptre_more"), widget(QPushButton, "dioptre_make")
    wanted = [blur, more, make, last]
    expect("order", [wanted.index(one) for one in passed if one in wanted], [0, 1, 2, 3])


def check_the_chosen_view_has_the_colour_of_a_selection():
    yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    for name in ("depth", "after"):
        yield from click(widget(QToolButton, f"dioptre_view_{name}"))
        yield from soon("view", lambda: state().view, name)
        button = widget(QToolButton, f"dioptre_view_{name}")
        seen = button.grab().toImage().pixelColor(4, button.height() // 2)
        expect("colour", seen.name(), button.palette().highlight().color().name())


def check_an_operation_that_cannot_work_says_so_where_the_picture_would_be():
    """The main button is grey until the reason is gone, even if the same layer stays active."""
    document, node = yield from open_photo()
    other = yield from add_layer(document, bytes(node.pixelData(*WHOLE)), "Other", WHOLE)
    document.setActiveNode(node)
    yield from settle(document)
    yield from opened("dioptre_repair_depth")
    yield from until(lambda: state().phase is Phase.FAILED, "the refusal")
    expect("words", widget(QLabel, "dioptre_preview").text(), "No preview")
    expect_in("refusal", "needs a depth layer", widget(QLabel, "dioptre_words").text())
    make = widget(QPushButton, "dioptre_make")
    expect("button", (make.text(), make.isEnabled()), ("Repair the depth layer", False))
    person.screenshot("krita-refused.png")
    other.setName("Depth")  # Another layer becoming active would be read anyway.
    words = widget(QLabel, "dioptre_words")
    yield from until(lambda: "needs a selection" in words.text(), "the next refusal")
    expect("button", make.isEnabled(), False)
    selection = Selection()
    selection.select(0, 0, PHOTO_PX // 2, PHOTO_PX, 255)
    document.setSelection(selection)
    yield from soon("the button", make.isEnabled, True)
    yield from ready()
    yield from opened("dioptre_depth")
    yield from soon("button", make.text, "Create layers")
    document.setModified(False)


def check_the_wheel_changes_no_value():
    yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    yield from click(widget(QCheckBox, "dioptre_more"), 0.04)
    yield from until(lambda: state().more, "more options")
    before = dict(state().options)
    area = widget(QWidget, "dioptre_option_f_number").parentWidget()
    while not isinstance(area, QScrollArea):
        area = area.parentWidget()
    for kind in (QSlider, QDoubleSpinBox, QComboBox):
        area.verticalScrollBar().setValue(0)
        docker().widget().setFocus()
        controls = [one for one in docker().findChildren(kind) if one.isVisible() and area.isAncestorOf(one)]
        control = next(one for one in controls if one.isEnabled())
        area.ensureWidgetVisible(control)
        at_first = area.verticalScrollBar().value()
        yield from click(control, button="5")
        yield from soon("scrolled", lambda before=at_first: area.verticalScrollBar().value() > before, True)
        expect(f"options after the wheel over {kind.__name__}", state().options, before)
    slider = widget(QWidget, "dioptre_option_f_number").findChild(QSlider)
    slider.setFocus()
    yield from click(slider, button="4")
    yield from soon("with the focus it changes", lambda: state().options != before, True)


def check_the_preview_zooms():
    yield from open_photo()
    yield from opened("dioptre_white_balance")
    yield from ready()
    canvas = widget(QWidget, "dioptre_preview")
    before = canvas.place()
    yield from click(*at(0.6, 0.6), button="4")
    yield from soon("larger", lambda: canvas.place()[2] > before[2], True)
    after = canvas.place()
    corner = [(after[side] + 0.6 * after[side + 2]) - (before[side] + 0.6 * before[side + 2]) for side in (0, 1)]
    expect(f"about the pointer: {corner}", max(map(abs, corner)) < 3, True)
    person.screenshot("krita-zoom.png")
    for _ in range(3):
        yield from click(*at(0.5, 0.5), button="5")
    yield from soon("whole again", canvas.place, before)


def check_a_radius_leaves_the_blur_amount_blank_until_it_is_entered():
    document, _ = yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    field = widget(QWidget, "dioptre_option_f_number").findChild(QDoubleSpinBox)
    for number in (2.8, 0.7):  # The latter is the least.
        docker().session.change_all({"max_radius": 8.0})
        yield from ready()
        expect("blank", field.text(), "—")
        yield from click(field, 0.3)
        person.keys("ctrl+a", *f"{number}".replace(".", " period ").split(), "Return")
        entered = {"f_number": number, "max_radius": None}
        yield from soon("entered", lambda wanted=entered: {name: state().options[name] for name in wanted}, entered)
        expect("shown", field.text(), f"f/{number}")
    yield from ready()
    document.setModified(False)


def check_a_slider_that_keeps_moving_is_shown():
    yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    shown = []
    stop = docker().session.store.observe(lambda _, panel: shown.append(panel.state.shown))
    slider = widget(QWidget, "dioptre_option_f_number").findChild(QSlider)
    for turn in range(500):
        if len({id(one) for one in shown}) >= 4:
            break
        slider.setValue(100 + turn % 60 * 10)
        yield
    expect("previews while it moved", len({id(one) for one in shown}) >= 4, True)
    yield from ready()
    stop()


def check_white_balance_by_a_click_on_something_grey():
    document, node = yield from open_photo()
    yield from opened("dioptre_white_balance")
    yield from ready()
    buttons = [name for name in views.VIEWS if docker().findChild(QToolButton, f"dioptre_view_{name}").isVisible()]
    expect("views", buttons, ["after", "before", "split"])
    docker().session.change_all({"temperature": 3000.0})
    yield from ready()
    yield from changing(click(*at(0.7, 0.12)))
    expect("the click counts", state().options["temperature"], None)
    point = state().point
    person.screenshot("krita-white-balance.png")
    group = yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    x, y = (round(value) for value in point)
    mean = [sum(pixels(child(group, "Result"), (x - 2, y - 2, 5, 5))[at::4]) / 25 for at in range(3)]
    expect(f"grey at the point: {mean}", max(mean) - min(mean) < 6, True)
    expect("source", node.visible(), True)
    document.setModified(False)


def check_enlarging_shows_the_same_place_before_and_after():
    yield from open_photo()
    yield from opened("dioptre_super_resolution")
    yield from ready()
    shown = state().shown
    scale = operation("super_resolution").defaults()["scale"]
    part = tuple(round(side * PHOTO_PX) for side in shown.part[2:])
    expect("part", part, (int(LONGEST_PX / scale), int(LONGEST_PX / scale / DETAIL_SHAPE)))
    sizes = [(image.width, image.height) for image in (shown.before, shown.after)]
    expect("before and after", sizes, [part, tuple(round(side * scale) for side in part)])
    yield from click(widget(QToolButton, "dioptre_view_place"))
    person.screenshot("krita-place.png")
    yield from changing(click(*at(0.3, 0.8)))
    moved = state().shown.part
    expect(f"moved {moved}", moved[1] > shown.part[1], True)


def check_shapes_and_the_focus_range():
    """Bokeh shapes as pictures, and the sharp range of depth dragged on its histogram."""
    yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    yield from changing(click(widget(QToolButton, "dioptre_shape_blades_6")))
    expect("blades", state().options["blades"], 6)
    expect("the automatic focus is marked", scene.marks_of(state(), (512, 512)).rings[-1][1], Mark.AUTOMATIC)
    bars = widget(QWidget, "dioptre_histogram")
    yield from changing(click(bars, 0.25))
    chosen = state().options["focal_disparity"]
    expect(f"focus {chosen}", (abs(chosen - 0.25) < 0.03, state().point), (True, None))
    corner = bars.mapToGlobal(QPoint(0, bars.height() // 2))
    first, last = (corner.x() + share * bars.width() for share in (state().sharp[1], 0.5))

    def widen():
        person.drag([(first, corner.y()), ((first + last) / 2, corner.y()), (last, corner.y())])
        yield

    yield from changing(widen())
    expect(f"range {state().sharp}", abs(state().sharp[1] - 0.5) < 0.03, True)
    expect("no distance is invented", state().ruler, None)
    ruler = [docker().findChild(QWidget, f"dioptre_{name}").isVisible() for name in ("ruler", "depth_of_field")]
    expect("no room for it", ruler, [False, False])
    bars.setFocus()
    before = state().sharp
    person.keys("Right")
    yield from soon("moved by a key", lambda: state().sharp[0] > before[0], True)
    yield from ready()
    yield from changing(click(widget(QWidget, "dioptre_focus_range").findChild(QCheckBox)))
    expect("the range is automatic again", state().options["focus_range"], None)
    yield from click(widget(QToolButton, "dioptre_view_focus"))
    person.screenshot("krita-range.png")


def check_the_focus_range_keeps_what_was_clicked():
    """A drag of the range keeps the clicked point; a line says so while the range is off it, and no row moves."""
    document, _node = yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    yield from changing(click(*at(0.45, 0.2)))
    point = state().point
    bars, words, ends = (
        widget(QWidget, "dioptre_histogram"),
        widget(QLabel, "dioptre_words"),
        widget(QLabel, "dioptre_ends"),
    )
    docker().findChild(QScrollArea).ensureWidgetVisible(bars)
    for _ in range(6):
        yield
    place, usual = bars.mapToGlobal(QPoint(0, bars.height() // 2)), ends.text()
    for share, off in ((0.02, True), (sum(state().sharp) / 2, False)):
        yield from changing(dragged_band(bars, share))
        expect("where it was", bars.mapToGlobal(QPoint(0, bars.height() // 2)), place)
        expect("the clicked point", state().point, point)
        expect("kept", state().options["keep_subject"], 0.0 if off else 1.0)
        yield from soon(f"says so: {off}", lambda: translated(LEFT) in words.text(), off)
        expect(f"{ends.text()}: an end is beyond", ends.text() == "everything far is sharp", off)
        person.screenshot(f"krita-range-{off}.png")
    expect("both ends are there", ends.text(), usual)
    document.setModified(False)


def dragged_band(bars, share):
    """Drag the middle of the range to a share of the histogram's width."""
    corner = bars.mapToGlobal(QPoint(0, bars.height() // 2))
    first, last = (corner.x() + part * bars.width() for part in (sum(state().sharp) / 2, share))
    person.drag([(first, corner.y()), ((first + last) / 2, corner.y()), (last, corner.y())])
    yield


def check_the_range_of_an_effect_on_its_histogram():
    """Each end of the range is dragged by itself, and keys move and narrow it."""
    yield from open_photo()
    yield from opened("dioptre_haze")
    yield from ready()
    yield from click(widget(QCheckBox, "dioptre_more"), 0.04)
    yield from until(lambda: state().more, "more options")
    bars = widget(QWidget, "dioptre_histogram")
    yield from click(bars)
    expect("the whole range stays", state().sharp, (0.0, 1.0))
    corner = bars.mapToGlobal(QPoint(0, bars.height() // 2))

    def drag():
        person.drag([(corner.x() + share * (bars.width() - 1), corner.y()) for share in (1.0, 0.8, 0.5)])
        yield

    yield from changing(drag())
    expect(f"range {state().sharp}", abs(state().sharp[1] - 0.5) < 0.03, True)
    expect("the far end", state().options["range_farthest"], 0.0)
    person.screenshot("krita-limit.png")
    before = state().sharp
    person.keys("Down")
    yield from soon(
        "narrowed by a key", lambda: state().sharp[0] > before[0] and state().sharp[1] < before[1], True
    )
    yield from ready()


def check_a_distance_entered_for_a_clicked_place_is_marked():
    document, _node = yield from open_photo()
    yield from opened("dioptre_lens_blur")
    yield from ready()
    yield from click(widget(QCheckBox, "dioptre_more"), 0.04)
    yield from until(lambda: state().more, "more options")
    for _ in range(6):
        yield
    yield from click(heads()[-1])
    yield from until(lambda: is_shown(QWidget, "dioptre_distance"), "the section of the lens")
    field = widget(QWidget, "dioptre_distance").findChild(QDoubleSpinBox)
    expect("needs a clicked place", field.isEnabled(), False)
    yield from changing(click(*at(0.3, 0.75)))
    expect("can be entered", (field.isEnabled(), state().options["known_distance"]), (True, ()))
    field.setValue(2.1)
    yield from ready()
    ((x, y, metres),) = state().options["known_distance"]
    expect("entered", ((x, y), metres), (state().point, 2.1))
    canvas = widget(QWidget, "dioptre_preview")
    left, upper, width, height = canvas.place()
    middle = QPoint(round(left + x / PHOTO_PX * width), round(upper + y / PHOTO_PX * height))
    expect("mark", canvas.grab().toImage().pixelColor(middle).getRgb()[:3], (110, 200, 255))
    yield from click(widget(QWidget, "dioptre_option_lens_mm").findChild(QCheckBox))
    yield from soon("a number starts in the middle", lambda: round(state().options["lens_mm"] or 0, 1), 44.7)
    document.setModified(False)


def floating(width):
    """Open a photo and the docker, and return the docker as a window of its own."""
    yield from open_photo()
    yield from opened("dioptre_panel")
    panel = docker()
    panel.setFloating(True)
    panel.resize(width, 720)
    panel.move(40, 40)
    return panel


def check_narrow_docker():
    """In a docker 300 pixels wide, nothing is cut off, even with all options of any operation."""
    panel = yield from floating(NARROW_PX)
    for _ in range(6):
        yield
    wide = []
    for name in IN_EDITORS:
        trigger(f"dioptre_{name}")
        panel.session.show_more(True)
        panel.session.brush(lambda state: brush.chose(state, Tool.KEEP))
        for _ in range(8):
            yield
        for area in (panel.findChild(QScrollArea),):
            inside = area.widget()
            if inside.minimumSizeHint().width() > area.viewport().width():
                wide.append((name, inside.minimumSizeHint().width(), area.viewport().width()))
        if panel.width() > NARROW_PX:
            wide.append((name, panel.width()))
        button = widget(QPushButton, "dioptre_make")
        lowest = button.mapTo(panel, QPoint(0, button.height())).y()
        expect("the button is in sight", lowest <= panel.height(), True)
        expect(f"{name}: what is shown is not chosen", state().options, operation(name).defaults())
        person.screenshot(f"krita-narrow-{name}.png")
    panel.setFloating(False)
    expect("wider than the docker", wide, [])


def check_sliders_and_tiles_use_the_width():
    """In a docker as wide as on a small screen, sliders take what is left of a row, and presets are one row."""
    panel = yield from floating(SMALL_SCREEN_PX)
    for name in ("light", "white_balance", "portrait"):
        trigger(f"dioptre_{name}")
        panel.session.show_more(True)
        for _ in range(8):
            yield
        if name == "portrait":
            next(one for one in heads() if one.text() == "Bokeh").click()
            for _ in range(8):
                yield
        sliders = [one for one in panel.findChildren(QSlider) if one.isVisible()]
        rows = [row for one in sliders if (row := one.parentWidget()).objectName().startswith("dioptre_option_")]
        expect(f"{name}: rows", len(rows) > 1, True)
        for row in rows:
            slider, last = row.findChild(QSlider), row.layout().itemAt(row.layout().count() - 1).geometry()
            what = f"{name}: {row.objectName()}: {slider.width()} of {row.width()}, up to {last.right()}"
            expect(what, (slider.width() >= LEAST_SLIDER_PX, last.right() >= row.width() - 4), (True, True))
        tiles = panel.findChild(QListWidget, "dioptre_recipes")
        expect(f"{name}: one row", tiles.isHidden() or tiles.height() < 1.5 * tiles.gridSize().height(), True)
        person.screenshot(f"krita-width-{name}.png")
    panel.setFloating(False)


def click_tile(name):
    """Scroll to a recipe's tile and click it."""
    tiles, scroll = widget(QListWidget, "dioptre_recipes"), docker().findChild(QScrollArea)
    row = list(presets()).index(name) if name in presets() else len(presets())
    middle = tiles.visualItemRect(tiles.item(row)).center()
    inside = tiles.mapTo(scroll.widget(), middle)
    scroll.ensureVisible(inside.x(), inside.y())
    yield from until(lambda: scroll.viewport().rect().contains(tiles.mapTo(scroll.viewport(), middle)), "the tile")
    where = tiles.mapToGlobal(middle)
    person.press(where.x(), where.y())


def chosen(name):
    yield from click_tile(name)
    yield from until(lambda: docker().session.store.state.recipe == name, f"the recipe {name}")


def marked():
    """Return the tile with the frame."""
    return widget(QListWidget, "dioptre_recipes").currentRow()


def check_recipes_are_tiles_of_the_photo():
    """A click on a tile chooses the recipe, a click in the preview its focus, and the tiles show the photo."""
    document, _ = yield from open_photo()
    yield from opened("dioptre_panel")
    box = widget(QComboBox, "dioptre_operation")
    box.setFocus()
    box.setCurrentIndex(box.findText("Recipes"))
    box.activated.emit(box.currentIndex())
    tiles = widget(QListWidget, "dioptre_recipes")
    first = [tiles.item(row).icon().pixmap(64).toImage() for row in range(len(presets()))]
    rows = [tiles.visualItemRect(tiles.item(row)) for row in range(tiles.count())]
    in_rows = sorted(range(len(rows)), key=lambda row: (rows[row].top(), rows[row].left()))
    expect("in the list's order", in_rows, [*range(len(rows))])
    expect("none is hidden", [tiles.viewport().rect().contains(one) for one in rows], [True] * len(rows))
    expect("the photo at once", [image == first[0] and not image.isNull() for image in first], [True] * len(first))
    yield from ready()
    yield from chosen("product")
    yield from ready()
    expect_in("description", "An object, sharp from front to back", widget(QLabel, "dioptre_about").text())
    expect("nothing is made yet", jobs.job_manager().runs, [])
    yield from until(lambda: len(docker().session.store.state.pictures) == len(presets()), "the photo's pictures")
    own = [tiles.item(row).icon().pixmap(64).toImage() for row in range(len(presets()))]
    same_as_before = [name for name, one, other in zip(presets(), first, own, strict=True) if one == other]
    # This photo has no colour cast, and a tile does not show an enlargement.
    expect("other pictures", same_as_before, ["landscape", "old-scan", "print"])
    yield from changing(click(*at(0.3, 0.75)))
    person.screenshot("krita-recipe.png")
    group = yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    expect("group", group.name(), "Product on a table")
    (entry,) = record_of(document).load()
    x, y = entry.options["steps"][1]["options"]["focus"]
    expect(f"focus {x}, {y}", abs(x - 77) < 4 and abs(y - 192) < 4, True)
    yield from until(lambda: same(document.activeNode(), group), "the group, which has a depth layer, to be active")
    docker().session.look()
    yield from ready()
    yield from until(lambda: len(docker().session.store.state.pictures) == len(presets()), "the group's pictures")
    unknown = [name for name, one in docker().session.store.state.pictures.items() if one is None]
    using_its_depth_layer = ["candle-light", "golden-hour", "rim-light", "window-light"]
    expect("as it is", unknown, using_its_depth_layer)
    document.setModified(False)


def check_presets_are_tiles_of_the_photo():
    """An operation with several presets shows them on the photo at once; a click sets its options."""
    document, _ = yield from open_photo()
    yield from opened("dioptre_portrait")
    tiles = widget(QListWidget, "dioptre_recipes")
    shown = [row for row in range(tiles.count()) if not tiles.item(row).isHidden()]
    expect("presets", [tiles.item(row).text() for row in shown], ["Night street", "Pet", "Portrait"])
    first = [tiles.item(row).icon().pixmap(64).toImage() for row in shown]
    expect("the photo at once", [image == first[0] and not image.isNull() for image in first], [True] * 3)
    yield from ready()
    yield from changing(click(*at(0.3, 0.75)))
    point = state().point
    yield from changing(click_tile("night-street"))
    night = presets()["night-street"].steps[0].options
    named = ("f_number", "highlight_boost", "blades", "grain")
    expect("options", [state().options[name] for name in named], [night[name] for name in named])
    expect("its shape", widget(QToolButton, "dioptre_shape_fast").isChecked(), True)
    expect("the click stays", state().point, point)
    expect("marked", tiles.currentRow(), list(presets()).index("night-street"))
    yield from until(lambda: len(docker().session.store.state.pictures) == 3, "the photo's pictures")
    own = [tiles.item(row).icon().pixmap(64).toImage() for row in shown]
    expect("other pictures", [one == other for one, other in zip(first, own, strict=True)], [False] * 3)
    person.screenshot("krita-presets.png")
    yield from opened("dioptre_white_balance")
    yield from soon("one preset alone", lambda: is_shown(QListWidget, "dioptre_recipes"), False)
    document.setModified(False)


def check_a_recipe_from_a_file_is_a_tile_too():
    """It is previewed before it runs, also from the menu; without a file, the earlier choice stays."""
    for name, content in (("mine", MINE), ("none", {"version": 2})):
        (OUT / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    document, _ = yield from open_photo()
    yield from opened("dioptre_panel")
    docker().session.open_recipe("pet")
    yield from ready()
    pet = marked()
    yield from click_tile(FROM_FILE)
    yield from until(person.dialog, "the file dialog")
    person.keys("Escape")
    yield from until(lambda: person.dialog() is None, "the end of the dialog")
    expect("the choice stays", (docker().session.store.state.recipe, marked()), ("pet", pet))
    yield from click_tile(FROM_FILE)
    yield from person.answer_with(OUT / "none.json")
    words = widget(QLabel, "dioptre_words")
    yield from until(lambda: "has no list of steps" in words.text(), "what is wrong with the file")
    expect("the choice stays", (docker().session.store.state.recipe, marked()), ("pet", pet))
    yield from click_tile(FROM_FILE)
    yield from person.answer_with(OUT / "mine.json")
    tile = widget(QListWidget, "dioptre_recipes").item(len(presets()))
    icon = tile.icon().cacheKey()
    yield from soon("choice", lambda: (state().options["f_number"], marked()), (1.0, len(presets())))
    yield from ready()
    expect("about", widget(QLabel, "dioptre_about").text(), "Mine: As blurred as it gets.")
    expect("nothing is made yet", jobs.job_manager().runs, [])
    yield from until(lambda: tile.icon().cacheKey() != icon, "its picture")
    person.screenshot("krita-recipe-file.png")
    yield from chosen("pet")
    yield from ready()
    person.choose("dioptre_recipe_zz_file")
    yield from person.answer_with(OUT / "mine.json")
    yield from soon("preview again", lambda: state().options["f_number"], 1.0)
    yield from ready()
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    expect("recorded", record_of(document).load()[0].options["f_number"], 1.0)
    document.setModified(False)


def check_a_recipe_that_only_enlarges_shows_a_part():
    document, _ = yield from open_photo()
    yield from opened("dioptre_panel")
    docker().session.open_recipe("print")
    yield from ready()
    expect_in("size", f"{4 * PHOTO_PX} × {4 * PHOTO_PX} px", title())
    after = preview_on_screen("print-after.png")
    yield from click(widget(QToolButton, f"dioptre_view_{views.PLACE}"))
    yield from changing(click(*at(0.2, 0.2)))
    yield from click(widget(QToolButton, f"dioptre_view_{views.AFTER}"))
    expect("another part", preview_on_screen("print-elsewhere.png") != after, True)
    document.setModified(False)


def title():
    return widget(QLabel, "dioptre_title").text()


def preview_on_screen(name):
    """Return what the preview shows on the screen."""
    canvas = widget(QWidget, "dioptre_preview")
    corner = canvas.mapToGlobal(QPoint(0, 0))
    return person.screenshot(name).copy(corner.x(), corner.y(), canvas.width(), canvas.height())


def check_the_line_of_split_is_dragged():
    document, _ = yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    yield from click(widget(QToolButton, "dioptre_view_split"))
    yield from soon("view", lambda: state().view, "split")
    before = preview_on_screen("split-middle.png")
    canvas, x, y = at(0.5, 0.9)
    start = canvas.mapToGlobal(QPoint(round(x * canvas.width()), round(y * canvas.height())))
    wide = canvas.place()[2]
    point = state().point
    person.drag([(start.x(), start.y()), (start.x() + wide * 0.2, start.y()), (start.x() + wide * 0.35, start.y())])
    yield from soon("divider", lambda: round(canvas.viewport.divider, 1), 0.8)
    expect("no click", state().point, point)
    expect("the picture follows", preview_on_screen("split-right.png") != before, True)
    document.setModified(False)


def check_the_preview_fills_the_width():
    """No space is empty beside or around a landscape photo, and the options begin right below it."""
    for wide, high in ((600, 400), (400, 600)):
        document, _ = yield from photo(wide, high)
        yield from opened("dioptre_white_balance")
        yield from ready()
        canvas = widget(QWidget, "dioptre_preview")
        width, height = canvas.place()[2:]
        expect(f"{wide} × {high}: no space below", canvas.height() - height <= 2, True)
        if wide > high:
            expect("no space beside", canvas.width() - width <= 2, True)
        person.screenshot(f"krita-fills-{wide}.png")
        document.setModified(False)


def check_settings_follow_the_layer():
    """The docker shows the settings of the result that Replace replaces: of another tab, or of a reopened file."""
    document, node = yield from open_photo()
    yield from finish(jobs.job_manager().start(operation("portrait"), {"f_number": 1.1}, document, node))
    other, _ = yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    docker().session.change_all({"f_number": 11.0})
    yield from soon("title", title, "New result for “Photo”")
    person.show_tab(document)
    yield from soon("title", title, "Settings of “Portrait blur”")
    expect("settings", state().options["f_number"], 1.1)
    yield from ready()
    expect("button", widget(QPushButton, "dioptre_make").text(), "Replace the result")
    docker().session.change_all({"f_number": 2.2})
    yield from soon("title", title, "Changed settings of “Portrait blur”")
    path = OUT / "reopened.kra"
    document.setFileName(str(path))
    document.saveAs(str(path))
    yield from close(document)
    again = yield from person.open_file(path)
    yield from opened("dioptre_portrait")
    yield from soon("title", title, "Settings of “Portrait blur”")
    expect("settings of the reopened file", state().options["f_number"], 1.1)
    yield from ready()
    person.screenshot("krita-reopened.png")
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    expect("replaced with the same", record_of(again).load()[0].options["f_number"], 1.1)
    for each in (again, other):
        each.setModified(False)


def check_depth_stands_for_its_photo():
    """A reopened document whose depth is active gets one preview; what was said about a closed document goes."""
    document, node = yield from open_photo()
    group = yield from finish(jobs.job_manager().start(operation("portrait"), {}, document, node))
    path = OUT / "depth-active.kra"
    document.setActiveNode(child(group, "Depth"))
    yield from settle(document)
    document.setFileName(str(path))
    document.saveAs(str(path))
    yield from close(document)
    document = yield from person.open_file(path)
    yield from soon("active", lambda: document.activeNode().name(), "Depth")
    previews = []
    stop = docker().session.store.observe(lambda old, new: previews.append(new.state.phase))
    yield from opened("dioptre_light")
    yield from soon("title", title, "New result for “Photo”")
    yield from ready()
    for _ in range(3 * LOOKS):
        yield
    stop()
    changes = [one for one, next_one in pairwise([*previews, None]) if one is not next_one]
    expect("one preview", changes.count(Phase.READY), 1)
    yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    expect("said", bool(widget(QLabel, "dioptre_words").text()), True)
    yield from close(document)
    words = docker().findChild(QLabel, "dioptre_words")
    yield from soon("not said any more", lambda: words.text() in ("", translated(state().operation.help)), True)


def check_the_selection_limits_the_preview():
    document, _ = yield from open_photo()
    yield from opened("dioptre_portrait")
    yield from ready()
    whole = state().shown.after
    selection = Selection()
    selection.select(0, 0, PHOTO_PX // 2, PHOTO_PX, 255)
    document.setSelection(selection)
    yield from until(lambda: docker().session.selected is not None, "the selection to be noticed")
    yield from ready()
    limited = state().shown.after
    right, there = half_of(limited, 1), half_of(whole, 1)
    expect("left as without a selection", apart(half_of(limited, 0), half_of(whole, 0)) < 1, True)
    expect("right is changed without it", apart(right, there) > 1, True)
    group = yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    expect("mask", names(child(group, "Result")), ["Selection"])
    person.screenshot("krita-limited.png")
    document.setModified(False)


def check_masks_and_opacity_show_in_the_preview_as_on_the_canvas():
    """Both are followed as they change, without another reading of the layer."""
    document, node = yield from open_photo()
    yield from opened("dioptre_white_balance")
    yield from ready()
    expect("opaque", set(state().shown.after.channel(-1).data), {255})
    mask, selection = document.createTransparencyMask("Mask"), Selection()
    selection.select(0, 0, PHOTO_PX // 2, PHOTO_PX, 255)
    mask.setSelection(selection)
    node.addChildNode(mask, None)
    yield from soon("masked", seen_sides, (255, 0))
    node.setOpacity(128)
    yield from soon("faded", seen_sides, (128, 0))
    before = widget(QToolButton, "dioptre_view_before")
    where = before.mapToGlobal(before.rect().center())
    person.hold([(where.x(), where.y())])
    yield from soon("view", lambda: state().view, "before")
    person.screenshot("krita-masked.png")
    person.release()
    yield from soon("view", lambda: state().view, "after")
    group = yield from next_end(jobs.job_manager(), click(widget(QPushButton, "dioptre_make")))
    for other in document.rootNode().childNodes():
        if other.visible() and other.uniqueId() != group.uniqueId():
            yield from toggle_visibility(document, other)
    yield from settle(document)
    alphas = document.pixelData(0, 0, PHOTO_PX, PHOTO_PX)[3::4]
    canvas = (alphas[PHOTO_PX // 4 :: PHOTO_PX], alphas[3 * PHOTO_PX // 4 :: PHOTO_PX])
    expect("the canvas", tuple(set(bytes(side)) for side in canvas), ({128}, {0}))
    document.setModified(False)


def seen_sides():
    return None if state().shown is None else sides(state().shown.after)


def sides(image):
    """Return the alpha of the left and of the right half of a preview, which must each be uniform."""
    halves = [{value for row in half_of(image, side) for value in row[3::4]} for side in (0, 1)]
    return tuple(half.pop() if len(half) == 1 else half for half in halves)


def half_of(image, side):
    """Return the left (0) or right (1) half of a preview's bytes, without the columns beside the middle."""
    row, half = 4 * image.width, 4 * (image.width // 2)
    start = half + 16 if side else 0
    return [image.data[y * row + start : y * row + start + half - 16] for y in range(image.height)]


def apart(one, other):
    """Return the mean difference of two lists of rows, in code values."""
    values = [abs(a - b) for rows in zip(one, other, strict=True) for a, b in zip(*rows, strict=True)]
    return sum(values) / len(values)


def check_a_closed_photo_leaves_nothing_behind():
    """Also with a recipe; the next photo is read, and what changes a result is grey, because there is none."""
    for name in ("", "product"):
        document, _ = yield from open_photo()
        yield from opened("dioptre_portrait")
        if name:
            docker().session.open_recipe(name)
        yield from ready()
        yield from close(document)
        yield from soon("phase", lambda: state().phase, Phase.EMPTY)
        expect("nothing runs", jobs.job_manager().runs, [])
        document, _ = yield from open_photo()
        yield from ready()
        yield from soon("title", title, "New result for “Photo”")
        buttons = [widget(QPushButton, f"dioptre_{one}_button") for one in ("edit_depth", "update")]
        expect("greyed", [button.isEnabled() for button in buttons], [False, False])
        yield from close(document)


def check_menu_picture():
    document, _ = yield from open_photo()
    yield from person.maximize()
    yield from person.choose_in_menu("Filter", "Dioptre")
    person.screenshot("krita-menu.png")
    person.keys("Escape", "Escape", "Escape")
    yield from settle(document, 6)


def check_equal_refusals_show_once():
    """Refusals of menu entries share one non-modal window; the docker shows its own refusals as text."""
    document, _ = yield from open_photo()
    for _ in range(3):
        trigger("dioptre_edit")
        yield from settle(document)
    shown = [one for one in QApplication.topLevelWidgets() if one.objectName() == "dioptre_message"]
    boxes = [one for one in shown if one.isVisible()]
    expect("windows", [(one.isModal(), "no Dioptre results" in one.text()) for one in boxes], [(False, True)])
    boxes[0].close()
    yield from opened("dioptre_repair_depth")
    expect_in("words", "needs a depth layer", widget(QLabel, "dioptre_words").text())
    expect("runs", jobs.job_manager().runs, [])
