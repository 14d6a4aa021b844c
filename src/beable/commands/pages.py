"""The verb report: the page of a run, as HTML or PDF."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from beable.commands.answers import answer, rows_in_words
from beable.commands.opened import rows_to_judge, run_and_store
from beable.console.numbers import many
from beable.console.output import show
from beable.console.outputs import marked_pdf, refuse_foreign
from beable.console.parameters import Outputs
from beable.console.progress import progress
from beable.console.tables import command, next_step, tell

KINDS = (".html", ".pdf")
Format = Literal["svg", "pdf", "png"]


def report(
    run: Path,
    store: Path | None = None,
    /,
    *,
    output: Outputs = None,
    title: Annotated[str | None, Parameter(metavar="TEXT")] = None,
    figures: Path | None = None,
    format: Annotated[list[Format], Parameter(consume_multiple=True, metavar="CHOICE...")] = ["svg"],  # noqa: B006
    force: bool = False,
    json: bool = False,
) -> None:
    """Write a self-contained HTML report of a run, or print it as PDF.

    Args:
        run: Run folder.
        store: Data set it was trained on, or another with the same variables; where it was when the run was trained, by
            default.
        output: HTML or PDF file to write; report.html in the run folder by default. A PDF needs Chromium.
        title: Headline of the page.
        figures: Folder for the figures of the page as files, and its tables as CSV.
        format: Formats of these figures.
        force: Write over a file that beable did not make.
        json: Print the path as JSON.
    """
    with progress("report", quiet=json, first="loading PyTorch") as said:
        from beable.analysis.evaluation import evaluate as judge
        from beable.files.artefacts import write_noted
        from beable.files.disk import output as write
        from beable.report.export import export
        from beable.report.html import render
        from beable.report.pdf import browser, printed
        from beable.report.run import run_page
        from beable.training.run import PAGES

        path = output or run / "report.html"
        program = browser() if path.suffix == ".pdf" else ""
        if output is not None:
            refuse_foreign(path, *KINDS, force=force)
        said.begin("reading data")
        loaded, data = run_and_store(run, store)
        refuse_foreign(path, *KINDS, force=force)
        rows = rows_to_judge(loaded, data)
        said.begin("judging the run")
        evaluation = judge(loaded, data, rows, agreement=True)
        said.begin("drawing figures")
        line = command(["report", run.name, *([] if store is None else [data.path.name]), *_output(output)])
        page = run_page(loaded, data, evaluation, title or f"Report of {run.resolve().name}", line)
        exported = [] if figures is None else export(page, figures, format)
        html = render(page)
        said.begin("writing")
        beside = path.name in PAGES and path.parent.resolve() == run.resolve()
        (write_noted if beside else write)(path, marked_pdf(printed(html, program)) if program else html.encode())
    if json:
        files = {"figures": [str(file) for file in exported]} if exported else {}
        show({"report": str(path.resolve())} | files, json=True)
        return
    tell(answer(loaded, evaluation, rows_in_words(loaded, data, len(rows))))
    tell(f"report: {path}")
    if exported:
        tell(f"figures and tables: {many(len(exported), 'file')} in {figures}")
    next_step((["open", path], "look at it"), (["cite", run], "what to cite"))


def _output(output: Path | None) -> list[str]:
    return [] if output is None else ["-o", output.name]
