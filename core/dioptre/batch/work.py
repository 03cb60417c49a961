"""Process one picture of a batch, from its file to the bytes of its results, in a worker process."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dioptre.runtime import is_out_of_memory
from dioptre_link.errors import DioptreError
from dioptre_link.scratch import temporary_folder

if TYPE_CHECKING:
    import numpy as np

PREVIEW_PX = 900  # longer side, in pixels, of the small pictures on the contact sheet
_PREVIEW_QUALITY = 84
# Error code of a worker that cannot read the picture's file, or finds a different one, and needs its bytes instead.
NOT_HERE = "input-not-here"


@dataclass(frozen=True, kw_only=True)
class Task:
    """A picture to process and the recipe to apply.

    Attributes:
        name: name of the picture in the batch.
        stem: start of the names of its results.
        source: path of the picture; the file is not read if `content` is given.
        sha256: SHA-256 of the picture's bytes; a worker that reads different bytes reports `NOT_HERE`.
        recipe: the recipe as JSON types.
        everything: also create layers, depth and a preview sheet, as `run` does.
        content: the picture's bytes.
        size: height and width in pixels, (0, 0) if unknown.
        dioptre_version: version of Dioptre that the worker must have.
    """

    name: str
    stem: str
    source: Path
    sha256: str
    recipe: Mapping[str, Any]
    everything: bool = False
    content: bytes | None = None
    size: tuple[int, int] = (0, 0)
    dioptre_version: str = field(default_factory=lambda: version("dioptre"))


@dataclass(frozen=True, kw_only=True)
class Made:
    """The results of a picture: complete files by name, and two small JPEGs for the contact sheet."""

    files: Mapping[str, bytes]
    before: bytes
    after: bytes
    models: Mapping[str, str]
    values: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Failed:
    """The reason why there is no result, as the fields of a DioptreError."""

    code: str
    message: str
    hint: str = ""

    @staticmethod
    def by(error: Exception) -> Failed:
        if isinstance(error, DioptreError):
            return Failed(code=error.code, message=error.message, hint=error.hint)
        if is_out_of_memory(error):
            return _OUT_OF_MEMORY
        sentence = (str(error).strip() or "no details").splitlines()[0]
        return Failed(
            code="internal",
            message=f"Something went wrong inside Dioptre ({type(error).__name__}: {sentence[:200]}).",
            hint="Please report this. Run 'dioptre run' on this picture alone to write the details to the log.",
        )

    def error(self) -> DioptreError:
        return DioptreError(self.message, hint=self.hint, code=self.code)


Outcome = Made | Failed


def prepare(*, threads: int, processes: int = 1) -> None:
    """Set up this process before JAX is imported: allocator settings, and the number of threads for XLA.

    Args:
        threads: number of threads for XLA.
        processes: number of processes that share the machine's graphics card.
    """
    if "jax" in sys.modules:
        return
    from dioptre import runtime

    # If these variables are set, XLA uses them instead of the number of cores.
    os.environ["NPROC"] = os.environ["PJRT_NPROC"] = str(threads)
    runtime.prepare(processes=processes)


def make(task: Task) -> Outcome:
    """Run the task. Every error is returned as an outcome; none is raised."""
    try:
        return _make(task)
    except Exception as error:  # noqa: BLE001  (the top of a worker; one picture must not end the others)
        return Failed.by(error)
    finally:
        from dioptre import runtime

        runtime.release_memory()  # this worker may be idle now, while another one needs the memory


_OUT_OF_MEMORY = Failed(
    code="out-of-memory",
    message="There is not enough memory for this picture.",
    hint="Use --processes 1, close other programs, or use a smaller copy of the picture.",
)


def _make(task: Task) -> Outcome:
    if task.dioptre_version != version("dioptre"):
        return Failed(
            code="other-version",
            message=f"A worker runs Dioptre {version('dioptre')}, but this machine runs {task.dioptre_version}.",
            hint="Install the same version on every machine.",
        )
    from dioptre.photo.outputs import Outputs
    from dioptre.photo.results import flat_of, plane_of, write_result
    from dioptre.recipes.on_file import follow_on_file, sha256_of
    from dioptre_link.recipe import Recipe

    with temporary_folder() as scratch:
        source = task.source
        if task.content is not None:
            source = scratch / f"input{task.source.suffix}"
            source.write_bytes(task.content)
        try:
            there = sha256_of(source)
        except DioptreError:
            there = ""
        if there != task.sha256:
            return _changed(task)
        outputs = Outputs(
            recipe=Recipe.from_dict(task.recipe),
            source=source,
            folder=scratch / "out",
            stem=task.stem,
            everything=task.everything,
        )
        followed = follow_on_file(outputs.recipe, source, kind=outputs.kind)
        if followed.recipe.input_sha256 != task.sha256:
            return _changed(task)
        messages: list[str] = []
        written = write_result(
            followed.result,
            followed.picture,
            replace(outputs, recipe=followed.recipe),
            force=False,
            on_message=messages.append,
        )
        files = {path.name: path.read_bytes() for path in written}
    shown = flat_of(followed.result) or plane_of(followed.result)
    return Made(
        files=files,
        before=_preview(followed.picture.pixels),
        after=_preview(shown.pixels),
        models=dict(followed.result.models),
        values=dict(followed.result.values),
        messages=(*followed.messages, *messages),
    )


def _changed(task: Task) -> Failed:
    from dioptre.photo import problems

    return Failed(
        code=NOT_HERE,
        message=f"{problems.shown(task.source)} was deleted or changed after the batch started.",
        hint="Do not change the pictures while a batch runs. Run the batch again with --resume.",
    )


def _preview(pixels: np.ndarray) -> bytes:
    """Encode a small JPEG, with transparent areas composited on white."""
    import numpy as np
    from PIL import Image

    from dioptre.imaging.resize import fitted_size

    step = max(1, min(pixels.shape[:2]) // (2 * PREVIEW_PX))
    values = np.asarray(pixels[::step, ::step], np.float32)
    if values.ndim == 3 and values.shape[2] == 4:
        values = values[..., :3] * values[..., 3:] + (1 - values[..., 3:])
    codes = (np.clip(np.nan_to_num(values), 0, 1) * 255 + 0.5).astype(np.uint8)
    height, width = fitted_size((codes.shape[0], codes.shape[1]), longest_px=PREVIEW_PX)
    small = Image.fromarray(codes)
    if (width, height) != small.size and max(small.size) > PREVIEW_PX:
        small = small.resize((width, height), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=_PREVIEW_QUALITY)
    return buffer.getvalue()
