"""What a study is: the page of settings that repeats one result of a source, with the source's numbers on it.

A study is a TOML file beside this module. Its arms share data and settings and differ in what they override; a
preset overrides for all arms, to make the study quick or full. Every key is checked, none is ignored.

A study that asks several questions of the same trainings has parts, each with a measure of its own; a part has a name
and can be run on its own, with the arms that it needs and no others.
"""

import json
import tomllib
from collections.abc import Iterable
from importlib.resources import files as resources
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from beable.errors import UsageError, unknown
from beable.settings import merged
from beable.systems import SYSTEMS
from beable.training.settings import RunSettings

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
_Tree = dict[str, Any]


class Data(BaseModel):
    """Where the snapshots come from: a simulator, a subset of other data, or a file that the user gives.

    Args:
        simulator: its name.
        settings: its own settings.
        rows: number of snapshots; None for all that there are.
        seed: seed of the data set, or of the choice of its rows.
        of: name of the further data of which this is a subset, or "data".
        file: what the file that the user gives is called; a table of packings as `datasets.packing_table` reads it.
        subset: which rows, a name in ``datasets.packing_table.SUBSETS``.
        densest: share of the rows of which the subset "top" is drawn; None for that of Hall & Sparks (2023).
        keep_flagged: whether rows of a table that are no designs stay in it.
    """

    model_config = _STRICT

    simulator: str = ""
    settings: _Tree = {}
    rows: int | None = Field(default=None, ge=3)
    seed: int = Field(default=0, ge=0)
    of: str = ""
    file: str = ""
    subset: Literal["gaussian", "uniform", "top"] = "gaussian"
    densest: float | None = Field(default=None, gt=0, le=1)
    keep_flagged: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum(map(bool, (self.simulator, self.of, self.file))) != 1:
            raise ValueError("give one of simulator, of and file")
        if self.simulator and self.rows is None:
            raise ValueError("rows are missing: a simulator needs a number of them")
        return self


class Arm(BaseModel):
    """One of the things compared.

    Args:
        name: for files.
        label: for figures and tables.
        kind: "vae", or "linear" for the start alone, without training.
        data: name of the further data that it is trained on; the study's own by default.
        override: settings that differ from the study's, as a tree.
    """

    model_config = _STRICT

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    label: str
    kind: Literal["vae", "linear"] = "vae"
    data: str = ""
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


class Reported(BaseModel):
    """A number that the source reports, or a goal.

    Args:
        path: where ours stands among the numbers of the part, keys joined by dots; entries of lists by number.
        value: the source's number, in the unit of the words; None where it says something without a number.
        relation: what ours must be for the two to agree.
        tolerance: how far apart equal numbers may be.
        by: "source", or "goal" for a number that we set ourselves.
        words: what the source says, in our words, with the place.
    """

    model_config = _STRICT

    path: str
    value: float | None = None
    relation: Literal["equal", "at least", "at most", "other"] = "equal"
    tolerance: float = Field(default=0.0, ge=0)
    by: Literal["source", "goal"] = "source"
    words: str

    def agrees(self, ours: float) -> bool | None:
        """Whether our number is as reported; None if nothing can be said."""
        if self.value is None or self.relation == "other":
            return None
        distance = ours - self.value
        if self.relation == "equal":
            return abs(distance) <= self.tolerance
        return (distance if self.relation == "at least" else -distance) >= -self.tolerance


class Part(BaseModel):
    """One question of a study that asks several.

    Args:
        name, title: short name, under which it can be run alone, and headline.
        question: what is asked, a paragraph.
        measure: name of what answers it.
        arms: names of the arms that it looks at.
        further: names of the further data that it looks at.
        options: of the measure.
        expected: the source's numbers, and goals.
        findings: what came out of the full preset, and what a reader must know, paragraphs.
    """

    model_config = _STRICT

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    title: str
    question: str
    measure: str
    arms: tuple[str, ...] = ()
    further: tuple[str, ...] = ()
    options: _Tree = {}
    expected: tuple[Reported, ...] = ()
    findings: tuple[str, ...] = ()


