"""The verbs of `study`: list what there is, show one, run one, and make its report again."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from beable.commands.pages import Format
from beable.console.output import show
from beable.console.parameters import Outputs, Scheduler, Settings, Workers
from beable.console.progress import progress
from beable.console.settings import given
from beable.errors import UsageError
from beable.studies import study as pages

if TYPE_CHECKING:
    from beable.studies.run import Finished

#: a study, or a part of one by its own name
Name = Annotated[str, Parameter(choices=pages.known_names(), metavar="CHOICE")]


def list_(*, json: bool = False) -> None:
    """Name the studies that come with beable.

    Args:
        json: Print them as JSON.
    """
    studies = {name: pages.load(name) for name in pages.names()}
    parts = {part.name: part.title for study in studies.values() for part in study.parts}
    show({name: study.title for name, study in studies.items()} | parts, json=json)


def show_(study: Name, /, *, json: bool = False) -> None:
    """Show what a study asks, its arms and the source's numbers.

    Args:
        study: Name of the study, or of a part of one.
        json: Print its whole page of settings as JSON.
    """
    asked = pages.load(study)
    if json:
        show(asked.model_dump(mode="json"), json=True)
        return
    show(
        {
            "title": asked.title,
            "source": asked.source,
            "question": asked.question,
            "arms": {arm.name: arm.label for arm in asked.arms},
            "presets": ", ".join(asked.presets),
            "parts": {part.name: part.title for part in asked.parts},
            "the source says": [
                f"{c.count} of {c.trials} {c.measure}: {c.words}" for p in asked.parts for c in p.counts
            ]
            + [e.words for part in asked.parts for e in part.expected if e.by == "source"],
        },
        json=False,
    )


def run(
    study: Name,
    /,
    *,
    preset: Annotated[str, Parameter(choices=pages.preset_names(), metavar="CHOICE")] = "quick",
    output: Outputs = None,
    file: Annotated[list[str], Parameter(consume_multiple=True, metavar="NAME=PATH...")] = [],  # noqa: B006
    config: Path | None = None,
    set: Settings = [],  # noqa: B006
    workers: Workers = None,
    dask: Scheduler = None,
    json: bool = False,
) -> None:
    """Run a study from nothing to its report, or from where it was interrupted.

    Args:
        study: Name of the study, or of a part of one, which is then run alone.
        preset: How large: quick shows the machinery, full is for verdicts.
        output: Folder for everything; by default named after study and preset.
        file: Files that a study asks for, such as table=mine.csv; without them their parts are left out.
        config: TOML file with other settings of the study, in the form of a preset: data, datasets, run, arms, parts.
        set: Such settings as words, such as run.training.steps=200 or parts.NAME.OPTION=VALUE; they win over the file.
        workers: Processes; all cores by default.
        dask: Address of a dask scheduler that computes instead, such as tcp://host:8786.
        json: Print results as JSON.
    """
    from beable.files.disk import held

    out = output or Path(f"{study}-{preset}")
    asked, files = pages.load(study).with_preset(preset), _named_files(file)
    if files and not asked.files:
        raise UsageError(f"study {study} asks for no file: leave out --file")
    stage = lambda label: progress(label, quiet=json)  # noqa: E731
    changes = given(config, set)
    with held(out):  # before PyTorch is loaded, which takes seconds
        from beable.cluster import dask as at

        with at(dask, workers) as place:
            from beable.studies.run import run_study

            found = run_study(asked, preset, out, given=files, changes=changes, stage=stage, **place._asdict())
        _report(found, out, json)


def report(
    folder: Path,
    /,
    *,
    figures: Path | None = None,
    format: Annotated[list[Format], Parameter(consume_multiple=True, metavar="CHOICE...")] = ["svg"],  # noqa: B006
    markdown: Path | None = None,
    json: bool = False,
) -> None:
    """Make the report of a finished study again, from the answers in its folder.

    Args:
        folder: Folder of the study.
        figures: Folder for the figures of the page as files, and its tables as CSV.
        format: Formats of these figures.
        markdown: Markdown file to write as well, such as paper.md; its figures lie in a folder of the same name beside
            it.
        json: Print results as JSON.
    """
    from beable.studies.run import read_study

    _report(read_study(folder), folder, json, figures, format, markdown)


def _report(
    finished: "Finished",
    out: Path,
    json: bool,
    figures: Path | None = None,
    formats: Sequence[str] = (),
    markdown: Path | None = None,
) -> None:
    """Write the page of a study, and print its answer: the same words as on the page."""
    from beable.files.artefacts import write_noted
    from beable.report.export import export
    from beable.report.html import render
    from beable.report.markdown import write_markdown
    from beable.report.page import plain
    from beable.report.study import answer_lines, study_page

    path, page = out / "report.html", study_page(finished, out)
    if figures is not None:
        export(page, figures, formats)
    if markdown is not None:
        write_markdown(page, markdown)
    write_noted(path, render(page).encode())
    if json:
        show(finished.results | {"answer": plain(page.answer), "report": str(path.resolve())}, json=True)
        return
    for line in answer_lines(page, finished):
        print(line)
    print(f"\n  report    {path}\n  numbers   {out / 'results.json'}")
    if figures is not None:
        print(f"  figures   {figures}")
    if markdown is not None:
        print(f"  markdown  {markdown}")
    print(f"  next      {_next(finished, out)}")


def _next(finished: "Finished", out: Path) -> str:
    """What to do with a finished study: its full preset, or the same with data of one's own."""
    if finished.preset != "full" and "full" in pages.load(finished.study.name).presets:
        return shlex.join(["beable", "study", "run", finished.study.name, "--preset", "full"])
    return "beable import FILE -o mine.zarr"


def _named_files(words: list[str]) -> dict[str, Path]:
    found = dict(map(_named_file, words))
    if len(found) < len(words):
        raise UsageError(f"--file {' '.join(words)}: a name stands there twice: give each once")
    return found


def _named_file(words: str) -> tuple[str, Path]:
    """Name and path of a file.

    >>> _named_file(f"table={__file__}")[0]
    'table'
    """
    name, sign, path = words.partition("=")
    if not (name and sign and path):
        raise UsageError(f"file {words!r}: give a name and a path, such as table=mine.csv")
    return name, Path(path)
