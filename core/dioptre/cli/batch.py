"""The command `dioptre batch`: apply a recipe to a folder of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dioptre_link.catalogue import portrait
from dioptre_link.errors import DioptreError
from dioptre_link.language import Message, translated

from . import log
from .options import GroupedCommand, common_options, content_options, settings, with_contents
from .reporting import Reporter, WordReporter, reporter, say, shown

if TYPE_CHECKING:
    from dioptre.batch.batch import Summary
    from dioptre.batch.engine import Executor
    from dioptre.batch.plan import Item

_PATH = click.Path(path_type=Path, readable=False)


@click.command(name="batch", cls=GroupedCommand)
@click.argument("folder", type=_PATH, metavar="DIR")
@click.option("-o", "--output", required=True, type=_PATH, metavar="DIR", help="Folder for the results.")
@click.option("--recipe", type=_PATH, metavar="FILE", help="Recipe to apply. [default portrait blur]")
@click.option("--preset", metavar="NAME", help="Preset to apply; see 'dioptre presets'.")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Change an option of the recipe.")
@click.option("--resume", is_flag=True, help="Continue an earlier batch: skip the finished pictures.")
@click.option("--all-files", is_flag=True, help="Also write the layers, depth and preview sheet, as 'run' does.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Pictures to process at once. [default one per core; on a graphics card two]",
)
@click.option("--scheduler", metavar="ADDRESS", help="Use the workers of this Dask scheduler (tls://…).")
@content_options
@common_options
def command(
    *,
    folder: Path,
    output: Path,
    recipe: Path | None,
    preset: str | None,
    pairs: tuple[str, ...],
    resume: bool,
    all_files: bool,
    processes: int | None,
    scheduler: str | None,
    as_json: bool,
    verbose: bool,
    force: bool,
    **contents: bool,
) -> int:
    """Apply a recipe to every picture in DIR and its subfolders.

    Writes each result and its recipe to the same place in the output folder, and a contact sheet that compares
    the pictures before and after. If a picture fails, the others continue; failures are listed at the end.
    Originals are never changed.
    """
    log.start(verbose=verbose)
    from dioptre.batch.batch import run_batch

    from . import process

    chosen = process.recipe(recipe, preset=preset, otherwise=(portrait.OPERATION.name,)).with_options(
        settings(pairs)
    )
    chosen = with_contents(chosen, contents)

    def executor(count: int) -> Executor:
        if scheduler is not None:
            from dioptre.batch.many import DaskExecutor

            return DaskExecutor(scheduler)
        from dioptre.batch.here import LocalExecutor, budget_bytes, usual_processes

        return LocalExecutor(processes=min(processes or usual_processes(), count), budget_bytes=budget_bytes())

    with process.reporting(reporter(as_json=as_json)) as report:
        report.begin(str(folder))
        summary = run_batch(
            folder,
            output,
            chosen,
            executor=executor,
            watcher=_Watcher(report),
            resume=resume,
            force=force,
            everything=all_files,
        )
        report.close()
        if isinstance(report, WordReporter):
            _say(summary)
        elif summary.page is not None:
            report.result(str(folder), [summary.page], values=_counts(summary), messages=_remarks(summary))
    if summary.failures:
        total = len(summary.failures) + summary.made + summary.finished_before
        raise DioptreError(
            "{count} of {total} pictures failed.",
            hint="See the reasons above.",
            count=len(summary.failures),
            total=total,
        )
    return 0


class _Watcher:
    """An observer that reports failures: in JSON, at once; in text, at the end, below the progress."""

    def __init__(self, report: Reporter) -> None:
        self._report = report

    def made(self, item: Item, written: list[Path], messages: tuple[str, ...]) -> None:
        log.LOGGER.info("done %s", item.source)
        self._report.result(str(item.source), written, values={}, messages=messages)

    def failed(self, item: Item, error: DioptreError) -> None:
        log.LOGGER.info("failed %s: %s %s", item.source, error, error.hint, exc_info=error)
        if not isinstance(self._report, WordReporter):
            self._report.error(error, name=str(item.source))

    def progress(self, fraction: float, phase: str) -> None:
        self._report.progress(fraction, phase)


def _say(summary: Summary) -> None:
    if summary.finished_before:
        words = Message("Pictures that were already finished: {count}.", count=summary.finished_before)
        say(translated(words), error=True)
    for remark in _remarks(summary):
        say(translated(remark), error=True)
    if summary.page is not None:
        say(str(summary.page))
    if summary.failures:
        say(translated("No result for:"), error=True)
    for name, error in summary.failures.items():
        say(f"  {name}: {shown(error.message)} {shown(error.hint)}".rstrip(), error=True)


def _counts(summary: Summary) -> dict[str, int]:
    return {
        "made": summary.made,
        "finished_before": summary.finished_before,
        "failed": len(summary.failures),
        "left_out": summary.left_out.total(),
    }


def _remarks(summary: Summary) -> list[str]:
    remarks: list[str] = []
    if summary.left_out:
        names = ", ".join(sorted(summary.left_out))
        count = summary.left_out.total()
        remarks.append(
            Message("Pictures in system folders ({names}) that were left out: {count}.", names=names, count=count)
        )
    if summary.unread:
        from dioptre.photo import problems

        name, count = problems.shown(summary.unread[0]), len(summary.unread)
        remarks.append(Message("Folders that cannot be read: {count} ({name}).", count=count, name=name))
    if summary.page_error is not None:
        remarks.append(f"{summary.page_error.message} {summary.page_error.hint}")
    return remarks
