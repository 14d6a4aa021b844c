"""The verb cite: what to cite, as BibTeX."""

from pathlib import Path
from typing import TYPE_CHECKING

from beable.commands import kinds
from beable.console.output import show
from beable.errors import UsageError
from beable.files import json_files

if TYPE_CHECKING:
    from beable.references import Reference


def cite(path: Path | None = None, /, *, json: bool = False) -> None:
    """Print what to cite as BibTeX: beable, the source of a study or simulator, the methods that were used.

    Args:
        path: Run, study or data set; beable alone without one.
        json: Print the references as JSON.
    """
    found = references(path)
    if json:
        show({"references": [reference._asdict() for reference in found]}, json=True)
        return
    print("\n\n".join(reference.bibtex() for reference in found))


def references(path: Path | None) -> "list[Reference]":
    """What to cite of what lies at a path; of nothing beable alone.

    Raises:
        UsageError: a page, or a file of results.
    """
    from beable.report.citations import citations

    if path is None:
        return citations()
    kind = kinds.kind_at(path)
    if kind == kinds.STORE:
        from beable.datasets.store import Store

        return citations(systems=_known(Store.open(path).simulator))
    if kind in (kinds.RUN, kinds.TRAINING):
        return _of_run(path / ("run.json" if kind == kinds.RUN else "request.json"))
    if kind == kinds.STUDY:
        return _of_study(path)
    raise UsageError(f"{path}: a {kind} does not say what was used: give the folder of the run or study")


def _known(*names: str | None) -> list[str]:
    return [name for name in names if name]


def _of_run(path: Path) -> "list[Reference]":
    from beable.report.citations import citations
    from beable.training.form import checked, checked_request

    about = json_files.read_json(path)
    settings = (checked if path.name == "run.json" else checked_request)(about, path)
    return citations(
        settings, systems=_known(about.get("simulator")), measures=["s_d"] if about.get("simulator") else []
    )


def _of_study(path: Path) -> "list[Reference]":
    from beable.report.citations import citations, measures_in
    from beable.studies.forms import request_of, results_at

    (study, _), results = request_of(path), path / "results.json"
    settings = [study.settings(arm) for arm in study.arms if arm.kind == "vae"]
    measures = measures_in(results_at(results)) if results.exists() else []
    systems = _known(study.system, study.data.simulator)
    return citations(settings, systems=systems, measures=measures)