class Study(BaseModel):
    """A study as it stands in its file.

    Args:
        name, title: short name and headline.
        source: the document.
        question: what is asked, a paragraph.
        notes: what a reader must know to judge the answer, paragraphs.
        data: the snapshots that arms are trained on.
        further: other snapshots that parts need, by name.
        run: settings common to all arms, as a tree.
        arms: the things compared.
        presets: overrides by name: {"data": ..., "run": ..., "arms": {arm: ...}, "parts": {part: options}}.
        expected: the source's numbers.
        parts: the questions of a study that asks several.
    """

    model_config = _STRICT

    name: str
    title: str
    source: str
    question: str
    notes: tuple[str, ...] = ()
    data: Data
    further: dict[str, Data] = {}
    run: _Tree
    arms: tuple[Arm, ...]
    presets: dict[str, _Tree] = {}
    expected: tuple[Expected, ...] = ()
    parts: tuple[Part, ...] = ()

    def with_preset(self, name: str) -> "Study":
        """The study with a preset's overrides in place."""
        if name not in self.presets:
            raise unknown("preset", name, self.presets)
        preset, tree = dict(self.presets[name]), self.model_dump(mode="json")
        preset["further"] = {k: v for k, v in preset.get("further", {}).items() if k in self.further}
        for kind, key in (("arms", "override"), ("parts", "options")):
            changes = {name: {key: change} for name, change in preset.pop(kind, {}).items()}
            tree[kind] = [merged(item, changes.get(item["name"], {})) for item in tree[kind]]
        return _validated(merged(tree, preset), f"{self.name}, preset {name}")

    def part(self, name: str) -> "Study":
        """The study that asks one of the questions alone, with the arms and data that it needs.

        Raises:
            UsageError: no such part.
        """
        found = [p for p in self.parts if p.name == name]
        if not found:
            raise unknown(f"part of study {self.name}", name, [p.name for p in self.parts])
        part = found[0]
        arms = tuple(arm for arm in self.arms if arm.name in part.arms)
        needed = self._origins({*part.further, *(arm.data for arm in arms)})
        further = {key: data for key, data in self.further.items() if key in needed}
        alone = {"title": part.title, "question": part.question, "arms": arms, "further": further, "parts": (part,)}
        return self.model_copy(update={"name": name, **alone})

    def _origins(self, names: set[str]) -> set[str]:
        """Names of further data, with those that they are subsets of."""
        more = {self.further[name].of for name in names if name in self.further} - names
        return self._origins(names | more) if more else names

    def _files_of(self, name: str) -> list[str]:
        """What the files that further data come from are called."""
        return [self.further[origin].file for origin in self._origins({name}) if origin in self.further]

    @property
    def files(self) -> list[str]:
        """What the files that it asks the user for are called."""
        return sorted({data.file for data in self.further.values() if data.file})

    def without(self, files: Iterable[str]) -> "Study":
        """The study without the data of some files, and without the arms and parts that need them."""
        missing = set(files)
        gone = {name for name, data in self.further.items() if missing & set(self._files_of(name))}
        arms = {arm.name for arm in self.arms if arm.data in gone}
        parts = tuple(p for p in self.parts if not (arms & set(p.arms) or gone & set(p.further)))
        return self.model_copy(
            update={
                "further": {name: data for name, data in self.further.items() if name not in gone},
                "arms": tuple(arm for arm in self.arms if arm.name not in arms),
                "parts": parts,
            }
        )

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
    return sorted(_texts())


def load(name: str) -> Study:
    """The study of a name, or the part of one.

    >>> load("lj-fluid").part("lj-latent") == load("lj-latent")
    True
    """
    texts = _texts()
    if name in texts:
        return parse(texts[name], name)
    studies = {text_name: parse(text, text_name) for text_name, text in texts.items()}
    owners = {part.name: study for study in studies.values() for part in study.parts}
    if name not in owners:
        raise unknown("study", name, [*studies, *owners])
    return owners[name].part(name)


def _texts() -> dict[str, str]:
    packages = [system.studies for system in SYSTEMS.values() if system.studies]
    found = (f for package in packages for f in resources(package).iterdir() if f.name.endswith(".toml"))
    return {f.name.removesuffix(".toml"): f.read_text(encoding="utf-8") for f in found}


def parse(text: str, name: str) -> Study:
    """A study from TOML text; every arm's settings are checked at once."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"study {name}: {error}: mend the file") from None
    study = _validated(tree, name)
    for arm in study.arms:
        study.settings(arm)
    known = [arm.name for arm in study.arms]
    if not known:
        raise UsageError(f"study {name}: arms: at least one is needed")
    _check_presets(study, known)
    named = [further for part in study.parts for further in part.further] + [arm.data for arm in study.arms if arm.data]
    for further in named:
        if further not in study.further:
            raise unknown(f"further data of study {name}", further, study.further)
    for i, data in enumerate(study.further.values()):
        before = ["data", *list(study.further)[:i]]  # they are made in this order
        if data.of and data.of not in before:
            raise unknown(f"further data of study {name}, of which others are subsets,", data.of, before)
    for arm_name in [e.arm for e in study.expected] + [arm_name for part in study.parts for arm_name in part.arms]:
        if arm_name not in known:
            raise unknown(f"arm of study {name}", arm_name, known)
    return study


def _check_presets(study: Study, arms: list[str]) -> None:
    for preset in study.presets.values():
        parts, further = [part.name for part in study.parts], list(study.further)
        for kind, known in (("arms", arms), ("parts", parts), ("further", further)):
            for name in preset.get(kind, {}):
                if name not in known:
                    raise unknown(f"entry of {kind} in a preset of study {study.name}", name, known)


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
