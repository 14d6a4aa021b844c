"""What a study is: the page of settings that repeats one result of a source, with the source's numbers on it.

A study is a TOML file beside this module. Its arms share data and settings and differ in what they override; a
preset overrides for all arms, to make the study quick or full. Every key is checked, none is ignored.
"""

import json
import tomllib
from collections.abc import Mapping
from importlib.resources import files as resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from beable.errors import UsageError, unknown
from beable.training.run import RunSettings

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
_Tree = dict[str, Any]


class Data(BaseModel):
    """Where the snapshots come from.

    Args:
        simulator: its name.
        settings: its own settings.
        rows: number of snapshots.
        seed: seed of the data set.
    """

    model_config = _STRICT

    simulator: str
    settings: _Tree = {}
    rows: int = Field(ge=3)
    seed: int = Field(default=0, ge=0)


class Arm(BaseModel):
    """One of the things compared.

    Args:
        name: for files.
        label: for figures and tables.
        kind: "vae", or "linear" for the start alone, without training.
        override: settings that differ from the study's, as a tree.
    """

    model_config = _STRICT

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    label: str
    kind: Literal["vae", "linear"] = "vae"
    override: _Tree = {}


class Expected(BaseModel):
    """A share that the source reports.

    Args:
        arm: the arm it speaks of.
        measure: "disentangled" or "over_regularised".
        count, trials: of how many trainings it is true.
        words: what the source says, in our words, with the place.
    """

    model_config = _STRICT

    arm: str
    measure: Literal["disentangled", "over_regularised"]
    count: int = Field(ge=0)
    trials: int = Field(ge=1)
    words: str


class Study(BaseModel):
    """A study as it stands in its file.

    Args:
        name, title: short name and headline.
        source: the document.
        question: what is asked, a paragraph.
        notes: what a reader must know to judge the answer, paragraphs.
        data: the snapshots.
        run: settings common to all arms, as a tree.
        arms: the things compared.
        presets: overrides by name: {"data": ..., "run": ...}.
        expected: the source's numbers.
    """

    model_config = _STRICT

    name: str
    title: str
    source: str
    question: str
    notes: tuple[str, ...] = ()
    data: Data
    run: _Tree
    arms: tuple[Arm, ...] = Field(min_length=1)
    presets: dict[str, _Tree] = {}
    expected: tuple[Expected, ...] = ()

    def with_preset(self, name: str) -> "Study":
        """The study with a preset's overrides in place."""
        if name not in self.presets:
            raise unknown("preset", name, self.presets)
        return _validated(merged(self.model_dump(mode="json"), self.presets[name]), f"{self.name}, preset {name}")

    def settings(self, arm: Arm) -> RunSettings:
        """The settings of one arm.

        Raises:
            UsageError: a key or value that no setting has, with its place.
        """
        try:
            return RunSettings.model_validate_json(json.dumps(merged(self.run, arm.override)))
        except ValidationError as error:
            raise UsageError(f"study {self.name}, arm {arm.name}: {_first(error)}") from None


def names() -> list[str]:
    """The studies that come with the package."""
    return sorted(f.name.removesuffix(".toml") for f in resources(__package__).iterdir() if f.name.endswith(".toml"))


def load(name: str) -> Study:
    """The study of a name."""
    if name not in names():
        raise unknown("study", name, names())
    return parse(resources(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"), name)


def parse(text: str, name: str) -> Study:
    """A study from TOML text; every arm's settings are checked at once."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"study {name}: {error}: mend the file") from None
    study = _validated(tree, name)
    for arm in study.arms:
        study.settings(arm)
    for expected in study.expected:
        if expected.arm not in (arm_names := [arm.name for arm in study.arms]):
            raise unknown(f"arm of study {name}", expected.arm, arm_names)
    return study


def merged(tree: Mapping[str, Any], override: Mapping[str, Any]) -> _Tree:
    """A tree with another's leaves in place of its own.

    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}})
    {'a': {'b': 1, 'c': 3}}
    """
    result = dict(tree)
    for key, value in override.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result


def _validated(tree: _Tree, name: str) -> Study:
    try:
        return Study.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        raise UsageError(f"study {name}: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    """The first complaint, in one line, with its place."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}, got {first['input']!r}"
