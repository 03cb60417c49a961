"""The material for training the subject network: subject instances and masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dioptre.imaging.closer_look import Window
from training.subject.face_marks import read_marks, wanted
from training.subject.masks import horses, voc
from training.subject.outlines import Outlined, subject

SIZE = (160, 120)
CATEGORIES = {1: ("person", True), 2: ("dog", True), 3: ("vase", False), 4: ("couch", False)}


def box(category: int, left: int, top: int, width: int, height: int) -> dict[str, object]:
    right, bottom = left + width - 1, top + height - 1
    return {
        "category_id": category,
        "bbox": [left, top, width, height],
        "area": width * height,
        "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
    }


def photo(*instances: dict[str, object]) -> Outlined:
    return Outlined(name="a.jpg", size=SIZE, licence=4, instances=list(instances), categories=CATEGORIES)


def found(seen: Outlined) -> tuple[np.ndarray, np.ndarray, bool] | None:
    masks = np.stack([seen.mask([i]) for i in seen.outlined])
    alive, behind = (np.array([told(i) for i in seen.outlined]) for told in (seen.is_alive, seen.is_behind))
    return subject(masks, alive=alive, behind=behind)


def test_the_person_before_a_couch_is_the_subject_and_what_is_held_may_be() -> None:
    person, couch, vase = box(1, 60, 20, 40, 90), box(4, 0, 104, 160, 16), box(3, 99, 60, 12, 12)
    main, unknown, living = found(photo(person, couch, vase))
    assert living
    assert (main == photo().mask([person])).all()
    assert unknown[65, 105]
    assert not unknown[115, 20], "a couch is behind, not doubtful"


def test_things_are_the_subject_where_nothing_is_alive() -> None:
    vase = box(3, 60, 30, 40, 60)
    main, unknown, living = found(photo(vase, box(4, 0, 108, 160, 12)))
    assert not living
    assert (main == photo().mask([vase])).all()
    assert not unknown.any()


def test_a_clear_subject_is_large_and_not_one_of_many() -> None:
    assert photo(box(1, 60, 20, 40, 90)).in_front()
    assert not photo(box(1, 60, 20, 8, 8)).in_front()
    assert not photo(*(box(1, 30 * k, 20, 25, 90) for k in range(5))).in_front()


def test_masks_are_read_by_the_name_of_their_photograph(tmp_path: Path) -> None:
    for folder in ("pictures", "masks", "horses/rgb", "horses/figure_ground"):
        (tmp_path / folder).mkdir(parents=True)
    classes = np.zeros((60, 80), np.uint8)
    # A horse, a chair, and unlabelled pixels.
    classes[10:50, 10:30], classes[10:50, 40:70], classes[:2] = 13, 9, 255
    Image.fromarray(classes).save(tmp_path / "masks" / "2010_000000.png")
    for path in ("pictures/2010_000000.jpg", "pictures/2010_000001.jpg", "horses/rgb/horse001.jpg"):
        Image.new("RGB", (80, 60)).save(tmp_path / path)
    Image.fromarray((classes == 13).astype(np.uint8) * 255).save(tmp_path / "horses/figure_ground/horse001.jpg")
    ((name, load),) = voc(tmp_path / "pictures", tmp_path / "masks")
    seen = load()
    assert name == "2010_000000"
    assert seen.alive.tolist() == [False, True]
    assert seen.behind.tolist() == [True, False]
    assert (seen.masks[1] == (classes == 13)).all()
    assert (seen.unsaid == (classes == 255)).all()
    ((_, load),) = horses(tmp_path / "horses")
    assert load().masks[0][30, 20]
    assert not load().masks[0][30, 50]


def test_patches_on_a_face_are_told_from_those_beside_it() -> None:
    """The mark of a head seen from behind teaches heads alone; a small face is one patch."""
    whole = Window(top=0, left=0, height=200, width=400, size=(200, 400))
    made = wanted([(True, 0.25, 0.5, 0.3), (False, 0.77, 0.52, 0.01)], whole)
    assert (made[16, 8] == 1).all()
    assert (made[9, 8] == -1).all(), "the rim"
    assert (made[2, 8] == 0).all()
    assert made[16, 24].tolist() == [-1, 1]
    assert (made[..., 1] == 1)[:, 20:].sum() == 1
    right = wanted([(True, 0.25, 0.5, 0.3)], Window(top=0, left=200, height=200, width=200, size=(200, 400)))
    assert (right <= 0).all()


def test_every_photograph_is_marked_inside_its_sides() -> None:
    marks = read_marks()
    assert len(marks) > 200
    assert all(0 < x < 1 and 0 < y < 1 and 0 < tall < 1 for own in marks.values() for _, x, y, tall in own)
