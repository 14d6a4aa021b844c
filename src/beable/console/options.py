"""Options of verbs that come from settings: name, kind, choices, default and help from the model's field."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from cyclopts import Parameter
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from beable import inputs
from beable.console.parameters import shown_default
from beable.errors import BeableError, DataError, UsageError
from beable.settings import SettingsModel, bare, members

KINDS: dict[type, str] = {bool: "BOOL", int: "INT", float: "FLOAT", str: "TEXT"}


class Option(NamedTuple):
    """A setting as an option.

    Args:
        name: on the command line, without dashes in front.
        path: of the setting in the tree of values.
        hints: types that its value may have.
        about: its field.
        group: heading in the help.
    """

    name: str
    path: tuple[str, ...]
    hints: tuple[Any, ...]
    about: FieldInfo
    group: str = "Settings"

    @property
    def key(self) -> str:
        """Its name as an argument of a function."""
        return self.name.replace("-", "_").replace(".", "__")

    def parameter(self) -> inspect.Parameter:
        """The argument of a function that cyclopts makes the option of: words only, which `value` reads."""
        kind, metavar, choices = _kind(self.hints)
        default, text = self.about.get_default(call_default_factory=True), self.about.description
        shown = False if self.about.is_required() else shown_default(default) or False
        about = Parameter(
            name=f"--{self.name}",
            help=text,
            group=self.group,
            metavar=metavar,
            choices=choices,
            show_default=shown,
            consume_multiple=get_origin(kind) is list,
        )
        return inspect.Parameter(
            self.key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, about]
        )

    def value(self, given: Any) -> Any:
        """The value of what stands on the command line."""
        if _is_rows(self.hints[0]):
            return matrix(self.name, given)
        scalar = get_args(self.hints[0])[0] if get_origin(self.hints[0]) is tuple else self.hints[0]
        read = _word if bare(scalar) is str else _number
        return [read(word) for word in given] if isinstance(given, list | tuple) else read(given)


def options_of(model: type[SettingsModel], path: tuple[str, ...] = (), group: str = "") -> Iterator[Option]:
    """The options of all fields of a model; those of the tables in it have names with dots.

    >>> from beable.settings import SettingsModel, Whole
    >>> class Grid(SettingsModel):
    ...     nodes: Whole = 3
    >>> [option.name for option in options_of(Grid)]
    ['nodes']
    """
    groups = {name: heading for heading, names in getattr(model, "headings", {}).items() for name in names}
    for name, about in model.model_fields.items():
        heading, shown = group or groups.get(name, "Settings"), model.option_names.get(name, name)
        hints = [bare(hint) for hint in members(about.annotation, *about.metadata)]
        if plain := tuple(hint for hint in hints if not hasattr(hint, "model_fields")):
            told = about if shown == name else _naming(about, name)
            yield Option(".".join([*path, shown]).replace("_", "-"), (*path, name), plain, told, heading)
        for inner in hints:
            if hasattr(inner, "model_fields"):
                yield from options_of(inner, (*path, name), heading)


def _naming(about: FieldInfo, name: str) -> FieldInfo:
    """A field whose description names the setting, where the option has another name."""
    told = copy(about)
    told.description = f"{about.description} In a file of settings: {name}."
    return told


def named_options(
    model: type[BaseModel], names: Mapping[str, str], defaults: Mapping[str, Any] | None = None
) -> list[Option]:
    """Options for some settings of a model, which may lie deep in it.

    Args:
        model: the root of the settings.
        names: dotted paths of the settings by the names of their options.
        defaults: tree of values that stand in for those of the model.

    Where a table on the way has several kinds, an option has the choices of all of them.
    """
    return [_named(model, name, tuple(path.split(".")), defaults or {}) for name, path in names.items()]


def _named(model: type[BaseModel], name: str, path: tuple[str, ...], defaults: Any) -> Option:
    models: list[Any] = [model]
    for part in path:
        defaults = defaults.get(part, {}) if isinstance(defaults, Mapping) else {}
        fields = [inner.model_fields[part] for inner in models if part in getattr(inner, "model_fields", {})]
        hints = [bare(hint) for about in fields for hint in members(about.annotation, *about.metadata)]
        owner, models = models, hints
    about = fields[0]
    if all(get_origin(hint) is Literal for hint in hints):
        hints = [Literal[tuple(dict.fromkeys(word for hint in hints for word in get_args(hint)))]]
    if defaults != {}:
        about = FieldInfo(default=defaults, description=about.description)
    if path[-1] == "kind" and len(owner) > 1:  # the table says what it is for, and the data may decide
        about = FieldInfo(default=None, description=_parent(model, path).description)
    return Option(name, path, tuple(hints), about)


def _parent(model: type[BaseModel], path: tuple[str, ...]) -> FieldInfo:
    """The field of the table that holds a setting."""
    for part in path[:-2]:
        model = bare(next(members(model.model_fields[part].annotation)))
    return model.model_fields[path[-2]]


def with_options(function: Callable[..., None], options: Iterable[Option]) -> None:
    """Give a function with ``**chosen`` the options as arguments of their own, as cyclopts sees it."""
    own = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
    function.__signature__ = inspect.Signature([*own, *(option.parameter() for option in options)])  # type: ignore[attr-defined]


def tree_of(options: Iterable[Option], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The tree of values of what was given on the command line.

    Raises:
        UsageError: a setting given both as a whole and in parts.
    """
    tree: dict[str, Any] = {}
    for option in options:
        if chosen.get(option.key) is not None:
            _put(tree, option, option.value(chosen[option.key]))
    return tree


