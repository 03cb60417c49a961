"""A missing environment is reported, and nothing is changed. Runs inside GIMP."""

from rig import Gimp, new_image, refuse, run_checks


def check_missing_environment():
    image, layer = new_image()
    error = Gimp.PDBStatusType.EXECUTION_ERROR
    refuse("dioptre-depth", image, [layer], error, "environment is not installed")
    refuse("dioptre-depth", image, [layer], error, "python3 install.py")


run_checks(globals(), "no_worker")
