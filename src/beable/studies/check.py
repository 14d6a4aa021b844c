"""Everything that a study names and its file cannot decide, checked before anything runs."""

import inspect
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from beable.errors import UsageError, unknown
from beable.inputs import refuse_special
from beable.studies.part import Part, part_of
from beable.studies.source import Source
from beable.studies.study import Data, PartSettings, PublishedNumber, Study, first_problem
from beable.system import SYSTEMS, imported


def check(study: Study) -> None:
    """Simulators, data sources, parts, their roles, arms, options and data sets, and paths of numbers.

    Raises:
        UsageError: the first that is not there, with the nearest name.
    """
    for name, data in {"data": study.data, **study.datasets}.items():
        place = f"study {study.name}, data set {name}"
        _check_simulator(place, data) if data.simulator else _check_source(study, place, data)
    for part in study.parts:
        _check_part(study, part, part_of(study.system, part))


def check_files(study: Study, given: Mapping[str, Path]) -> None:
    """The files that the user gives.

    Raises:
        UsageError: a file that the study has no name for, or that is not there.
    """
    for name, path in given.items():
        if name not in study.files:
            raise unknown(f"file of study {study.name}", name, study.files)
        refuse_special(path, f"--file {name}")


def source_of(study: Study, data: Data) -> Source:
    """The data source of a data set.

    Raises:
        UsageError: the system has no such source.
    """
    sources = SYSTEMS[study.system].sources
    if data.source not in sources:
        raise unknown(f"data source of {study.system}", data.source, sources)
    source: Source = imported(sources[data.source])
    return source


def _check_simulator(place: str, data: Data) -> None:
    simulator = SYSTEMS.simulator(data.simulator)
    known = inspect.signature(simulator).parameters
    for name in data.settings:
        if name not in known and not any(p.kind is p.VAR_KEYWORD for p in known.values()):
            raise unknown(f"setting of {place}", name, known)
    simulator(**data.settings)


def _check_source(study: Study, place: str, data: Data) -> None:
    source = source_of(study, data)
    if not getattr(data, source.needs):
        raise UsageError(f"{place}: the source {data.source} needs {source.needs}: give it a name")
    try:
        source.settings.model_validate(data.settings)
    except ValidationError as error:
        raise UsageError(f"{place}: settings.{first_problem(error)}") from None


def _check_part(study: Study, part: PartSettings, code: Part) -> None:
    _check_roles(part, code)
    for name in part.options:
        code.option(part, name)
    for name in code.datasets:
        if name not in part.datasets:
            raise UsageError(f"part {part.name}: datasets: {name} is missing, which {part.measure} looks at: add it")
    for arm in study.arms:
        if arm.name in part.arm_names and arm.kind != "vae" and not code.linear:
            raise UsageError(f"part {part.name}: {part.measure} needs trained arms: leave out kind of arm {arm.name}")
    for count in part.counts:
        if count.measure not in code.counts:
            raise unknown(f"count of part {part.name}", count.measure, code.counts)
    for expected in part.expected:
        _check_path(part, expected)


def _check_roles(part: PartSettings, code: Part) -> None:
    for role, arms in part.arms.items():
        if role not in code.roles:
            raise unknown(f"role of an arm in part {part.name}", role, code.roles)
        if isinstance(arms, str) == (code.roles[role] == "many") or not arms:
            wanted = 'a list of arms, such as ["a", "b"]' if code.roles[role] == "many" else 'one arm, such as "a"'
            raise UsageError(f"part {part.name}: arms: {role} must be {wanted}, got {arms!r}")
    for role, number in code.roles.items():
        if number != "optional" and role not in part.arms:
            raise UsageError(f"part {part.name}: arms: the role {role} is missing: name the arms in it")


def _check_path(part: PartSettings, expected: PublishedNumber) -> None:
    """As far as it can be told beforehand: numbers under ``arms`` are by arm."""
    first, _, rest = expected.path.partition(".")
    name = rest.partition(".")[0]
    if first == "arms" and part.arms and name not in part.arm_names:
        raise unknown(f"arm in the path {expected.path!r} of part {part.name}", name, part.arm_names)
