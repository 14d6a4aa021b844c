"""The form of what a run and a training under way keep as JSON, checked before anything is made of it.

A run may come from elsewhere, so that the sums in its manifest say nothing of who wrote it.
"""

import json
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from beable.errors import CorruptError
from beable.files.artefacts import RESTORE, Manifest
from beable.records import shortened
from beable.training.settings import RunSettings

Count = Annotated[int, Field(ge=0, le=2**48)]
Word = Annotated[str, Field(max_length=4096)]
#: what a run consists of
FILES = ("state.safetensors", "history.safetensors", "run.json")


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class _Coordinates(_Form):
    unit: Word
    length: Count
    values: list[float]


class _Declared(_Form):
    components: dict[Word, list[Word]] = {}
    classes: dict[Word, list[Word]] = {}
    factor_classes: dict[Word, list[Word]] = {}
    coordinates: dict[Word, _Coordinates] = {}
    factor_units: dict[Word, Word] = {}
    particles: dict[Word, Any] = {}
    words: dict[Word, list[Word | int]] = {}


class _Place(_Form):
    from_run: Word
    given: Word


class _Verdict(_Form):
    answer: Any
    reason: Word


class _Strangers(_Form):
    verdict: _Verdict | None = None


class _HeldOut(_Form):
    words: str


class _Labels(_Form):
    names: list[Word]
    rows: list[list[Count]]
    centre: list[list[float]]
    spread: list[list[float]]


class Record(_Form):
    """The parts of ``run.json`` that anything is made of.

    Args:
        settings: of the run, not yet checked.
        store: identity of the data set.
        variables, shapes, dims, units, declared: what was learned from.
        members: numbers of the members.
        train_rows, held_rows: rows of the data set.
        steps, kept_steps, best_steps, training_error: what came of it, the last three by member.
        store_place, simulator, held_out, strangers: of the data set.
        versions: of libraries.
    """

    settings: dict[str, Any]
    store: Word
    variables: Annotated[list[Word], Field(min_length=1)]
    shapes: dict[Word, list[Count]]
    members: Annotated[list[Count], Field(min_length=1)]
    train_rows: list[Count]
    held_rows: list[Count]
    steps: Count
    kept_steps: list[Count] | None = None
    best_steps: list[Count] | None = None
    training_error: list[float | None] | None = None
    restarted: list[Count] | None = None
    labels: _Labels | None = None
    dims: dict[Word, list[Word]] = {}
    units: dict[Word, Word] = {}
    declared: _Declared | None = None
    store_place: _Place | None = None
    simulator: Word | None = None
    held_out: _HeldOut | None = None
    strangers: _Strangers | None = None
    look: list[dict[str, Any]] = []
    versions: dict[Word, Word]


def checked(about: Any, path: Path) -> RunSettings:
    """The settings of a run, after its record was found to have the form of one.

    Args:
        about: what ``run.json`` holds.
        path: of that file, for the message.

    Raises:
        CorruptError: something is missing or has another form, or does not go together.
    """
    record, settings = _settings_of(Record, about, path)
    for wrong in _disagreements(record, settings):
        raise CorruptError(f"{path}: {wrong}: {RESTORE}")
    return settings


def _settings_of(form: Any, about: Any, path: Path) -> tuple[Any, RunSettings]:
    """A record of a form, and the settings in it."""
    try:
        record = form.model_validate(about)
        return record, RunSettings.model_validate_json(json.dumps(record.settings))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))[:200]
        raise CorruptError(f"{path}: {place}: {first['msg']}, not {shortened(first['input'])}: {RESTORE}") from None


def _disagreements(record: Record, settings: RunSettings) -> list[str]:
    """What of a record does not go with the rest, in words."""
    members, steps = settings.training.members, record.steps
    by_member = {"kept_steps": record.kept_steps, "best_steps": record.best_steps, "error": record.training_error}
    by_member |= {"restarted": record.restarted}
    if record.labels is not None:
        by_member |= {f"labels.{name}": getattr(record.labels, name) for name in ("rows", "centre", "spread")}
    reached = chain(record.kept_steps or (), record.best_steps or ())
    wrong = {
        "members are not those of the settings": len(record.members) != members
        or record.members != list(range(len(record.members))),
        "shapes are not those of the variables": set(record.shapes) != set(record.variables),
        "a variable stands there twice": len(set(record.variables)) < len(record.variables),
        "more steps than the settings ask for": steps > settings.training.steps,
        "a step that was never taken": any(step > steps for step in reached),
        "no rows to learn from": not record.train_rows,
    }
    wrong |= {f"{name} is not one a member": v is not None and len(v) != members for name, v in by_member.items()}
    return [words for words, is_so in wrong.items() if is_so]


class Request(_Form):
    """What a training was asked for, ``request.json``.

    Args:
        settings: of the run, not yet checked.
        store: identity of the data set.
        variables: that it learns from.
        threads: of PyTorch.
    """

    settings: dict[str, Any]
    store: Word
    variables: Annotated[list[Word], Field(min_length=1)]
    threads: Count


def checked_request(about: Any, path: Path) -> RunSettings:
    """The settings of a training under way, after its request was found to have the form of one.

    Raises:
        CorruptError: it has another form.
    """
    return _settings_of(Request, about, path)[1]


def refuse_manifest(manifest: Manifest, path: Path) -> None:
    """Refuse a manifest that lacks what a run is asked for.

    Raises:
        CorruptError: it does.
    """
    spent = manifest.about.get("cpu_seconds")
    lacking = set(FILES) - manifest.files.keys()
    if lacking or type(spent) not in (int, float) or not isinstance(manifest.about.get("made", {}), dict):
        raise CorruptError(f"{path}: the manifest is not one of a run: fetch the run again or repeat the training")
