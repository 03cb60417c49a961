"""Keeps a procedure's GIMP settings and the dialog's state in sync.

GIMP's own buttons (Reset, Load Saved Settings) change the settings; every other change starts in the state.
"""

from __future__ import annotations

from dioptre_link.editing import state as states
from dioptre_link.editing.state import State, Store
from dioptre_link.errors import UsageError

from . import arguments
from .host import Gimp, GLib


class Binding:
    """Two-way binding between settings and state, active until `end` is called."""

    def __init__(self, config: Gimp.ProcedureConfig, store: Store[State]) -> None:
        self._config, self._store = config, store
        self._writing = False
        self._reading: int | None = None
        arguments.write_options(store.state.operation, config, store.state.options)
        self._handler: int = config.connect("notify", self._noticed)
        self._forget = store.observe(self._write)

    def end(self) -> None:
        self._config.disconnect(self._handler)
        self._forget()
        if self._reading is not None:
            GLib.source_remove(self._reading)

    def _write(self, old: State, state: State) -> None:
        if old.options is state.options:
            return
        changed = {name: value for name, value in state.options.items() if old.options[name] != value}
        self._writing = True
        try:
            arguments.write_options(state.operation, self._config, changed)
        finally:
            self._writing = False

    def _noticed(self, *_: object) -> None:
        """Schedule a single read of the settings, which runs after GIMP has set all values."""
        if not self._writing and self._reading is None:
            self._reading = GLib.idle_add(self._read)

    def _read(self) -> bool:
        self._reading = None
        state = self._store.state
        try:
            options = arguments.read_options(state.operation, self._config)
            for name, value in options.items():
                if state.options[name] != value:
                    state = states.changed(state, name, value)
        # Ignore invalid settings: saved ones may hold only one coordinate of a point.
        except UsageError:
            return False
        self._store.set(state)
        return False
