"""Live previews: the picture stays in the worker, and each change of an option requests a small result.

A `PreviewSession` computes previews in generators of steps that never wait: GIMP runs them from its main loop,
Krita on a thread (`events.drain`). If the operation supports it, a draft appears at once and the exact preview
follows.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Hashable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from ..buffers import Buffer
from ..catalogue import lens_blur, white_balance
from ..catalogue.depth import CONFIDENCE
from ..client import Result, Stored, Worker, WorkerLostError
from ..metres import DepthMetres
from ..operation import Input, Role
from ..wire import PixelFormat
from . import picking, traits, views
from .events import Image, Shown, Shows, Step, Steps, follow, read_images
from .request import Point, Request, detail_rect

PATIENCE_S = 1.0
"""A preview younger than this is not superseded: otherwise a slider that keeps moving would never show a result."""

SETTLE_MS = 30
"""Pause after a change before the preview is requested, since a moving slider sends many changes."""

SUBJECTS = 8  # maximum number of subjects kept in the worker, one for each set of places that the user chose
LEAST_PX = 16  # smallest longer side of a preview that the worker accepts


class PreviewSession:
    """A session of previews of one picture, whose depth and subjects the worker keeps; not thread-safe."""

    def __init__(self, worker: Worker, colour_format: PixelFormat, *, poll_s: float = 0.0) -> None:
        """Set up a session without contacting the worker.

        Args:
            worker: the client's access to the worker.
            colour_format: 8-bit format of the pictures to show.
            poll_s: how long a step may wait for the worker.
        """
        self._worker = worker
        self._format = colour_format
        self._poll_s = poll_s
        self._asked_s, self._longest_px = 0.0, 0  # of the latest preview: when it was requested, and its size
        self._drafting = False
        self._finding: Hashable = None  # key of the depth and subject that the current preview is computing
        # Key of the inputs for which the worker has cached the networks' outputs, so that the next draft is fast.
        self._looked: Hashable = None
        self._forget()

    def _forget(self) -> None:
        self._looked = None
        self._keys: dict[str, Hashable] = {}
        self._stored: dict[str, Stored] = {}
        self._depth: Stored | None = None
        self._depth_key: Hashable = None
        self._depth_shown: Image | None = None
        self._depth_metres: DepthMetres | None = None  # metres of `_depth`
        # Subjects' names in the worker and their coverage, by `Request.choice`.
        self._subjects: dict[Hashable, tuple[str, Image | None]] = {}
        self._latest: Hashable = None  # the choice of the most recently found subject
        self._latest_point: Point | None = None

    def stored(self, name: str, key: Hashable) -> Stored | None:
        """Return an input that the worker already has, for use in the full-size run; None if its pixels changed."""
        return self._stored.get(name) if self._keys.get(name) == key else None

    def should_wait(self, request: Request) -> bool:
        """Return whether to let the current preview continue for now; ask again after `SETTLE_MS`."""
        young = time.monotonic() - self._asked_s < PATIENCE_S
        if self._finding is not None and self._finding == _found_by(request):
            return True  # this request needs the depth and subject being computed
        at_once = self.can_draft(request) or self._looked == _found_by(request)
        return self._drafting or (young and not at_once)

    def can_draft(self, request: Request) -> bool:
        """Return whether the results of all slow steps are known, so that a draft is fast."""
        if not request.operation.drafts or self._depth is None or self._depth_key != _depth_key(request):
            return False
        return bool(self._subjects) or not traits.finds_subject(request.operation)

    def preview(self, request: Request) -> Shows:
        """Yield steps and drafts, and return the exact preview.

        A worker that has ended is restarted once.

        Raises:
            DioptreError: the job failed.
        """
        self._asked_s, self._longest_px = time.monotonic(), request.longest_px
        try:
            return (yield from self._preview(request))
        except WorkerLostError:
            self._forget()
            self._worker.connect(may_start=True)
            return (yield from self._preview(request))
        finally:
            self._drafting, self._finding = False, None

    def _preview(self, request: Request) -> Shows:
        if traits.enlarges(request.operation):
            return (yield from self._detail(request))
        yield from self._hand_over(request)
        self._take_depth(request)
        if self.can_draft(request):
            yield from self._draft(request)
        elif request.operation.drafts:
            yield (yield from self._first_draft(request))
        return (yield from self._job(request, request.choice))

    def beside(self, request: Request) -> Shows:
        """Return another operation's result on the picture, such as a recipe's; later previews stay as fast.

        A draft at the previews' size, if the operation has drafts, needs no program that they have not compiled: no
        preview could interrupt that. An enlargement gives the picture as it is, because a small part of it would
        show nothing at a tile's size.

        Raises:
            DioptreError: the job failed.
        """
        if traits.enlarges(request.operation):
            request = replace(request, operation=white_balance.OPERATION, options=white_balance.UNCHANGED)
        if drafts := request.operation.drafts:
            request = replace(request, longest_px=self._longest_px or request.longest_px)
        if self._keys.get("picture") != request.inputs["picture"].key:
            yield from self._hand_over(request)
        depth = self._depth
        if _depth_key(request) != self._depth_key:
            self._depth = None
        try:
            return (yield from self._job(request, request.choice, draft=drafts, keeps=False))
        finally:
            self._depth = depth

    # -- inputs --------------------------------------------------------------------------------------------------

    def _hand_over(self, request: Request) -> Steps[None]:
        """Store inputs that the worker does not have yet; a new picture discards all earlier results."""
        if self._keys.get("picture") != request.inputs["picture"].key:
            self._forget()
        for name in ("picture", "layer", "disparity", "selection"):
            given = request.inputs.get(name)
            if given is None:
                self._keys.pop(name, None)
                self._stored.pop(name, None)
            elif self._keys.get(name) != given.key:
                buffer = yield from given.upload(self._worker)
                try:
                    self._stored[name] = self._worker.store(f"given-{name}", name, buffer)
                finally:
                    buffer.delete()
                self._keys[name] = given.key

    def _take_depth(self, request: Request) -> None:
        """Discard the estimated depth, and the subjects found with it, if the request uses other depth."""
        key = _depth_key(request)
        if key != self._depth_key:
            self._depth, self._depth_shown, self._depth_metres = None, None, None
            self._subjects.clear()
            self._depth_key = key
        if "disparity" in self._stored and traits.takes_depth(request.operation):
            self._depth, self._depth_metres = self._stored["disparity"], request.depth_metres

    # -- drafts and the exact preview ----------------------------------------------------------------------------

    def _first_draft(self, request: Request) -> Steps[Shown]:
        """Return a draft with a quickly found subject: it appears early and compiles programs for later drafts.

        The worker caches the outputs of its networks, so the exact preview continues from there.
        """
        self._finding = _found_by(request)
        shown = yield from self._job(request, request.choice, draft=True, keeps=False)
        self._finding, self._looked = None, _found_by(request)
        return shown

    def _draft(self, request: Request) -> Generator[Step | Shown, None, None]:
        """Yield a draft from known results: with the known subject if the point is on it, else only a lens blur.

        A new point on the known subject also gets an exact blur with that subject, before the subject is found
        again. Adding an object to the known subject, or removing one, only takes effect in the exact preview.
        """
        moved = traits.finds_subject(request.operation) and request.choice not in self._subjects
        same_point = request.point == self._latest_point
        on_subject = moved and not same_point and self._is_on_subject(request)
        quick = request
        if moved and not on_subject and not same_point:
            lens = lens_blur.OPERATION
            options = {
                one.name: request.options[one.name] for one in lens.parameters if one.name in request.options
            }
            quick = replace(request, operation=lens, options=options)
        known = self._latest if moved else request.choice
        self._drafting = True
        try:
            yield (yield from self._job(quick, known, draft=True))
        finally:
            self._drafting = False
        if on_subject:
            yield replace((yield from self._job(request, known)), draft=True)

    def _is_on_subject(self, request: Request) -> bool:
        coverage = self._subjects.get(self._latest, ("", None))[1]
        point = request.point
        if coverage is None or point is None:
            return False
        return coverage.at(point[0] / request.size[0], point[1] / request.size[1]) >= views.INSIDE

    def _job(self, request: Request, at: Hashable, *, draft: bool = False, keeps: bool = True) -> Steps[Shown]:
        """Run a preview job.

        Args:
            request: the request.
            at: the choice whose subject is used if it is known; otherwise the subject is found.
            draft: compute an approximation.
            keeps: whether the worker keeps the depth and the subject found by this job.
        """
        operation, options = request.operation, dict(request.options)
        inputs: dict[str, Any] = {"picture": self._stored["picture"]}
        keep: dict[Role, str] = {}
        if traits.takes_depth(operation) and self._depth is not None:
            inputs["disparity"] = self._depth
        elif Role.DEPTH in operation.outputs and traits.takes_depth(operation):
            keep[Role.DEPTH] = "preview-depth"
        if Input.SUBJECT in operation.optional_inputs:
            if at in self._subjects:
                inputs["subject"] = self._worker.stored(self._subjects[at][0])
            else:
                keep[Role.SUBJECT] = self._free_slot()
        roles = (Role.RESULT, Role.DEPTH, Role.CONFIDENCE, Role.SELECTION, Role.INVENTED, *keep)
        keep = keep if keeps else {}
        inputs |= {name: self._stored[name] for name in ("layer", "selection") if name in self._stored}
        if Role.CONFIDENCE in operation.outputs:
            options[CONFIDENCE] = True  # costs no extra time, and the dialog has a view that shows it
        job = self._worker.submit(
            operation.name,
            options,
            inputs,
            colour_format=self._format,
            depth_dtype="u8",
            roles=roles,
            keep=keep,
            preview_px=max(LEAST_PX, request.longest_px),
            draft=draft,
            supersede="preview",
            opened_file=request.opened_file,
            depth_metres=self._depth_metres if "disparity" in inputs else None,
        )
        result = yield from follow(job, poll_s=self._poll_s)
        images = read_images(result)
        if Role.DEPTH in keep:
            self._depth_metres = DepthMetres.of_values(result.values)
        self._remember(keep, images, request, at)
        return self._shown(request, result, images, at, draft=draft)

    def _free_slot(self) -> str:
        """Return a name for storing another subject; the oldest one is replaced if all names are taken."""
        slots = {kept[0]: point for point, kept in self._subjects.items()}
        names = [f"preview-subject-{number}" for number in range(SUBJECTS)]
        free = next((name for name in names if name not in slots), None)
        if free is None:
            free = next(iter(slots))
            del self._subjects[slots[free]]
        return free

    def _remember(
        self, keep: Mapping[Role, str], images: Mapping[Role, Image], request: Request, at: Hashable
    ) -> None:
        if Role.DEPTH in keep:
            self._depth = self._worker.stored(keep[Role.DEPTH])
        if Role.DEPTH in images:
            self._depth_shown = images[Role.DEPTH].channel(0)
        if Role.SUBJECT in keep:
            coverage = images.get(Role.SUBJECT)
            self._subjects[at] = (keep[Role.SUBJECT], None if coverage is None else coverage.channel(-1))
            self._latest, self._latest_point = at, request.point

    def _shown(
        self, request: Request, result: Result, images: Mapping[Role, Image], at: Hashable, *, draft: bool
    ) -> Shown:
        confidence, subject = images.get(Role.CONFIDENCE), images.get(Role.SUBJECT)
        selection = images.get(Role.SELECTION) or images.get(Role.INVENTED)
        after = images.get(Role.RESULT)
        found = None if subject is None else subject.channel(-1)
        coverage = self._subjects[at][1] if at in self._subjects else found
        depth = self._depth_shown or request.depth_image
        if depth is not None and coverage is not None:
            coverage = coverage.resized(depth.width, depth.height)
        point = request.point and picking.share(request.point, request.size)
        limits = {one.name: max(request.size) for one in request.operation.parameters if one.within_picture}
        return Shown(
            draft=draft,
            after=None if after is None else after.faded(request.coverage),
            depth=depth,
            depth_before=request.depth_image if traits.changes_depth(request.operation) else None,
            confidence=None if confidence is None else confidence.channel(0),
            subject=coverage,
            clicked=None if depth is None or point is None else depth.at(*point) / 255,
            selection=None if selection is None else selection.channel(0),
            values={**result.values, **limits},
            messages=result.messages,
        )

    # -- enlargements --------------------------------------------------------------------------------------------

    def _detail(self, request: Request) -> Shows:
        """Return a preview of one part of the picture, both enlarged and unchanged."""
        assert request.crop is not None
        left, top, width, height = part = detail_rect(request)
        with ExitStack() as files:
            cropped = dict(request.crop(self._worker, part))
            for buffer in cropped.values():
                files.callback(buffer.delete)
            before = yield from self._plain(cropped["picture"])
            job = self._worker.submit(
                request.operation.name,
                request.options,
                cropped,
                colour_format=self._format,
                roles=[Role.RESULT],
                supersede="preview",
            )
            result = yield from follow(job, poll_s=self._poll_s)
            after = read_images(result).get(Role.RESULT)
        full = request.size
        share = left / full[0], top / full[1], width / full[0], height / full[1]
        return Shown(
            after=None if after is None else after.faded(request.coverage, share),
            before=None if before is None else before.faded(request.coverage, share),
            part=share,
            values=result.values,
            messages=result.messages,
        )

    def _plain(self, picture: Buffer) -> Steps[Image | None]:
        """Convert the unchanged part to the preview's format: white balance with strength 0 changes no value."""
        job = self._worker.submit(
            white_balance.OPERATION.name, white_balance.UNCHANGED, {"picture": picture}, colour_format=self._format
        )
        result = yield from follow(job, poll_s=self._poll_s)
        return read_images(result).get(Role.RESULT)


def _depth_key(request: Request) -> Hashable:
    """Return a key for the depth of a preview: the depth layer's pixels, or the options of the estimate."""
    given = request.inputs.get("disparity")
    if given is not None:
        return ("given", given.key)
    if Role.DEPTH not in request.operation.outputs:
        return ("none",)
    return ("estimated", tuple(sorted(traits.depth_options(request.operation, request.options).items())))


def _found_by(request: Request) -> Hashable:
    """Return a key for the depth and the subject of a request."""
    return request.inputs["picture"].key, _depth_key(request), request.choice
