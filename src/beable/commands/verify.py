"""The verb verify: every byte of a data set, a run or a study is read and held against the sums kept of it."""

from pathlib import Path

from beable.commands import kinds
from beable.console.output import show
from beable.console.progress import Progress, progress
from beable.console.tables import tell
from beable.errors import CorruptError, UsageError
from beable.files import artefacts


def verify(path: Path, /, *, json: bool = False) -> None:
    """Read every byte of a data set, a run or a study; if something is damaged, name it and end with exit code 5.

    Args:
        path: Folder of a data set, a run or a study; or a page or results.json in one.
        json: Print the findings as JSON.
    """
    with progress("verify", quiet=json, first="reading") as told:
        problems = problems_at(path, told)
    if json:
        show({"path": path, "whole": not problems, "problems": problems}, json=True)
    else:
        tell(f"{path}: {'whole: every file is as its manifest says' if not problems else 'damaged'}.")
        for problem in problems:
            tell(f"  {problem}")
    if problems:
        raise CorruptError(f"{path}: {len(problems)} problem{'s' if len(problems) > 1 else ''} found")


def problems_at(path: Path, progress: Progress | None = None) -> list[str]:
    """One line for each thing that is not as it was written.

    Args:
        path: of what is to be read.
        progress: is told how far the reading is.

    Raises:
        UsageError: nothing lies there, or a file of which no sums are kept.
    """
    kind = _kind(path)
    if kind == kinds.RUN:
        from beable.training.run import verify as of_run

        return of_run(path, progress)
    if kind == kinds.STUDY:
        from beable.studies.verify import verify as of_study

        return of_study(path, progress)
    if kind == kinds.TRAINING:
        return [line for step in sorted((path / "checkpoints").glob("step-*")) for line in artefacts.verify(step)]
    if kind in (kinds.RESULTS, kinds.PAGE):
        return _of_page(path)
    from beable.datasets.store import verify as of_store

    return of_store(path, progress)


def _kind(path: Path) -> str:
    """What lies there; what cannot be told is read as a data set, which names what it lacks."""
    try:
        return kinds.kind_at(path)
    except CorruptError:
        return kinds.STORE if path.is_dir() else kinds.PAGE


def _of_page(path: Path) -> list[str]:
    """Problems of a file that is named in its folder."""
    named = artefacts.noted(path.parent)
    if path.name not in named:
        raise UsageError(f"{path}: no sums are kept of it: give the folder of a data set, a run or a study")
    return [line for line in artefacts.verify_noted(path.parent) if line.startswith(f"{path.name}:")]
