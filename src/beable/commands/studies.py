"""The verbs of `study`: list what there is, show one, run one."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from beable.console.output import show
from beable.console.progress import progress
from beable.errors import UsageError
from beable.studies import study as pages

if TYPE_CHECKING:
    from beable.report.page import Page

    Done = tuple[Page, dict[str, Any], list[str]]


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
            **({"parts": {part.name: part.title for part in study.parts}} if study.parts else {}),
            "the source says": [f"{e.count} of {e.trials} {e.measure}: {e.words}" for e in study.expected]
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
        Files that a study asks for, such as table=packing-fraction.csv; without them their parts are left out.
    workers
        Processes; all cores by default.
    json
        Print results as JSON.
    """
    from beable.files import atomic_write
    from beable.report.page import render

    out = output or Path(f"{name}-{preset}")
    study, given = pages.load(name).with_preset(preset), _named_files(file)
    if given and not study.files:
        raise UsageError(f"study {name} asks for no file: leave out --file")
    if study.parts:
        page, results, lines = _run_parts(study, preset, out, workers, json, given)
    else:
        page, results, lines = _run_arms(study, preset, out, workers, json)
    path = out / "report.html"
    atomic_write(path, render(page).encode())
    if json:
        show(results | {"report": str(path.resolve())}, json=True)
        return
    for line in lines:
        print(line)
    print(path.resolve())


def _command(study: pages.Study, preset: str, files: Iterable[str] = ()) -> str:
    """The command of a page; files by the names that the study has for them, wherever they lie."""
    return " ".join([f"beable study run {study.name} --preset {preset}", *(f"--file {name}=PATH" for name in files)])


def _run_arms(study: pages.Study, preset: str, out: Path, workers: int | None, quiet: bool) -> "Done":
    from beable.report.of_study import study_page
    from beable.studies.run import run_study

    finished = run_study(study, preset, out, workers=workers, stage=lambda label: progress(label, quiet=quiet))
    lines = [
        f"{e['arm']}: {e['measure']}: source {e['source'][0]}/{e['source'][1]}, ours {e['ours'][0]}/{e['ours'][1]}"
        for e in finished.results["expected"]
    ]
    return study_page(study, finished, _command(study, preset)), finished.results, lines


def _named_files(words: list[str]) -> dict[str, Path]:
    given = dict(map(_named_file, words))
    if len(given) < len(words):
        raise UsageError(f"--file {' '.join(words)}: a name stands there twice: give each once")
    return given


def _named_file(words: str) -> tuple[str, Path]:
    """Name and path of a file.

    >>> _named_file("table=a.csv")[0]
    'table'
    """
    name, sign, path = words.partition("=")
    if not (name and sign and path):
        raise UsageError(f"file {words!r}: give a name and a path, such as table=packing-fraction.csv")
    return name, Path(path)


def _run_parts(
    study: pages.Study, preset: str, out: Path, workers: int | None, quiet: bool, given: Mapping[str, Path]
) -> "Done":
    from beable.report.of_parts import parts_page
    from beable.studies.parts import run_parts

    finished = run_parts(
        study, preset, out, given=given, workers=workers, stage=lambda label: progress(label, quiet=quiet)
    )
    lines = [
        f"{e['part']}: {e['words']}: {e['by']} {_digits(e['source'])}, ours {_digits(e['ours'])}"
        for e in finished.results["expected"]
    ]
    lines += [
        f"left out: {title}: it needs {' '.join(f'--file {name}=PATH' for name in wanted)}"
        for title, wanted in finished.left_out.items()
    ]
    return parts_page(study, finished, _command(study, preset, given)), finished.results, lines


def _digits(value: float | None) -> str:
    return "–" if value is None else format(value, ".4g")
