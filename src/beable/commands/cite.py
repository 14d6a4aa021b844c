"""The verb cite: what to cite, as BibTeX."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beable import files
from beable.commands import kinds
from beable.console.output import show
from beable.errors import UsageError

if TYPE_CHECKING:
    from beable.console.bibtex import Reference


def cite(path: Path | None = None, /, *, json: bool = False) -> None:
    """Print what to cite as BibTeX: beable, the source of a study or simulator, the methods that were used.

    Parameters
    ----------
    path
        Run, study or data set; beable alone without one.
    json
        Print the references as JSON.
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
        return _of_run(files.read_json(path / ("run.json" if kind == kinds.RUN else "request.json")))
    if kind == kinds.STUDY:
        return _of_study(path)
    raise UsageError(f"{path}: a {kind} does not say what was used: give the folder of the run or study")


def _known(*names: str | None) -> list[str]:
    return [name for name in names if name]


def _of_run(about: Mapping[str, Any]) -> "list[Reference]":
    from beable.report.citations import citations
    from beable.settings import validated
    from beable.training.settings import RunSettings

    settings = validated(RunSettings, about["settings"])
    return citations(
        settings, systems=_known(about.get("simulator")), measures=["s_d"] if about.get("simulator") else []
    )


def _of_study(path: Path) -> "list[Reference]":
    from beable.report.citations import citations, measures_in
    from beable.settings import merged, validated
    from beable.training.settings import RunSettings

    study, results = files.read_json(path / "study.json")["study"], path / "results.json"
    trained = [arm for arm in study["arms"] if arm["kind"] == "vae"]
    settings = [validated(RunSettings, merged(study["run"], arm.get("override", {}))) for arm in trained]
    measures = measures_in(files.read_json(results)) if results.exists() else []
    systems = _known(study.get("system"), study["data"].get("simulator"))
    return citations(settings, systems=systems, measures=measures)
