"""Choose a shift for each cell of a hole, so that neighbouring copies fit together.

The energy is that of shift maps (Y. Pritch, E. Kav-Venaki, S. Peleg, "Shift-Map Image Editing", ICCV 2009): the
cost of each cell's shift, and at each boundary between two shifts, how much the two copies differ on both sides. It
is lowered by expansion moves (Y. Boykov, O. Veksler, R. Zabih, "Fast Approximate Energy Minimization via Graph
Cuts", PAMI 2001): each shift in turn may take over any cells. Which cells do is found by passing messages between
neighbours, and the move is kept only if the energy falls.

Cells and pixels are flat arrays whose lengths come from a few fixed sizes, so that few programs are compiled.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped

from dioptre.programs import kept

FORBIDDEN = 1e3  # cost of a shift that has no source
_BOUNDARY = 1e-4  # cost of a boundary between equal copies, against needless ones
_MOST_ROUNDS = 64  # rounds of messages per move
_APPEARANCE = 0.5  # fraction of a grid's spanning trees that contain an edge, for reweighted messages
_DAMPING = 0.5
_ROUNDS = 8  # after so many rounds, it is looked whether messages still change
_SETTLED = 1e-5  # messages that change by less have settled
_LANES = 256  # parts of an array whose largest values are found side by side


class Cells(NamedTuple):
    """A rectangle of cells to label, row by row; a neighbour is 1 or `width` places ahead in its arrays.

    Attributes:
        rows: row of each cell in the picture.
        columns: column of each cell.
        fixed: cells that keep label 0, which copies them to themselves; padding is fixed, too.
        pairs: whether each cell and its neighbour to the right, and each cell and that below, have a boundary that
            counts.
        width: cells in each row.
    """

    rows: Int[Array, "n"]
    columns: Int[Array, "n"]
    fixed: Bool[Array, "n"]
    pairs: Bool[Array, "2 n"]
    width: Int[Array, ""]

    @property
    def steps(self) -> tuple[Int[Array, ""], Int[Array, ""]]:
        """The distances to the neighbours to the right and below."""
        return jnp.ones_like(self.width), self.width


class Picture(NamedTuple):
    """The features that are compared at boundaries.

    Attributes:
        features: planes of all pixels, row by row; the planes are padded at their end.
        size: rows and columns of the picture.
    """

    features: Float[Array, "c p"]
    size: Int[Array, "2"]


class Choices(NamedTuple):
    """The labels.

    Attributes:
        costs: cost of each label at each cell.
        shifts: rows and columns from a cell to its source, for each label; those of label 0 are 0.
    """

    costs: Float[Array, "l n"]
    shifts: Int[Array, "l 2"]


@kept
def expand(
    picture: Picture,
    cells: Cells,
    choices: Choices,
    label: Int[Array, "n"],
    *,
    order: Int[Array, "l"],
    count: Int[Array, ""],
    new_label: Float[Array, ""],
) -> tuple[Int[Array, "n"], Float[Array, ""]]:
    """Let each label in turn take over cells while this lowers the energy.

    Args:
        picture: the picture with any filling.
        cells: the cells to label.
        choices: the labels.
        label: the present labels.
        order: the labels to try.
        count: how many of them.
        new_label: by how much a label that no cell has must lower the energy.

    Returns:
        The new labels, and the change of the energy, which is at most 0.
    """

    def one(index: Int[Array, ""], state: tuple[Array, Array]) -> tuple[Array, Array]:
        label, change = state
        number = order[index]
        move = _move(picture, cells, choices, label, number)
        taken = _taken(move, cells)
        gain = _change(move, cells, taken)
        accepted = gain < jnp.where((label == number).any(), 0.0, -new_label)
        label = jnp.where(accepted & taken, number, label)
        return label, change + jnp.where(accepted, gain, 0.0)

    start = (label, jnp.zeros((), choices.costs.dtype))
    return jax.lax.fori_loop(0, count, one, start)


class _Move(NamedTuple):
    """The change of the energy if cells take a label: `cost` for each one, less `joint` where neighbours both do.

    Attributes:
        cost: of each cell, with its boundaries.
        joint: of each cell and its neighbour to the right, and of each cell and that below.
    """

    cost: Float[Array, "n"]
    joint: Float[Array, "2 n"]


def _move(
    picture: Picture,
    cells: Cells,
    choices: Choices,
    label: Int[Array, "n"],
    number: Int[Array, ""],
) -> _Move:
    """Return what changes where cells take the label `number`."""
    costs, shifts = choices
    present = jnp.take_along_axis(costs, label[None], axis=0)[0]
    cost = jnp.where(cells.fixed, FORBIDDEN, costs[number] - present)
    shift, new_shift = shifts[label], jnp.broadcast_to(shifts[number], (label.shape[0], 2))
    own, new = (_copied(picture, cells, each) for each in (shift, new_shift))
    joints = []
    for step, move, counts in zip(cells.steps, ((0, 1), (1, 0)), cells.pairs, strict=True):
        shift_other, label_other = (_ahead(each, step) for each in (shift, label))
        own_other, new_other = (_ahead(each, step, axis=1) for each in (own, new))
        at_own = _copied(picture, cells, shift_other)  # the neighbour's shift at this cell
        at_other = _copied(picture, cells, shift + jnp.asarray(move))  # this cell's shift at the neighbour

        def boundary(one: Array, two: Array, same: Array, counts: Array = counts) -> Array:
            return jnp.where(counts & ~same, one + two + _BOUNDARY, 0)

        now = boundary(_squared(own, at_own), _squared(at_other, own_other), label == label_other)
        theirs_new = boundary(_squared(own, new), _squared(at_other, new_other), label == number)
        mine_new = boundary(_squared(new, at_own), _squared(new_other, own_other), label_other == number)
        cost = cost + (mine_new - now) + _behind(theirs_new - now, step)
        joints.append(theirs_new + mine_new - now)
    return _Move(cost, jnp.stack(joints))


def _copied(picture: Picture, cells: Cells, shift: Int[Array, "n 2"]) -> Float[Array, "c n"]:
    rows = jnp.clip(cells.rows + shift[:, 0], 0, picture.size[0] - 1)
    columns = jnp.clip(cells.columns + shift[:, 1], 0, picture.size[1] - 1)
    return picture.features.at[:, rows * picture.size[1] + columns].get(mode="clip")


def _squared(one: Float[Array, "c n"], two: Float[Array, "c n"]) -> Float[Array, "n"]:
    return reduce(jnp.add, [jnp.square(a - b) for a, b in zip(one, two, strict=True)])


def _taken(move: _Move, cells: Cells) -> Bool[Array, "n"]:
    """Return which cells take the label, by tree-reweighted messages between neighbours.

    M. Wainwright, T. Jaakkola, A. Willsky, "MAP Estimation via Agreement on Trees", IEEE Trans. Information Theory
    2005. A message is the change of a neighbour's cost that a cell prefers.
    """
    right, below = jnp.maximum(move.joint, 0) / _APPEARANCE
    across, down = cells.steps
    weights = (right, below, _behind(right, across), _behind(below, down))

    def received(sent: _Messages) -> _Messages:
        """Return the messages from each neighbour; it sends them to the opposite side."""
        right, below, left, above = sent
        return _ahead(left, across), _ahead(above, down), _behind(right, across), _behind(below, down)

    def fresh(sent: _Messages) -> tuple[_Plane, ...]:
        came = received(sent)
        total = move.cost + _APPEARANCE * sum(came)
        return tuple(
            jnp.minimum(total - each - weight, 0) - jnp.minimum(total - each, 0)
            for each, weight in zip(came, weights, strict=True)
        )

    def once(_: Int[Array, ""], sent: _Messages) -> _Messages:
        right, below, left, above = (
            old + _DAMPING * (new - old) for old, new in zip(sent, fresh(sent), strict=True)
        )
        return right, below, left, above

    def some(state: tuple[_Messages, Array, Array]) -> tuple[_Messages, Array, Array]:
        before, _, rounds = state
        after = jax.lax.fori_loop(0, _ROUNDS, once, before)
        changes = reduce(jnp.add, [jnp.abs(new - old) for new, old in zip(after, before, strict=True)])
        return after, changes.reshape(_LANES, -1).max(axis=0).max(), rounds + _ROUNDS

    def unsettled(state: tuple[_Messages, Array, Array]) -> Bool[Array, ""]:
        return (state[1] > _SETTLED) & (state[2] < _MOST_ROUNDS)

    right, below, left, above = (-weight / 2 for weight in weights)
    start = ((right, below, left, above), jnp.asarray(jnp.inf, move.cost.dtype), jnp.zeros((), jnp.int32))
    sent, _, _ = jax.lax.while_loop(unsettled, some, start)
    return (move.cost + _APPEARANCE * sum(received(sent)) < 0) & ~cells.fixed


_Plane = Float[Array, "n"]
_Messages = tuple[_Plane, _Plane, _Plane, _Plane]
"""From each cell to its neighbours on the right, below, on the left and above; planes of their own are faster."""


def _ahead(values: Shaped[Array, "*n"], step: Int[Array, ""], *, axis: int = 0) -> Shaped[Array, "*n"]:
    """Return for each place the value `step` places ahead; the first values follow the last ones."""
    twice = jnp.concatenate([values, values], axis=axis)
    return jax.lax.dynamic_slice_in_dim(twice, step, values.shape[axis], axis=axis)


def _behind(values: Shaped[Array, "*n"], step: Int[Array, ""]) -> Shaped[Array, "*n"]:
    """Return for each place the value `step` places behind; the last values precede the first ones."""
    return _ahead(values, len(values) - step)


def _change(move: _Move, cells: Cells, taken: Bool[Array, "n"]) -> Float[Array, ""]:
    """Return by how much the energy changes if these cells take the label."""
    both = jnp.stack([taken & _ahead(taken, step) for step in cells.steps])
    return jnp.where(taken, move.cost, 0).sum() - jnp.where(both, move.joint, 0).sum()
