"""What a study is: the page of settings that repeats one result of a source, with the source's numbers on it.

A study is a TOML file of a system, or a folder of such files that are joined in the order of their names: lists one
after the other, tables into one. Its arms share data and settings and differ in what they override; a preset overrides
for all arms, to make the study quick or full. Its parts are its questions, each with a measure of
its own; a part has a name and can be run on its own, with the arms that it needs and no others. Every key is checked,
none is ignored: what the file itself decides here, what the system decides in `beable.studies.check`.
"""

import fnmatch
import json
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache, partial, reduce
from importlib.resources import files as resources
from importlib.resources.abc import Traversable
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from beable.errors import UsageError, unknown
from beable.settings import merged
from beable.system import SYSTEMS
from beable.training.settings import RunSettings

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
_Tree = dict[str, Any]
_NAME = r"^[a-z0-9-]{1,40}$"
SUFFIX = ".toml"


class Data(BaseModel):
    """Where the snapshots come from: a simulator, or a data source of the study's system.

    Args:
        simulator: its name.
        source: name of a data source, see `System.sources`.
        settings: of the simulator, or of the source.
        rows: number of snapshots; None for as many as the source has.
        seed: seed of the data set, or of the choice of its rows.
        of: name of the data set that the source makes it of, or "data".
        file: what the file that the user gives to the source is called.
    """

    model_config = _STRICT

    simulator: str = ""
    source: str = ""
    settings: _Tree = {}
    rows: int | None = Field(default=None, ge=3)
    seed: int = Field(default=0, ge=0)
    of: str = ""
    file: str = ""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.simulator) == bool(self.source):
            raise ValueError("give one of simulator and source")
        if self.simulator and (self.of or self.file):
            raise ValueError("of and file go with a source: a simulator takes neither")
        if self.of and self.file:
            raise ValueError("give one of of and file")
        if self.simulator and self.rows is None:
            raise ValueError("rows are missing: a simulator needs a number of them")
        return self


class Arm(BaseModel):
    """One of the things compared.

    Args:
        name: for files.
        label: for figures and tables.
        kind: "vae", or "linear" for the start alone, without training.
        data: name of the data set that it is trained on; the study's own data by default.
        override: settings that differ from the study's, as a tree.
    """

    model_config = _STRICT

    name: str = Field(pattern=_NAME)
    label: str
    kind: Literal["vae", "linear"] = "vae"
    data: str = ""
    override: _Tree = {}


class PublishedCount(BaseModel):
    """A share of trainings that the source reports.

    Args:
        arm: whose trainings.
        measure: what is true of them, a name in the `counts` of the part in code.
        count, trials: of how many trainings it is true.
        words: what the source reports, in our words, with the place.
        figure: the source's figure that shows it, such as "20".
    """

    model_config = _STRICT

    arm: str
    measure: str
    count: int = Field(ge=0)
    trials: int = Field(ge=1)
    words: str
    figure: str = ""


class PublishedNumber(BaseModel):
    """A number that the source reports, or a goal.

    Args:
        path: where ours stands among the numbers of the part, keys joined by dots; entries of lists by number.
        value: the source's number, in the unit of the words; None where it reports no number.
        relation: what ours must be for the two to agree.
        tolerance: how far apart equal numbers may be.
        error: path of the standard error of ours; nearer to the limit than twice that it cannot be told.
        by: "source", or "goal" for a number that we set ourselves.
        words: what the source reports, in our words, with the place.
        presets: those with enough trainings to judge it; all by default.
        figure: the source's figure that shows it, such as "20".
    """

    model_config = _STRICT

    path: str
    value: float | None = None
    relation: Literal["equal", "at least", "at most", "other"] = "equal"
    tolerance: float = Field(default=0.0, ge=0)
    error: str | None = None
    by: Literal["source", "goal"] = "source"
    words: str
    presets: tuple[str, ...] = ()
    figure: str = ""

    def agrees(self, ours: float, error: float | None = 0.0) -> bool | None:
        """Whether our number is as reported; None if nothing can be said.

        Args:
            ours: our number.
            error: its standard error; None where it is not defined.

        >>> goal = PublishedNumber(path="energy", value=0.5, relation="at most", words="energy off equilibrium")
        >>> goal.agrees(0.54), goal.agrees(0.54, error=0.1), goal.agrees(0.8, error=0.1)
        (False, None, False)
        """
        if self.value is None or self.relation == "other" or error is None:
            return None
        distance = ours - self.value
        inside = self.tolerance + {"equal": -abs(distance), "at least": distance, "at most": -distance}[self.relation]
        return None if abs(inside) < 2 * error else inside >= 0


