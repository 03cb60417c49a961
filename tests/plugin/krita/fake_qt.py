"""The parts of Qt that stand beside the stand-ins for libkis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class QUuid:
    text: str

    def toString(self) -> str:  # noqa: N802
        return self.text


@dataclass(frozen=True)
class QRect:
    left: int
    upper: int
    wide: int
    high: int

    def x(self) -> int:
        return self.left

    def y(self) -> int:
        return self.upper

    def width(self) -> int:
        return self.wide

    def height(self) -> int:
        return self.high


class Signal:
    """A signal that calls its slots immediately."""

    def __init__(self) -> None:
        self._slots: list[Callable[..., Any]] = []

    def connect(self, slot: Callable[..., Any]) -> None:
        self._slots.append(slot)

    def emit(self, *values: Any) -> None:
        for slot in self._slots:
            slot(*values)


class QObject:
    def __init__(self, *_: object) -> None:
        for name, value in vars(type(self)).items():
            if isinstance(value, Signal):
                setattr(self, name, Signal())


class QTimer(QObject):
    """A timer that only `fire` lets end."""

    timeout = Signal()
    running: ClassVar[list[QTimer]] = []

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self._once = False

    @staticmethod
    def singleShot(_ms: int, slot: Callable[[], Any]) -> None:  # noqa: N802
        slot()

    @staticmethod
    def fire() -> None:
        """End every running timer once."""
        for timer in list(QTimer.running):
            if timer._once:
                timer.stop()
            timer.timeout.emit()

    def setInterval(self, _ms: int) -> None:  # noqa: N802
        pass

    def setSingleShot(self, once: bool) -> None:  # noqa: N802
        self._once = once

    def isActive(self) -> bool:  # noqa: N802
        return self in QTimer.running

    def start(self, *_: int) -> None:
        if not self.isActive():
            QTimer.running.append(self)

    def stop(self) -> None:
        if self.isActive():
            QTimer.running.remove(self)