def _put(tree: dict[str, Any], option: Option, value: Any) -> None:
    for name in option.path[:-1]:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise UsageError(f"give --{name} or --{option.name}, not both")
    tree[option.path[-1]] = value


def _kind(hints: tuple[Any, ...]) -> tuple[Any, str, tuple[str, ...] | None]:
    """What cyclopts reads, how that is shown, and the choices, if there are any."""
    first = hints[0]
    if _is_rows(first):
        return str, "FILE", None
    if get_origin(first) is Literal:
        return str, "CHOICE", tuple(map(str, get_args(first)))
    if get_origin(first) is tuple:
        inner = [_metavar(part) for part in get_args(first) if part is not Ellipsis]
        if Ellipsis in get_args(first):
            return list[str], f"{inner[0]}...", None
        return tuple[(str,) * len(inner)], " ".join(inner), None  # type: ignore[misc]
    words = [str(word) for hint in hints[1:] for word in get_args(hint) if get_origin(hint) is Literal]
    return (bool if first is bool else str), "|".join([_metavar(first), *words]), None


def _metavar(hint: Any) -> str:
    hint = bare(hint)
    return "CHOICE" if get_origin(hint) is Literal else KINDS.get(hint, "VALUE")


def _is_rows(hint: Any) -> bool:
    """Whether a value is rows of numbers."""
    return get_origin(hint) is tuple and get_origin(bare(get_args(hint)[0])) is tuple


def _word(word: str) -> str:
    return word


def _number(word: Any) -> Any:
    """A number, or the word, of which the setting's own check says what is wrong."""
    for kind in (int, float):
        try:
            return word if isinstance(word, bool) else kind(word)
        except ValueError:
            continue
    return word


def matrix(name: str, text: str) -> list[list[float]]:
    """A table of numbers, (rows, columns), from a file or from the words themselves.

    Args:
        name: what it is, for the error.
        text: name of a .npy or .csv file, or rows such as "1,0.8;0.8,1".

    Raises:
        UsageError: neither.
        DataError: a file that holds something else, or nothing.
    """
    path = Path(text)
    try:
        if path.suffix == ".npy":
            return _of_array(inputs.npy(path, name))
        if path.suffix == ".csv":
            return _rows(inputs.read(path, inputs.LARGEST, name).decode("utf-8").splitlines())
        return _rows(text.split(";"))
    except BeableError:
        raise
    except (ValueError, TypeError):
        raise DataError(f"{name} {text}: expected rows of numbers, all of one length, without headings") from None


def _of_array(array: Any) -> list[list[float]]:
    import numpy as np

    numbers = np.asarray(array, dtype=float)
    rows: list[list[float]] = numbers.reshape(len(numbers), -1).tolist() if numbers.ndim < 2 else numbers.tolist()
    return rows


def _rows(lines: list[str]) -> list[list[float]]:
    rows = [[float(number) for number in line.split(",")] for line in lines if line.strip()]
    if len({len(row) for row in rows}) > 1:
        raise ValueError
    return rows
