"""The verb compare: runs beside each other."""

from pathlib import Path

from beable.commands.opened import run_and_store
from beable.console.output import show
from beable.console.outputs import refuse_foreign
from beable.console.parameters import Outputs
from beable.console.progress import progress
from beable.console.tables import command, facts, next_step, table, tell
from beable.errors import UsageError


def compare(
    *runs: Path,
    data: Path | None = None,
    output: Outputs = None,
    any_data: bool = False,
    force: bool = False,
    json: bool = False,
) -> None:
    """Put runs beside each other: errors on the same rows, rates, verdicts, CPU time and the settings that differ.

    Args:
        runs: Run folders, two or more.
        data: Data set to judge all of them on; that of each run, where it was, by default.
        output: HTML file for a page with figures.
        any_data: Allow runs that were trained on different data sets.
        force: Write over a file that beable did not make.
        json: Print every number as JSON.
    """
    if len(runs) < 2:
        raise UsageError(f"compare needs two or more runs, not {len(runs)}: name them one after the other")
    if output is not None:
        refuse_foreign(output, ".html", force=force)
    with progress("comparing", quiet=json, first="loading PyTorch") as tick:
        from beable.analysis.compare import Subject
        from beable.analysis.compare import compare as put_beside
        from beable.report.compare import COLUMNS, cells, compare_page, lead, settings_rows

        tick.begin("reading runs and data")
        subjects = [Subject(name, *run_and_store(run, data)) for name, run in _names(runs).items()]
        tick.begin("judging the runs")
        found = put_beside(subjects, any_data=any_data)
        if output is not None:
            from beable.files.disk import output as write
            from beable.report.html import render

            tick.begin("drawing figures")
            line = command(["compare", *(run.name for run in runs), *(["--any-data"] * any_data), "-o", output.name])
            page = compare_page(found, subjects, f"{', '.join(found.names)} beside each other", line)
            write(output, render(page).encode())
    if json:
        written = {} if output is None else {"report": str(output.resolve())}
        show(found.as_json() | written, json=True)
        return
    tell(lead(found))
    table(COLUMNS, cells(found))
    tell("Settings that differ:" if found.differing else "All settings are the same.")
    if found.differing:
        table(["setting", *found.names], settings_rows(found), left=1 + len(found.names))
    if output is None:
        next_step((["compare", *runs, *(["--any-data"] * any_data), "-o", "compare.html"], "a page with figures"))
    else:
        facts({"report": str(output)})
        next_step((["open", output], "look at it"))


def _names(runs: tuple[Path, ...]) -> dict[str, Path]:
    """Runs by the shortest names that tell them apart."""
    for depth in range(1, 1 + max(len(run.resolve().parts) for run in runs)):
        names = ["/".join(run.resolve().parts[-depth:]) for run in runs]
        if len(set(names)) == len(runs):
            return dict(zip(names, runs, strict=True))
    raise UsageError("a run stands there twice: name each once")
