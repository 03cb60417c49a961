"""The training of the subject head: subject instances, crops, and a loss that falls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from dioptre.imaging.closer_look import Window
from dioptre.models.subject.config import SubjectConfig
from dioptre.models.subject.head import SubjectHead
from training.depth.values import flat, unflat
from training.lists import listed
from training.subject.alignment import Fit, aligned
from training.subject.continuing import Views, mean_of_all, mirrored
from training.subject.crops import at_the_edge, parts, round_instance
from training.subject.cutouts import composite
from training.subject.depth_part import nearer_part
from training.subject.face_marks import read_marks, wanted
from training.subject.loss import loss_of
from training.subject.masks import horses, voc
from training.subject.outlines import Outlined, subject
from training.values import load_network, save_network

CONFIG = SubjectConfig()
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


def test_parts_hold_most_of_the_subject() -> None:
    target = np.zeros((120, 160), np.float32)
    target[20:110, 60:100] = 1
    made = list(parts(target, np.random.default_rng(0), 40))
    assert made[0] == (slice(0, 120), slice(0, 160), False)
    assert len(made) > 5
    assert all(target[rows, columns].sum() >= 0.55 * target.sum() for rows, columns, _ in made)


def test_a_closer_look_lies_inside_the_picture_and_holds_the_instance_s_middle() -> None:
    instance, rng = box(3, 300, 200, 120, 100), np.random.default_rng(1)
    windows = [window for _ in range(50) if (window := round_instance(instance, (640, 480), rng)) is not None]
    assert len(windows) > 30
    for rows, columns in windows:
        assert 0 <= rows.start < 250 < rows.stop <= 480
        assert 0 <= columns.start < 360 < columns.stop <= 640


def test_an_outline_drawn_a_little_off_moves_to_the_edge() -> None:
    truth = np.zeros((120, 160), bool)
    truth[20:100, 40:120] = True
    picture = np.where(truth[..., None], 0.8, 0.2).astype(np.float32) * np.ones(3, np.float32)
    drawn = np.roll(truth, 2, axis=1)
    assert (at_the_edge(picture, drawn)[60] > 0.5).tolist() == truth[60].tolist()


def test_the_depth_map_gives_back_the_hair_that_a_mask_has_lost() -> None:
    disparity = np.repeat(np.linspace(0.1, 0.3, 120, dtype=np.float32)[:, None], 160, axis=1)  # The ground rises.
    person = np.zeros((120, 160), bool)
    person[30:110, 60:100] = True
    disparity[person] = 0.7
    disparity[60:110, 5:30] = 0.8  # Another person, nearer.
    face = person.copy()
    face[:60] = False
    assert (nearer_part(disparity, face) == person).all()


def test_no_photograph_is_in_two_lists() -> None:
    here = Path(__file__).parents[2] / "training/subject"
    left_out, by_depth = listed(here / "left_out.txt"), listed(here / "by_depth.txt")
    assert left_out
    assert by_depth
    assert not left_out & by_depth


def test_the_head_learns_one_batch() -> None:
    optax = pytest.importorskip("optax")
    rng, taps, width = np.random.default_rng(0), len(CONFIG.backbone.taps), CONFIG.backbone.width
    target = np.zeros((1, 64, 64), np.uint8)
    target[:, 16:48, 16:48] = 255
    features = rng.normal(size=(1, taps, 64, width)).astype(np.float16)
    features.reshape(1, taps, 8, 8, width)[:, :, 2:6, 2:6] += 1
    batch = {
        "features": features,
        "picture": np.repeat(target[..., None], 3, axis=3),
        "target": target,
        "weight": np.full_like(target, 255),
    }
    graph, state = nnx.split(SubjectHead(CONFIG, rngs=nnx.Rngs(0)))
    optimiser = optax.adam(3e-3)
    memory = optimiser.init(state)

    @jax.jit
    def step(state, memory):
        loss, gradient = jax.value_and_grad(lambda s: loss_of(nnx.merge(graph, s), batch, jax.random.key(1)))(state)
        update, memory = optimiser.update(gradient, memory, state)
        return optax.apply_updates(state, update), memory, loss

    losses = []
    for _ in range(40):
        state, memory, loss = step(state, memory)
        losses.append(float(loss))
    assert losses[-1] < 0.25 * losses[0]
    ignored = batch | {"weight": np.zeros_like(target)}
    assert float(loss_of(nnx.merge(graph, state), ignored, None)) == 0.0, "what nobody can say costs nothing"


def test_training_goes_on_from_a_saved_head(tmp_path: Path) -> None:
    first, other = (nnx.state(SubjectHead(CONFIG, rngs=nnx.Rngs(seed))) for seed in (0, 1))
    save_network(first, tmp_path / "head.safetensors")
    gone_on = load_network(other, tmp_path / "head.safetensors")
    jax.tree.map(np.testing.assert_array_equal, gone_on, first)


def test_processes_go_on_from_the_mean_of_their_values(tmp_path: Path) -> None:
    states = [nnx.state(SubjectHead(CONFIG, rngs=nnx.Rngs(seed))) for seed in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        means = list(pool.map(lambda k: mean_of_all(states[k], tmp_path, number=1, rank=k, ranks=2), (0, 1)))
    expected = jax.tree.map(lambda a, b: (np.asarray(a) + np.asarray(b)) / 2, *states)
    for mean in means:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), mean, expected)


def test_a_mirrored_view_has_everything_mirrored(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    view = {name: rng.integers(0, 256, (64, 64), dtype=np.uint8) for name in ("target", "weight")}
    view |= {"picture": rng.integers(0, 256, (64, 64, 3), dtype=np.uint8), "edges": view["target"]}
    view["features"] = rng.normal(size=(4, 64, 16)).astype(np.float16)
    turned = mirrored(view)
    np.testing.assert_array_equal(turned["target"][:, 0], view["target"][:, -1])
    np.testing.assert_array_equal(turned["picture"][:, 0], view["picture"][:, -1])
    np.testing.assert_array_equal(turned["features"][:, 8], view["features"][:, 15])
    np.savez(tmp_path / "voc-a.npz", **view)
    batch = Views(tmp_path, np.random.default_rng(0)).batch(3)
    assert batch["features"].shape == (3, 4, 64, 16)
    assert batch["target"].shape == (3, 64, 64)


def test_a_cut_out_covers_what_its_alpha_says() -> None:
    stamp = Image.new("RGBA", (60, 80), (255, 0, 0, 0))
    stamp.paste((255, 0, 0, 255), (10, 10, 50, 70))
    ground = np.full((300, 400, 3), 0.2, np.float32)
    picture, alpha = composite(stamp, ground, np.random.default_rng(1))
    assert picture.shape[:2] == alpha.shape == (210, 280)
    assert 0.05 < alpha.mean() < 0.8
    assert picture[alpha == 1][:, 0].min() > 0.6
    assert picture[alpha == 0][:, 0].max() < 0.4


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


def test_a_head_aligned_to_a_turned_backbone_gives_the_same_result() -> None:
    taps, width = len(CONFIG.backbone.taps), CONFIG.backbone.width
    rng = np.random.default_rng(3)
    graph, state = nnx.split(SubjectHead(CONFIG, rngs=nnx.Rngs(0)))
    head = {name: np.asarray(value, np.float64) for name, value in flat(nnx.to_pure_dict(state)).items()}
    turn = np.linalg.qr(rng.standard_normal((taps, width, width)))[0]
    shift = rng.standard_normal((taps, 1, width))
    fit = Fit(taps, width)
    for _ in range(40):
        before = rng.standard_normal((taps, 60, width))
        fit.add(before @ turn + shift, before)
    after = nnx.State(unflat(aligned(head, fit), nnx.to_pure_dict(state), origin=Path()))

    features = rng.standard_normal((taps, 1, 24, 24, width))
    new = features @ turn[:, None, None] + shift[:, None, None]
    features, new, shown = (jnp.asarray(x, jnp.float32) for x in (features, new, rng.random((1, 192, 192, 3))))
    wanted, unadapted = (np.asarray(nnx.merge(graph, state)(x, shown)) for x in (features, new))
    result = np.asarray(nnx.merge(graph, after)(new, shown))
    assert np.abs(result - wanted).max() < 0.005 * np.ptp(wanted)
    assert np.abs(unadapted - wanted).max() > 0.2 * np.ptp(wanted)


def test_patches_on_a_face_are_told_from_those_beside_it() -> None:
    """The mark of a head seen from behind teaches heads alone; a small face is one patch."""
    whole = Window(top=0, left=0, height=200, width=400, size=(200, 400))
    made = wanted([(True, 0.25, 0.5, 0.3), (False, 0.77, 0.52, 0.01)], whole)
    assert (made[12, 6] == 1).all()
    assert (made[7, 6] == -1).all(), "the rim"
    assert (made[2, 6] == 0).all()
    assert made[12, 18].tolist() == [-1, 1]
    assert (made[..., 1] == 1)[:, 15:].sum() == 1
    right = wanted([(True, 0.25, 0.5, 0.3)], Window(top=0, left=200, height=200, width=200, size=(200, 400)))
    assert (right <= 0).all()


def test_every_photograph_is_marked_inside_its_sides() -> None:
    marks = read_marks()
    assert len(marks) > 200
    assert all(0 < x < 1 and 0 < y < 1 and 0 < tall < 1 for own in marks.values() for _, x, y, tall in own)