class Recorded(BaseModel):
    """What came out of a run of the study that is not that of the page.

    Args:
        preset: of that run.
        date: its day, as 2026-11-26.
        cost: trainings and CPU time, in words.
        findings: paragraphs.
    """

    model_config = _STRICT

    preset: str
    date: str
    cost: str
    findings: tuple[str, ...]


class PartSettings(BaseModel):
    """One question of a study.

    Args:
        name, title: short name, under which it can be run alone, and headline.
        question: what is asked, a paragraph.
        measure: name of what answers it, a part of the study's system.
        arms: names of the arms that it looks at, by their role in the measure: one name, or a list.
        datasets: names of the data sets that it looks at.
        options: of the measure.
        expected: the source's numbers, and goals.
        counts: the source's shares of trainings.
        recorded: what came out of an earlier run, shown apart.
    """

    model_config = _STRICT

    name: str = Field(pattern=_NAME)
    title: str
    question: str
    measure: str
    arms: dict[str, str | tuple[str, ...]] = {}
    datasets: tuple[str, ...] = ()
    options: _Tree = {}
    expected: tuple[PublishedNumber, ...] = ()
    counts: tuple[PublishedCount, ...] = ()
    recorded: Recorded | None = None

    @property
    def arm_names(self) -> list[str]:
        """The arms of all roles, each once."""
        roles = [(names,) if isinstance(names, str) else names for names in self.arms.values()]
        return list(dict.fromkeys(name for names in roles for name in names))


