"""The verbs of `study`: list what there is, show one, run one, and make its report again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from beable.console.numbers import typed
from beable.console.output import show
from beable.console.progress import progress
from beable.console.settings import given
from beable.errors import UsageError
from beable.studies import study as pages

if TYPE_CHECKING:
    from beable.studies.run import Finished


def list_(*, json: bool = False) -> None:
    """Name the studies that come with beable.

    Parameters
    ----------
    json
        Print them as JSON.
    """
    studies = {name: pages.load(name) for name in pages.names()}
    parts = {part.name: part.title for study in studies.values() for part in study.parts}
    show({name: study.title for name, study in studies.items()} | parts, json=json)


def show_(name: str, /, *, json: bool = False) -> None:
    """Show what a study asks, its arms and the source's numbers.

    Parameters
    ----------
    name
        Name of the study.
    json
        Print its whole page of settings as JSON.
    """
    study = pages.load(name)
    if json:
        show(study.model_dump(mode="json"), json=True)
        return
    show(
        {
            "title": study.title,
            "source": study.source,
            "question": study.question,
            "arms": {arm.name: arm.label for arm in study.arms},
            "presets": ", ".join(study.presets),
            "parts": {part.name: part.title for part in study.parts},
            "the source says": [
                f"{c.count} of {c.trials} {c.measure}: {c.words}" for p in study.parts for c in p.counts
            ]
            + [e.words for part in study.parts for e in part.expected if e.by == "source"],
        },
        json=False,
    )


def run(
    name: str,
    /,
    *,
    preset: str = "quick",
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    file: Annotated[list[str], Parameter(consume_multiple=True)] = [],  # noqa: B006
    config: Path | None = None,
    set: Annotated[list[str], Parameter(consume_multiple=True)] = [],  # noqa: B006
    workers: int | None = None,
    json: bool = False,
) -> None:
    """Run a study from nothing to its report, or from where it was interrupted.

    Parameters
    ----------
    name
        Name of the study.
    preset
        quick or full.
    output
        Folder for everything; by default named after study and preset.
    file
        Files that a study asks for, such as table=mine.csv; without them their parts are left out.
    config
        TOML file with other settings of the study, in the form of a preset: data, datasets, run, arms, parts.
    set
        Such settings as words, such as run.training.steps=200 or parts.NAME.OPTION=VALUE; they win over the file.
    workers
        Processes; all cores by default.
    json
        Print results as JSON.
    """
    from beable.studies.run import run_study

    out = output or Path(f"{name}-{preset}")
    study, files = pages.load(name).with_preset(preset), _named_files(file)
    if files and not study.files:
        raise UsageError(f"study {name} asks for no file: leave out --file")
    stage = lambda label: progress(label, quiet=json)  # noqa: E731
    changes = given(config, set)
    _report(run_study(study, preset, out, given=files, changes=changes, workers=workers, stage=stage), out, json)


def report(folder: Path, /, *, json: bool = False) -> None:
    """Make the report of a finished study again, from the answers in its folder.

    Parameters
    ----------
    folder
        Folder of the study.
    json
        Print results as JSON.
    """
    from beable.studies.run import read_study

    _report(read_study(folder), folder, json)


def _report(finished: "Finished", out: Path, json: bool) -> None:
    """Write the page of a study, and print its numbers beside the source's."""
    from beable.files import atomic_write
    from beable.report.html import render
    from beable.report.study import study_page

    path = out / "report.html"
    atomic_write(path, render(study_page(finished, out)).encode())
    if json:
        show(finished.results | {"report": str(path.resolve())}, json=True)
        return
    for line in [*_lines(finished), path.resolve()]:
        print(line)


def _share_line(e: dict[str, Any]) -> str:
    source, ours = ("/".join(map(str, e[name])) for name in ("source", "ours"))
    told = {"yes": "reproduced", "no": "differs", "cannot be told": "cannot be told apart"}[e["reproduced"]["answer"]]
    return f"{e['arm']}: {e['measure']}: source {source}, ours {ours}: {told}"


def _lines(finished: "Finished") -> list[str]:
    compared, counted = finished.results["expected"], finished.results["counts"]
    return [
        *map(_share_line, counted),
        *(f"{e['part']}: {e['words']}: {e['by']} {typed(e['source'])}, ours {typed(e['ours'])}" for e in compared),
        *(
            f"left out: {title}: it needs {' '.join(f'--file {name}=PATH' for name in wanted)}"
            for title, wanted in finished.left_out.items()
        ),
    ]


def _named_files(words: list[str]) -> dict[str, Path]:
    found = dict(map(_named_file, words))
    if len(found) < len(words):
        raise UsageError(f"--file {' '.join(words)}: a name stands there twice: give each once")
    return found


def _named_file(words: str) -> tuple[str, Path]:
    """Name and path of a file.

    >>> _named_file("table=a.csv")[0]
    'table'
    """
    name, sign, path = words.partition("=")
    if not (name and sign and path):
        raise UsageError(f"file {words!r}: give a name and a path, such as table=mine.csv")
    return name, Path(path)
