"""Entry point of `python -m dioptre`, which runs the command line."""

import signal


def main() -> None:
    """Run the command line.

    Until the command line installs its own signal handlers, Ctrl-C ends the process without a traceback.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from dioptre.cli import main as cli

    cli()


if __name__ == "__main__":
    main()
