"""A power cut at any moment, tested by replaying every state in which it can leave the disk.

The writer's operations are recorded. Any file name or file content that was not synced before the cut may or may
not be on the disk, in any combination.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from dioptre.batch.plan import Item, State, state
from dioptre.photo import publish as publish
from dioptre.photo import staged
from dioptre.photo.publish import Folder
from dioptre_link.recipe import Recipe, Step, WrittenFile

PORTRAIT = Recipe(steps=(Step(operation="portrait"),))
SOURCE = "5" * 64
RESULT, DEPTH, RECIPE = "photo-portrait.jpg", "photo-portrait-depth.png", "photo-portrait.json"


@dataclass
class Disk:
    """The recorded operations of a writer, and the disk states that they allow.

    Attributes:
        log: Operations in order: ("name", name, inode), with None for a removed name; ("bytes", inode, content) for
            synced content; and ("names",) for a sync of the folder.
        originals: Names of the files that existed before the recording, by inode.
    """

    log: list[tuple[object, ...]] = field(default_factory=list)
    originals: dict[int, str] = field(default_factory=dict)

    def states(self, before: dict[str, bytes]) -> Iterator[tuple[int, dict[str, bytes]]]:
        """Yield the number of operations before a power cut, and a state in which the cut may leave the folder."""
        names: dict[str, object] = {name: name for name in before}
        synced: dict[object, bytes] = dict(before.items())
        pending: list[tuple[str, object]] = []
        for done, operation in enumerate([("begin",), *self.log]):
            match operation:
                case ("name", str(name), inode):
                    pending.append((name, inode))
                case ("bytes", inode, bytes(content)):
                    synced[inode] = content
                case ("names",):
                    names.update(pending)
                    pending = []
            for chosen in itertools.product((False, True), repeat=len(pending)):
                there = {**names, **dict(itertools.compress(pending, chosen))}
                yield (
                    done,
                    {name: synced.get(inode, b"") for name, inode in there.items() if inode is not None},
                )


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    recorded = Disk()

    class Recorder(Folder):
        def create(self, name: str, *, mode: int = 0o666) -> int:
            descriptor = super().create(name, mode=mode)
            recorded.log.append(("name", name, os.fstat(descriptor).st_ino))
            return descriptor

        def link(self, name: str, other: str) -> None:
            super().link(name, other)
            recorded.log.append(("name", other, self._inode(other)))

        def replace(self, name: str, other: str) -> None:
            super().replace(name, other)
            recorded.log += [("name", other, self._inode(other)), ("name", name, None)]

        def unlink(self, name: str) -> None:
            super().unlink(name)
            recorded.log.append(("name", name, None))

        def sync(self) -> None:
            recorded.log.append(("names",))

        def _inode(self, name: str) -> object:
            found = self.stat(name)
            assert found is not None
            return recorded.originals.get(found.st_ino, found.st_ino)

    def sync(descriptor: int) -> None:
        recorded.log.append(("bytes", os.fstat(descriptor).st_ino, os.pread(descriptor, 1 << 20, 0)))

    monkeypatch.setattr(publish, "Folder", Recorder)
    monkeypatch.setattr(publish, "sync", sync)
    return recorded


def made(word: bytes) -> dict[str, bytes]:
    """Return a result with its recipe, as a batch writes it."""
    parts = {RESULT: b"result " + word, DEPTH: b"depth " + word}
    listed = {name: WrittenFile(size_bytes=len(c), sha256=sha256(c).hexdigest()) for name, c in parts.items()}
    recipe = Recipe(steps=PORTRAIT.steps, input_sha256=SOURCE, files=listed)
    return {**parts, RECIPE: recipe.to_json().encode()}


@pytest.mark.parametrize("replaced", [False, True])
def test_no_moment_leaves_damage_that_resume_calls_finished(replaced: bool, disk: Disk, tmp_path: Path) -> None:
    out, crashed = tmp_path / "out", tmp_path / "crashed"
    out.mkdir()
    before = {"holiday.txt": b"the user's", **(made(b"old") if replaced else {})}
    for name, content in before.items():
        (out / name).write_bytes(content)
        disk.originals[(out / name).stat().st_ino] = name
    new = made(b"new, and longer")
    with staged(out, force=replaced) as staging:
        for name, content in new.items():
            staging.open(name).write(content)
    published = max(i for i, operation in enumerate(disk.log, start=1) if operation == ("names",))
    item = Item(name="photo.jpg", source=tmp_path / "photo.jpg", folder=crashed, stem="photo")
    seen: set[str] = set()
    judged = set()
    for done, there in disk.states(before):
        named = {name: content for name, content in there.items() if not name.startswith(".dioptre-")}
        assert named["holiday.txt"] == b"the user's"
        for name in new:  # A final name never refers to an incomplete file.
            assert named.get(name) in (None, before.get(name), new[name]), f"{name} after operation {done}"
        if named.get(RECIPE) == new[RECIPE]:
            assert {name: named.get(name) for name in new} == new, f"a recipe of what is not there, {done}"
        if done >= published:
            assert {name: named[name] for name in new} == new, "published, and lost"
        key = json.dumps({name: content.decode() for name, content in sorted(named.items())})
        if key in judged:
            continue
        judged.add(key)
        crashed.mkdir(exist_ok=True)
        for path in crashed.iterdir():
            path.unlink()
        for name, content in named.items():
            (crashed / name).write_bytes(content)
        found = state(item, PORTRAIT, sha256=SOURCE, everything=False)
        seen.add(found.value)
        whole = [made(b"old"), new]
        is_whole = any(all(named.get(name) == content for name, content in each.items()) for each in whole)
        if found is State.FINISHED:
            recipe = Recipe.from_json(named[RECIPE].decode())
            assert recipe.files[RESULT].sha256 == sha256(named[RESULT]).hexdigest()
        elif is_whole:
            pytest.fail("a whole result counts as unfinished")
    assert len(judged) >= 5
    assert "finished" in seen
