"""What lies at a path: a data set, a run, a training under way, a study, its results, a page."""

from pathlib import Path

from beable.console.outputs import is_own
from beable.errors import CorruptError, UsageError
from beable.files import artefacts, json_files

STORE, RUN, TRAINING, STUDY, RESULTS, PAGE = "data set", "run", "training under way", "study", "results", "page"
KINDS = {"beable-store": STORE, "beable-run": RUN}


def kind_at(path: Path) -> str:
    """The kind of artefact at a path.

    Raises:
        UsageError: nothing lies there.
        CorruptError: what lies there is none of beable's.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder: check the name")
    found = _folder(path) if path.is_dir() else _file(path)
    if found is None:
        raise CorruptError(
            f"{path}: not a data set, run, study, results.json or page of beable: import data of your own by beable "
            "import"
        )
    return found


def _folder(path: Path) -> str | None:
    if (path / artefacts.MANIFEST).exists():
        return KINDS.get(artefacts.read_manifest(path).kind)
    if (path / "study.json").exists():
        return STUDY
    return TRAINING if (path / "request.json").exists() else None


def _file(path: Path) -> str | None:
    if path.suffix == ".json":
        found = json_files.read_json(path)
        return RESULTS if isinstance(found, dict) and "study" in found and "parts" in found else None
    return PAGE if is_own(path) else None
