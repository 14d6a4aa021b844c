"""Whether a study is whole: every byte of its data sets, runs, answers, numbers and page is read."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from beable.console.progress import Progress, told
from beable.datasets.store import verify as problems_of_store
from beable.errors import BeableError
from beable.files import artefacts
from beable.studies.context import data_path, dataset_path, run_path
from beable.studies.run import asked_of
from beable.training.run import verify as problems_of_run

#: of the study itself
FILES = ("study.json", "results.json", "report.html")
AGAIN = "run the study again"


def verify(out: Path | str, progress: Progress | None = None) -> list[str]:
    """Read every file of a study.

    Args:
        out: folder of the study.
        progress: is told how many data sets, runs and answers are read, of how many.

    Returns:
        One line for each problem, with the file and what to do about it; none when the study is whole.
    """
    out = Path(out)
    try:
        parts = _parts(out)
        problems = [*_own(out)]
        for done, read in enumerate(parts, 1):
            problems += read()
            told(progress)(done, len(parts))
        return problems
    except BeableError as error:
        return [str(error)]


def _own(out: Path) -> Iterator[str]:
    """Problems of the files of the study itself."""
    for folder in (out, out / "datasets"):
        yield from (f"{folder}: {line}: {AGAIN}" for line in artefacts.verify_noted(folder))
    named = artefacts.noted(out)
    for name in (name for name in FILES if name not in named):
        yield f"{out}: {name}: {'no sum is kept of it' if (out / name).exists() else 'missing'}: {AGAIN}"


def _parts(out: Path) -> list[Callable[[], list[str]]]:
    """What finds the problems of each data set, run and answer."""
    study = asked_of(out).study
    stores = [data_path(out), *(dataset_path(out, name) for name in study.datasets)]
    runs = [run_path(out, arm.name) for arm in study.arms if arm.kind == "vae"]
    answers = [out / "answers" / part.name for part in study.parts]
    return [
        *(partial(problems_of_store, store) for store in stores),
        *(partial(problems_of_run, run) for run in runs),
        *(partial(_of_answer, folder) for folder in answers),
    ]


def _of_answer(folder: Path) -> list[str]:
    return [f"{folder}: {line}: remove the folder and {AGAIN}" for line in artefacts.verify(folder)]
