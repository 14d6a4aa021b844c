"""What a part of a study is in code: what is measured, what it takes, and how a page shows it, in one record."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, get_type_hints

from beable.errors import UsageError, unknown
from beable.studies.study import PartSettings
from beable.system import SYSTEMS, imported

Role = Literal["one", "many", "optional"]


class Answer(Protocol):
    """What the measure of a part finds, a record that `beable.studies.codec` can keep."""

    def as_json(self) -> dict[str, Any]:
        """Every number, ready for JSON; those of an arm under ``arms`` and its name, where there are such."""


class Part(NamedTuple):
    """How one question of a study is answered and shown.

    Args:
        measure: from a `beable.studies.context.Context` to an answer, whose type it states.
        section: from that answer to the `beable.report.page.Evidence` that pages and terminals show.
        roles: what arms are to the measure, and whether a role is for one arm, for many, or one arm that may be absent.
        options: names of the options, with what they are by default; the type of an option is that of its default.
        datasets: names of the data sets that the measure opens beside those of its arms.
        counts: lists of true and false, one a member, that the numbers have for each arm under ``arms``.
        linear: whether arms without training can have its roles.
        of_runs: from answer and context to further sections of the page, for what only the runs themselves show.
        long: whether it takes far longer than the others of its study, so that it is begun before them.
        libraries: optional libraries with which it measures more, each with the extra of beable that brings it.
    """

    measure: Callable[..., Answer]
    section: Callable[[Any], Any]
    roles: Mapping[str, Role] = {}
    options: Mapping[str, Any] = {}
    datasets: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    linear: bool = False
    of_runs: Callable[..., Sequence[Any]] | None = None
    long: bool = False
    libraries: Mapping[str, str] = {}

    @property
    def answer(self) -> Any:
        """The type of the answer."""
        return get_type_hints(self.measure)["return"]

    def option(self, part: PartSettings, name: str) -> Any:
        """An option of a part, or what it is by default.

        Raises:
            UsageError: no such option, or a value of another type than the default.
        """
        if name not in self.options:
            raise unknown(f"option of part {part.name}", name, self.options)
        default = self.options[name]
        value = part.options.get(name, default)
        wanted = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(value, wanted) or (isinstance(value, bool) and not isinstance(default, bool)):
            raise UsageError(f"part {part.name}: {name} must be like {default!r}, not {value!r}")
        return value


def parts_of(system: str) -> Mapping[str, Part]:
    """The parts of a system by name.

    Raises:
        UsageError: no such system, or one without parts.
    """
    if not SYSTEMS[system].parts:
        raise UsageError(f"system {system} has no parts of studies: name another as the system of the study")
    parts: Mapping[str, Part] = imported(SYSTEMS[system].parts)
    return parts


def part_of(system: str, part: PartSettings) -> Part:
    """What answers a part of a study.

    Raises:
        UsageError: no such measure.
    """
    known = parts_of(system)
    if part.measure not in known:
        raise unknown(f"measure of part {part.name}", part.measure, known)
    return known[part.measure]
