"""Applies the installer's functions for GIMP to the real GIMP in a sandbox; runs in that sandbox.

ask.py CHECKOUT; prints one JSON object.
"""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

checkout = Path(sys.argv[1])
for name, folder in (("dioptre_link", "core/dioptre_link"), ("editors", "core/dioptre/editors")):
    package = ModuleType(name)
    package.__path__ = [str(checkout / folder)]
    package.__file__ = str(checkout / folder / "__init__.py")
    sys.modules[name] = package
gimp_plugin = importlib.import_module("editors.gimp_plugin")

program = gimp_plugin.program()
home = gimp_plugin.homes()[0]
found = {"version": gimp_plugin.version(program), "installed": gimp_plugin.appears(program, home)}
(home.plugin / "dioptre.py").chmod(0o644)
found["not executable"] = gimp_plugin.appears(program, home)
found["findings"] = [finding.code for finding in gimp_plugin.findings()]
gimp_plugin.remove(home)
found["removed"] = gimp_plugin.appears(program, home)
sys.stdout.write(json.dumps(found))