class Study(BaseModel):
    """A study as it stands in its file.

    Args:
        name, title: short name and headline.
        source: the document.
        question: what is asked, a paragraph.
        notes: what a reader must know to judge the answer, paragraphs.
        data: the snapshots that arms are trained on.
        datasets: other snapshots that arms and parts need, by name.
        run: settings common to all arms, as a tree.
        arms: the things compared.
        presets: overrides by name, as `with_overrides` takes them.
        parts: the questions.
        answer: names of the parts that answer the title, the first with its figure and table; the first by default.
        system: the physical system whose parts and data sources it uses; by default that of its data's simulator.
    """

    model_config = _STRICT

    name: str
    title: str
    source: str
    question: str
    notes: tuple[str, ...] = ()
    system: str = ""
    data: Data
    datasets: dict[str, Data] = {}
    run: _Tree
    arms: tuple[Arm, ...]
    presets: dict[str, _Tree] = {}
    parts: tuple[PartSettings, ...]
    answer: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _system_of_the_data(cls, tree: Any) -> Any:
        if isinstance(tree, dict) and not tree.get("system") and isinstance(tree.get("data"), dict):
            return tree | {"system": tree["data"].get("simulator", "")}
        return tree

    def with_preset(self, name: str) -> Self:
        """The study with a preset's overrides in place."""
        if name not in self.presets:
            raise unknown("preset", name, self.presets)
        return self.with_overrides(self.presets[name], f", preset {name}")

    def with_overrides(self, tree: Mapping[str, Any], where: str = "") -> Self:
        """The study with other settings.

        Args:
            tree: {"data": ..., "datasets": {name: ...}, "run": ..., "arms": {name: override},
                "parts": {name: options}}; a name with an asterisk, such as ``seed-*``, is for all that it fits, and
                what is given for one name wins.
            where: what the tree is, for errors.

        Raises:
            UsageError: a name, key or value that the study cannot have.
        """
        named, changed = f"{self.name}{where}", dict(tree)
        for kind, known in self._names().items():
            if kind in changed:
                changed[kind] = _for_each(changed[kind], known, f"entry of {kind} in study {named}")
        whole = self.model_dump(mode="json")
        for kind, key in (("arms", "override"), ("parts", "options")):
            changes = {name: {key: change} for name, change in changed.pop(kind, {}).items()}
            whole[kind] = [merged(item, changes.get(item["name"], {})) for item in whole[kind]]
        return self._checked(merged(whole, changed), named)

    @classmethod
    def _checked(cls, tree: _Tree, name: str) -> Self:
        """A study from its tree, with the names that it refers to and the settings of its arms."""
        try:
            study = cls.model_validate_json(json.dumps(tree))
        except ValidationError as error:
            raise UsageError(f"study {name}: {first_problem(error)}") from None
        for arm in study.arms:
            study.settings(arm)
        _check_names(study)
        return study

    def _names(self) -> dict[str, list[str]]:
        """The names of what an override can change one by one."""
        arms, parts = [arm.name for arm in self.arms], [part.name for part in self.parts]
        return {"arms": arms, "parts": parts, "datasets": list(self.datasets)}

    def part(self, name: str) -> Self:
        """The study that asks one of the questions alone, with the arms and data that it needs.

        Raises:
            UsageError: no such part.
        """
        found = [p for p in self.parts if p.name == name]
        if not found:
            raise unknown(f"part of study {self.name}", name, [p.name for p in self.parts])
        part = found[0]
        alone = self.model_copy(update={"name": name, "title": part.title, "question": part.question})
        return alone._only(part.arm_names, self.data_of(part), [name])

    def data_of(self, part: PartSettings) -> list[str]:
        """Names of the data sets behind a part: its own, those of its arms, and those that they are made of."""
        arms = [arm.data for arm in self.arms if arm.name in part.arm_names and arm.data]
        return self._origins([*part.datasets, *arms])

    def _only(self, arms: Collection[str], datasets: Collection[str], parts: Collection[str]) -> Self:
        """The study with these arms, data sets and parts alone, in its presets too."""
        kept = {"arms": arms, "datasets": datasets, "parts": parts}

        def chosen(kind: str, tree: Mapping[str, Any]) -> _Tree:
            return {name: value for name, value in tree.items() if name in kept[kind]}

        def of_preset(kind: str, tree: Any) -> Any:
            known = self._names().get(kind)
            if known is None:
                return tree
            there = {name: value for name, value in tree.items() if fnmatch.filter(known, name)}
            return chosen(kind, _for_each(there, known, f"entry of {kind} in a preset"))

        presets = {
            name: {key: of_preset(key, value) for key, value in preset.items()} for name, preset in self.presets.items()
        }
        update = {
            "arms": tuple(arm for arm in self.arms if arm.name in arms),
            "datasets": chosen("datasets", self.datasets),
            "parts": tuple(part for part in self.parts if part.name in parts),
            "answer": tuple(name for name in self.answer if name in parts),
            "presets": presets,
        }
        return self.model_copy(update=update)

    def _origins(self, names: Iterable[str]) -> list[str]:
        """Names of data sets, with those that they are made of."""
        found, left = [], list(names)
        while left:
            name = left.pop(0)
            if name in self.datasets and name not in found:
                found.append(name)
                left.append(self.datasets[name].of)
        return found

    @property
    def files(self) -> list[str]:
        """What the files that it needs from the user are called."""
        return sorted({data.file for data in self.datasets.values() if data.file})

    def without(self, files: Iterable[str]) -> Self:
        """The study without the data of some files, and without the arms and parts that need them."""
        missing = set(files)
        gone = {n for n in self.datasets if missing & {self.datasets[origin].file for origin in self._origins([n])}}
        arms = {arm.name for arm in self.arms if arm.data not in gone}
        parts = [p.name for p in self.parts if arms.issuperset(p.arm_names) and gone.isdisjoint(p.datasets)]
        return self._only(arms, self.datasets.keys() - gone, parts)

    def settings(self, arm: Arm) -> RunSettings:
        """The settings of one arm.

        Raises:
            UsageError: a key or value that no setting has, with its place.
        """
        try:
            return RunSettings.model_validate_json(json.dumps(merged(self.run, arm.override)))
        except ValidationError as error:
            raise UsageError(f"study {self.name}, arm {arm.name}: {first_problem(error)}") from None


def _for_each(tree: Mapping[str, Any], known: Sequence[str], what: str) -> _Tree:
    """Changes by name, those of names with an asterisk for all that they fit.

    >>> _for_each({"a-2": {"x": 3}, "a-*": {"x": 1, "y": 2}}, ["a-1", "a-2", "b"], "arm")
    {'a-1': {'x': 1, 'y': 2}, 'a-2': {'x': 3, 'y': 2}}

    Raises:
        UsageError: a name that is not known, or that fits none.
    """
    found: _Tree = {}
    for name in sorted(tree, key=lambda name: "*" not in name):
        fitting = fnmatch.filter(known, name) if "*" in name else [name]
        if not fitting or fitting[0] not in known:
            raise unknown(what, name, known)
        found |= {each: merged(found.get(each, {}), tree[name]) for each in fitting}
    return found


def names() -> list[str]:
    """The studies that come with the package."""
    return sorted(_texts())


def known_names() -> tuple[str, ...]:
    """The studies that come with the package, and after them the parts that can be run alone; nothing is checked."""
    trees = [tree_of(texts, name) for name, texts in _texts().items()]
    return (*names(), *(part["name"] for tree in trees for part in tree.get("parts", ())))


