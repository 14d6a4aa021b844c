"""Whether a study is whole: every byte of its data sets, runs, answers, numbers and page is read."""

from collections.abc import Iterator
from pathlib import Path

from beable.datasets.store import verify as problems_of_store
from beable.errors import BeableError
from beable.files import artefacts
from beable.studies.context import data_path, dataset_path, run_path
from beable.studies.run import asked_of
from beable.training.run import verify as problems_of_run

#: of the study itself
FILES = ("study.json", "results.json", "report.html")
AGAIN = "run the study again"


def verify(out: Path | str) -> list[str]:
    """Read every file of a study.

    Args:
        out: folder of the study.

    Returns:
        One line for each problem, with the file and what to do about it; none when the study is whole.
    """
    out = Path(out)
    try:
        return [*_own(out), *_parts(out)]
    except BeableError as error:
        return [str(error)]


def _own(out: Path) -> Iterator[str]:
    """Problems of the files of the study itself."""
    for folder in (out, out / "datasets"):
        yield from (f"{folder}: {line}: {AGAIN}" for line in artefacts.verify_noted(folder))
    named = artefacts.noted(out)
    for name in (name for name in FILES if name not in named):
        yield f"{out}: {name}: {'no sum is kept of it' if (out / name).exists() else 'missing'}: {AGAIN}"


def _parts(out: Path) -> Iterator[str]:
    """Problems of data sets, runs and answers."""
    study = asked_of(out).study
    for store in (data_path(out), *(dataset_path(out, name) for name in study.datasets)):
        yield from problems_of_store(store)
    for arm in study.arms:
        if arm.kind == "vae":
            yield from problems_of_run(run_path(out, arm.name))
    for part in study.parts:
        folder = out / "answers" / part.name
        yield from (f"{folder}: {line}: remove the folder and {AGAIN}" for line in artefacts.verify(folder))
