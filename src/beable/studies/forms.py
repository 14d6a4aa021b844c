"""The form of what a study keeps as JSON, checked before anything is made of it."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from beable.errors import CorruptError
from beable.files import json_files
from beable.studies.study import Study, first_problem

AGAIN = "run the study again"
Word = Annotated[str, Field(max_length=2**16)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class Asking(_Form):
    """What a study was asked for, ``study.json``.

    Args:
        study: the study, not yet checked.
        preset: whose settings it has.
        files: names of the files that were given.
        changes: settings in place of the study's own.
    """

    study: dict[str, Any]
    preset: Word
    files: list[Word]
    changes: dict[str, Any]


class _Answer(_Form):
    answer: Any = None


class _Share(_Form):
    arm: Word
    measure: Word
    reproduced: _Answer = _Answer()
    source: Any = None
    ours: Any = None


class _Number(_Form):
    words: Word
    source: int | float | None
    ours: int | float | None
    agrees: bool | None = None


class Results(_Form):
    """The numbers of a study that are shown without it, of ``results.json``.

    Args:
        study, preset: their names.
        counts: shares of trainings beside those of the source.
        expected: numbers beside those of the source.
    """

    study: Word
    preset: Word | None = None
    parts: dict[Word, Any]
    counts: list[_Share] = []
    expected: list[_Number] = []


def request_of(out: Path) -> tuple[Study, Asking]:
    """The study that a folder was asked for, and the request.

    Args:
        out: folder of the study.

    Raises:
        CorruptError: ``study.json`` is missing or has another form, or holds a study that cannot be.
    """
    path = out / "study.json"
    tree = json_files.read_json(path)
    try:
        request = Asking.model_validate(tree)
        return Study.model_validate(request.study), request
    except ValidationError as error:
        raise CorruptError(f"{path}: {first_problem(error)}: {AGAIN}") from None


def results_at(path: Path) -> dict[str, Any]:
    """What a ``results.json`` holds.

    Raises:
        CorruptError: it is missing or has another form.
    """
    tree: dict[str, Any] = json_files.read_json(path)
    try:
        Results.model_validate(tree)
    except ValidationError as error:
        raise CorruptError(f"{path}: {first_problem(error)}: {AGAIN}") from None
    return tree
