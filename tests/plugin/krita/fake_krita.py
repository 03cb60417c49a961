"""The parts of libkis, with types, that the plug-in's logic needs to run without Krita.

Behaves like Krita 5.2 where it matters: pixels outside the written ones are transparent, `setPixelData`
silently refuses wrong lengths, `setColorSpace` needs a profile, unique ids persist, and adding a node is one undo
step.
"""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .fake_qt import QObject, QRect, QTimer, QUuid, Signal

_BYTES = {"U8": 1, "U16": 2, "F16": 2, "F32": 4}
_CHANNELS = {"RGBA": 4, "GRAYA": 2, "CMYKA": 5, "LABA": 4}


class Node:
    """A layer or mask. Its pixels form one rectangle; everything else is transparent."""

    _numbers = itertools.count(1)

    def __init__(self, name: str, kind: str, space: tuple[str, str, str]) -> None:
        self._name, self._kind, self._space = name, kind, space
        self._id = QUuid(f"{{node-{next(Node._numbers)}}}")
        self._rect = (0, 0, 0, 0)
        self._data = b""
        self._children: list[Node] = []
        self._parent: Node | None = None
        self._visible, self._locked = True, False
        self._opacity, self._mode = 255, "normal"

    def name(self) -> str:
        return self._name

    def setName(self, name: str) -> None:  # noqa: N802
        self._name = name

    def type(self) -> str:
        return self._kind

    def uniqueId(self) -> QUuid:  # noqa: N802
        return self._id

    def colorModel(self) -> str:  # noqa: N802
        return self._space[0]

    def colorDepth(self) -> str:  # noqa: N802
        return self._space[1]

    def colorProfile(self) -> str:  # noqa: N802
        return self._space[2]

    def setColorSpace(self, model: str, depth: str, profile: str) -> bool:  # noqa: N802
        if not profile or model not in _CHANNELS:
            return False
        self._space = (model, depth, profile)
        self._data = bytes(self._rect[2] * self._rect[3] * self.pixel_bytes)
        return True

    @property
    def pixel_bytes(self) -> int:
        if self._kind.endswith("mask"):
            return 1
        return _CHANNELS[self._space[0]] * _BYTES[self._space[1]]

    def bounds(self) -> QRect:
        return QRect(*self._rect)

    def pixelData(self, x: int, y: int, width: int, height: int) -> bytes:  # noqa: N802
        size, (left, top, wide, high) = self.pixel_bytes, self._rect
        out = bytearray(width * height * size)
        for row in range(max(y, top), min(y + height, top + high)):
            first, last = max(x, left), min(x + width, left + wide)
            if first < last:
                start = ((row - top) * wide + first - left) * size
                target = ((row - y) * width + first - x) * size
                out[target : target + (last - first) * size] = self._data[start : start + (last - first) * size]
        return bytes(out)

    projectionPixelData = pixelData  # noqa: N815

    def setPixelData(self, data: bytes, x: int, y: int, width: int, height: int) -> None:  # noqa: N802
        if not isinstance(data, (bytes, bytearray)) or len(data) != width * height * self.pixel_bytes:
            return
        left, top, wide, high = self._rect
        if wide == 0 or (left, wide) != (x, width) or not top <= y <= top + high:
            self._rect, self._data = (x, y, width, height), bytes(data)
            return
        row = width * self.pixel_bytes  # The data replaces a strip of the rectangle, or extends it.
        before, after = self._data[: (y - top) * row], self._data[(y - top + height) * row :]
        self._data = before + bytes(data) + after
        self._rect = (left, top, wide, len(self._data) // row)

    def childNodes(self) -> list[Node]:  # noqa: N802
        return list(self._children)

    def parentNode(self) -> Node | None:  # noqa: N802
        return self._parent

    def addChildNode(self, child: Node, above: Node | None) -> bool:  # noqa: N802
        if child.type().endswith("mask") and self._kind == "grouplayer" and self._parent is None:
            return False
        place = len(self._children) if above is None else self._children.index(above) + 1
        self._children.insert(place, child)
        child._parent = self
        return True

    def remove(self) -> bool:
        if self._parent is None:
            return False
        self._parent._children.remove(self)
        self._parent = None
        return True

    def duplicate(self) -> Node:
        made = Node(self._name, self._kind, self._space)
        made._rect, made._data = self._rect, self._data
        made._opacity, made._mode, made._visible = self._opacity, self._mode, self._visible
        for child in self._children:
            made._children.append(copied := child.duplicate())
            copied._parent = made
        return made

    def visible(self) -> bool:
        return self._visible

    def setVisible(self, visible: bool) -> None:  # noqa: N802
        self._visible = visible

    def locked(self) -> bool:
        return self._locked

    def setLocked(self, locked: bool) -> None:  # noqa: N802
        self._locked = locked

    def opacity(self) -> int:
        return self._opacity

    def setOpacity(self, opacity: int) -> None:  # noqa: N802
        self._opacity = opacity

    def blendingMode(self) -> str:  # noqa: N802
        return self._mode

    def setBlendingMode(self, mode: str) -> None:  # noqa: N802
        self._mode = mode

    def animated(self) -> bool:
        return False

    def thumbnail(self, width: int, height: int) -> Thumbnail:
        return Thumbnail(self._data + b"%d %d" % (width, height))


@dataclass(frozen=True)
class Thumbnail:
    """A reduced layer, of which only its pixels matter."""

    pixels: bytes

    def constBits(self) -> Thumbnail:  # noqa: N802
        return self

    def sizeInBytes(self) -> int:  # noqa: N802
        return len(self.pixels)

    def asstring(self, _size: int) -> bytes:
        return self.pixels

    def copy(self, *_: int) -> Thumbnail:
        return self


class Selection:
    def __init__(self, x: int, y: int, width: int, height: int) -> None:
        self._rect = (x, y, width, height)

    def width(self) -> int:
        return self._rect[2]

    def height(self) -> int:
        return self._rect[3]

    def pixelData(self, x: int, y: int, width: int, height: int) -> bytes:  # noqa: N802
        left, top, wide, high = self._rect
        return bytes(
            255 if left <= column < left + wide and top <= row < top + high else 0
            for row in range(y, y + height)
            for column in range(x, x + width)
        )


class Document:
    def __init__(self, width: int, height: int, space: tuple[str, str, str]) -> None:
        self._size, self._space = (width, height), space
        self._root = Node("root", "grouplayer", space)
        self._annotations: dict[str, bytes] = {}
        self._selection: Selection | None = None
        self._active: Node | None = None
        self.refreshed = 0

    def width(self) -> int:
        return self._size[0]

    def height(self) -> int:
        return self._size[1]

    def rootNode(self) -> Node:  # noqa: N802
        return self._root

    def createNode(self, name: str, kind: str) -> Node:  # noqa: N802
        return Node(name, kind, self._space)

    def createGroupLayer(self, name: str) -> Node:  # noqa: N802
        return Node(name, "grouplayer", self._space)

    def createTransparencyMask(self, name: str) -> Node:  # noqa: N802
        return Node(name, "transparencymask", self._space)

    def nodeByUniqueID(self, wanted: QUuid) -> Node | None:  # noqa: N802
        return next((node for node in _below(self._root) if node.uniqueId() == wanted), None)

    def annotation(self, name: str) -> bytes:
        return self._annotations.get(name, b"")

    def setAnnotation(self, name: str, _description: str, data: bytes) -> None:  # noqa: N802
        self._annotations[name] = bytes(data)

    def selection(self) -> Selection | None:
        return self._selection

    def setSelection(self, selection: Selection | None) -> None:  # noqa: N802
        self._selection = selection

    def colorModel(self) -> str:  # noqa: N802
        return self._space[0]

    def colorDepth(self) -> str:  # noqa: N802
        return self._space[1]

    def colorProfile(self) -> str:  # noqa: N802
        return self._space[2]

    def fileName(self) -> str:  # noqa: N802
        return ""

    def activeNode(self) -> Node | None:  # noqa: N802
        return self._active

    def setActiveNode(self, node: Node) -> None:  # noqa: N802
        self._active = node

    def tryBarrierLock(self) -> bool:  # noqa: N802
        return True

    def unlock(self) -> None:
        pass

    def waitForDone(self) -> None:  # noqa: N802
        pass

    def refreshProjection(self) -> None:  # noqa: N802
        self.refreshed += 1

    def setModified(self, _modified: bool) -> None:  # noqa: N802
        pass

    setBatchmode = setModified  # noqa: N815

    def close(self) -> bool:
        Krita.instance()._documents.remove(self)
        return True


@dataclass
class Krita:
    _documents: list[Document] = field(default_factory=list)
    active: Document | None = None
    settings: dict[str, str] = field(default_factory=dict)
    action: Callable[[str], Any] | None = None

    @staticmethod
    def instance() -> Krita:
        return _the_krita

    def version(self) -> str:
        return "5.2.9"

    def activeDocument(self) -> Document | None:  # noqa: N802
        return self.active

    def readSetting(self, _group: str, name: str, default: str) -> str:  # noqa: N802
        return self.settings.get(name, default)

    def writeSetting(self, _group: str, name: str, value: str) -> None:  # noqa: N802
        self.settings[name] = value

    def activeWindow(self) -> None:  # noqa: N802
        return None

    def documents(self) -> list[Document]:
        return list(self._documents)

    def createDocument(  # noqa: N802
        self, width: int, height: int, _name: str, model: str, depth: str, profile: str, _resolution: float
    ) -> Document:
        document = Document(width, height, (model, depth, profile))
        self._documents.append(document)
        return document


_the_krita = Krita()


class _Anything(types.ModuleType):
    """A module in which every unknown name is an empty class."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (QObject,), {})


def _below(node: Node) -> Iterator[Node]:
    for child in node.childNodes():
        yield child
        yield from _below(child)


@contextmanager
def installed() -> Iterator[None]:
    """Make `import krita` and `import PyQt5` return these classes."""
    krita = _Anything("krita")
    for kind in (Krita, Document, Node, Selection):
        setattr(krita, kind.__name__, kind)
    for name in ("Extension", "DockWidget"):
        setattr(krita, name, type(name, (QObject,), {}))
    core = _Anything("PyQt5.QtCore")
    core.QUuid, core.QObject, core.QTimer, core.QByteArray = QUuid, QObject, QTimer, bytes  # type: ignore[attr-defined]
    core.pyqtSignal = lambda *_: Signal()  # type: ignore[attr-defined]
    binding = _Anything("PyQt5")
    binding.QtCore, binding.QtGui, binding.QtWidgets = core, _Anything("QtGui"), _Anything("QtWidgets")  # type: ignore[attr-defined]
    modules = {"krita": krita, "PyQt5": binding}
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, known in before.items():
            if known is None:
                del sys.modules[name]
            else:
                sys.modules[name] = known
