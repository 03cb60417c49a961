"""Entry point of `python -m dioptre`, which runs the command line."""

import signal


def main() -> None:
    """Run the command line and end the process.

    Until the command line installs its own signal handlers, Ctrl-C ends the process without a traceback.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from dioptre.cli import main as cli

    try:
        cli()
    except SystemExit as ended:
        _end(ended.code if isinstance(ended.code, int) else 1)


def _end(code: int) -> None:
    """End the process, but leave its memory to the system; freeing all objects takes half a second after a run."""
    import atexit
    import os

    atexit._run_exitfuncs()
    os._exit(code)


if __name__ == "__main__":
    main()
