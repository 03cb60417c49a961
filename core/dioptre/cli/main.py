"""The `dioptre` command: its subcommands, and the conversion of errors to messages and exit codes."""

from __future__ import annotations

import errno
import sys
import threading
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

import click

from dioptre.runtime import is_out_of_memory
from dioptre_link.errors import Cancelled, DioptreError, UsageError
from dioptre_link.language import Message, system_reason
from dioptre_link.printable import guard_output
from dioptre_link.scratch import sweep

from . import batch, cache, doctor, inspect, log, models, operations, output, plugin, worker
from .interrupts import Interrupts
from .reporting import program, reporter, say

_AGAIN_S = 0.02  # delay before a KeyboardInterrupt that was lost in a callback is raised again
EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_CANCELLED = 0, 1, 2, 130


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    output.occupy()
    guard_output()
    interrupts = Interrupts()
    sys.unraisablehook = partial(_unraisable, interrupts)
    try:
        interrupts.install()
        sweep()
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # raised before the command started or while its outcome was reported
        code = _report(_CANCELLED, as_json="--json" in sys.argv)
    interrupts.close()
    if not output.settle() and code == EXIT_DONE:
        code = EXIT_FAILED
    sys.exit(interrupts.exit_code(code, cancelled=EXIT_CANCELLED))


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code. Errors are reported, never raised."""
    try:
        return _run(list(arguments), as_json="--json" in arguments)
    finally:
        log.stop()


def _run(arguments: list[str], *, as_json: bool) -> int:
    try:
        with group.make_context(program(), arguments) as context:
            answer = group.invoke(context)
    except click.exceptions.Exit as ended:  # --help and --version
        return ended.exit_code
    except click.UsageError as error:
        try:
            return _usage(error, as_json=as_json)
        except output.OutputError as unheard:
            return _report(unheard, as_json=as_json)
    except (KeyboardInterrupt, click.Abort, Cancelled):
        return _report(_CANCELLED, as_json=as_json)
    except DioptreError as error:
        log.LOGGER.info("failed: %s", error, exc_info=True)
        return _report(error, as_json=as_json)
    except MemoryError:
        log.LOGGER.exception("out of memory")
        return _report(_OUT_OF_MEMORY, as_json=as_json)
    except OSError as error:
        log.LOGGER.exception("the system refused")
        return _report(_system(error), as_json=as_json)
    except Exception as error:  # noqa: BLE001  (the top of the program)
        log.LOGGER.exception("unexpected")
        return _report(_unexpected(error), as_json=as_json)
    return answer if isinstance(answer, int) else EXIT_DONE


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 success, 1 failure, 2 usage error, 130 cancelled, 143 stopped by another program.",
)
@click.version_option(package_name="dioptre", message="dioptre %(version)s")
def group() -> None:
    """Depth, lens blur and super-resolution for photographs."""


OTHERS = (
    batch.command,
    operations.presets,
    inspect.command,
    models.group,
    cache.group,
    plugin.group,
    doctor.command,
    worker.command,
)
for command in (*operations.commands(), *OTHERS):
    group.add_command(command)


def _report(error: DioptreError, *, as_json: bool) -> int:
    usage = isinstance(error, UsageError)
    cancelled = isinstance(error, Cancelled)
    with_log = log.written() and not usage and not cancelled
    where = log.path() if with_log else None
    heard = as_json and not isinstance(error, output.OutputError)
    reporter(as_json=heard).error(error, log=where)  # text goes to standard error, JSON to standard output
    return EXIT_USAGE if usage else EXIT_CANCELLED if cancelled else EXIT_FAILED


def _usage(error: click.UsageError, *, as_json: bool) -> int:
    """Report Click's usage errors in Dioptre's format: a message and a hint."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        say(error.ctx.get_help() if error.ctx else "", lines=True)
        return EXIT_DONE
    where = error.ctx.command_path if error.ctx else program()
    message = error.format_message().replace("\n", " ").strip()
    return _report(UsageError(message, hint=Message("See '{where} --help'.", where=where)), as_json=as_json)


_CANCELLED = Cancelled(hint="No partial file remains.")
_OUT_OF_MEMORY = DioptreError(
    "There is not enough memory for this picture.",
    hint="Close other programs, or use a smaller copy of the picture.",
    code="out-of-memory",
)


def _system(error: OSError) -> DioptreError:
    if isinstance(error, BrokenPipeError):
        return output.explained(error)
    what = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DioptreError(
            "{what}the disk is full.",
            hint="Free some disk space and run the command again.",
            code="disk-full",
            what=what,
        )
    return DioptreError(
        "{what}{reason}.",
        hint="Check that the file and its folder exist and that you have access to them.",
        what=what,
        reason=system_reason(error),
    )


def _unexpected(error: Exception) -> DioptreError:
    sentence = str(error).strip().splitlines()[0] if str(error).strip() else "no details"
    if is_out_of_memory(error):
        return _OUT_OF_MEMORY
    from importlib.metadata import version

    return DioptreError(
        "Something went wrong inside Dioptre {version} ({kind}: {sentence}).",
        hint="Please report this with the log. 'dioptre doctor' may find the cause.",
        code="internal",
        version=version("dioptre"),
        kind=type(error).__name__,
        sentence=sentence[:200],
    )


def _unraisable(interrupts: Interrupts, what: sys.UnraisableHookArgs) -> None:
    """Handle an exception lost in a library's callback: raise an interrupt again a little later, log any other."""
    if isinstance(what.exc_value, KeyboardInterrupt):
        again = threading.Timer(_AGAIN_S, interrupts.raise_again)
        again.daemon = True
        again.start()
    elif what.exc_value is not None:
        log.LOGGER.warning("ignored: %s", what.err_msg, exc_info=what.exc_value)