def preset_names() -> tuple[str, ...]:
    """The presets that studies of the package have."""
    found = [name for study, texts in _texts().items() for name in tree_of(texts, study).get("presets", ())]
    return tuple(dict.fromkeys(found))


def load(name: str) -> Study:
    """The study of a name, or the part of one.

    >>> load("lj-fluid").part("lj-latent") == load("lj-latent")
    True
    """
    texts = _texts()
    if name in texts:
        return parse(texts[name], name)
    owners = {part["name"]: study for study, t in texts.items() for part in tree_of(t, study).get("parts", ())}
    if name not in owners:
        raise unknown("study", name, [*texts, *owners])
    return load(owners[name]).part(name)


def _texts() -> dict[str, list[str]]:
    """The TOML texts of each study that comes with the package or an installed system."""
    packages = [system.studies for system in SYSTEMS.values() if system.studies]
    found = [entry for package in packages for entry in resources(package).iterdir()]
    texts = {entry.name.removesuffix(SUFFIX): [_text(entry)] for entry in found if entry.name.endswith(SUFFIX)}
    return texts | {folder.name: files for folder in found if folder.is_dir() and (files := _texts_in(folder))}


def _texts_in(folder: Traversable) -> list[str]:
    """The TOML texts of a folder in the order of their names."""
    return [_text(entry) for entry in sorted(folder.iterdir(), key=_name) if entry.name.endswith(SUFFIX)]


def _name(entry: Traversable) -> str:
    return entry.name


def _text(entry: Traversable) -> str:
    return entry.read_text(encoding="utf-8")


def tree_of(texts: Sequence[str], name: str) -> _Tree:
    """The tree of a study's TOML texts: lists one after the other, tables into one.

    Raises:
        UsageError: text that is no TOML, or a value that two texts give.

    >>> tree_of(["parts = [1]\\n[data]\\nrows = 3", "parts = [2]\\n[data]\\nseed = 0"], "mine")
    {'parts': [1, 2], 'data': {'rows': 3, 'seed': 0}}
    """
    try:
        return reduce(partial(_joined, study=name), map(_table, texts), {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"study {name}: {error}: mend the file") from None


@lru_cache(maxsize=256)  # the package has some fifty, which are read for every part that is named
def _table(text: str) -> _Tree:
    return tomllib.loads(text)


def _joined(first: _Tree, second: _Tree, study: str) -> _Tree:
    joined = dict(first)
    for key, value in second.items():
        if key not in joined:
            joined[key] = value
        elif isinstance(value, list) and isinstance(joined[key], list):
            joined[key] = joined[key] + value
        elif isinstance(value, dict) and isinstance(joined[key], dict):
            joined[key] = _joined(joined[key], value, study)
        else:
            raise UsageError(f"study {study}: two of its files give {key}: leave it in one")
    return joined


def parse(text: str | Sequence[str], name: str) -> Study:
    """A study from TOML text, or several; the settings of every arm, also with every preset, are checked at once."""
    study = Study._checked(tree_of([text] if isinstance(text, str) else text, name), name)
    for kind in ("arms", "parts"):
        if not getattr(study, kind):
            raise UsageError(f"study {name}: {kind}: at least one is needed")
    for preset in study.presets:
        study.with_preset(preset)
    return study


def _check_names(study: Study) -> None:
    """That arms and data sets that the study refers to are there."""
    data = study.datasets
    for name in [*(name for part in study.parts for name in part.datasets), *(arm.data for arm in study.arms)]:
        if name and name not in data:
            raise unknown(f"data set of study {study.name}", name, data)
    for i, each in enumerate(data.values()):
        before = ["data", *list(data)[:i]]  # they are made in this order
        if each.of and each.of not in before:
            raise unknown(f"data set of study {study.name}, of which others are made,", each.of, before)
    known, parts = [arm.name for arm in study.arms], [part.name for part in study.parts]
    for name in study.answer:
        if name not in parts:
            raise unknown(f"part of study {study.name} that answers its title", name, parts)
    for part in study.parts:
        for name in part.arm_names:
            if name not in known:
                raise unknown(f"arm of study {study.name}", name, known)
        for count in part.counts:
            if count.arm not in part.arm_names:
                raise unknown(f"arm of part {part.name}", count.arm, part.arm_names)


def first_problem(error: ValidationError) -> str:
    """The first complaint, in one line, with its place."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}, got {first['input']!r}"
