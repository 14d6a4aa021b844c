"""Settings as models: one description of each, from which checks, options of the command line and records come.

A group of settings is a subclass of `SettingsModel` whose fields carry a type, a default, bounds and a description.
`validated` makes one from a tree of values, and an error is one line wherever the values came from.
"""

import inspect
import json
import re
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from beable.errors import UsageError, unknown

#: a number that no word and no truth value is taken for
Number = Annotated[float, Field(strict=True)]
Positive = Annotated[float, Field(strict=True, gt=0)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Whole = Annotated[int, Field(strict=True)]
Truth = Annotated[bool, Field(strict=True)]
Rows = tuple[tuple[Number, ...], ...]


def _distinct(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if names is not None and len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"{twice!r} stands there twice: name each once")
    return names


#: names of which none may stand there twice
Names = Annotated[tuple[str, ...], AfterValidator(_distinct)]


def listed(value: Any) -> Any:
    """A list of one value where there is no list, so that a number may stand for several."""
    return value if isinstance(value, list | tuple) else [value]


def kind_or(default: str) -> Callable[[Any], Any]:
    """The kind that tells the members of a union apart, for `pydantic.Discriminator`; the default where it is missing.

    >>> kind_or("modes")({"kind": "table"}), kind_or("modes")({})
    ('table', 'modes')
    """
    return lambda value: value.get("kind", default) if isinstance(value, Mapping) else getattr(value, "kind", None)


Numbers = Annotated[tuple[Number, ...], BeforeValidator(listed), Field(min_length=1)]
Positives = Annotated[tuple[Positive, ...], BeforeValidator(listed), Field(min_length=1)]


class SettingsModel(BaseModel):
    """A group of settings: cannot be changed, refuses unknown names and numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    #: names of settings that come first in the help of a verb, by heading
    headings: ClassVar[Mapping[str, Sequence[str]]] = {}
    #: names of options for settings whose own name says too little beside those of a whole verb
    option_names: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Take descriptions of the fields from the documentation of the class, or put them there."""
        told = dict(re.findall(r"^ {8}(\w+): (.+(?:\n {12}.+)*)", cls.__doc__ or "", re.MULTILINE))
        for name, about in cls.model_fields.items():
            if about.description is None and name in told:
                about.description = _sentence(told[name])
        lines = [f"    {name}: {about.description}" for name, about in cls.model_fields.items() if about.description]
        documentation = inspect.cleandoc(cls.__doc__ or "")
        if lines and "\nArgs:\n" not in documentation:
            cls.__doc__ = "\n".join([documentation, "", "Args:", *lines, ""])

    @model_validator(mode="before")
    @classmethod
    def _words_for_none(cls, tree: Any) -> Any:
        """None for the word "none", wherever in a tree of settings that may stand."""
        if not isinstance(tree, dict):
            return tree
        for name, value in tree.items():
            if isinstance(value, bool) and _is_number(cls, name):
                raise ValueError(f"{name} must be a number, not {value}")
        return {name: _none(cls, name, value) for name, value in tree.items()}

    @classmethod
    def completed(cls, tree: dict[str, Any]) -> dict[str, Any]:
        """The values with what some of them imply for others, before they are checked."""
        return tree


def _sentence(words: str) -> str:
    plain = re.sub(r"\s+", " ", words).replace("`", "")
    return f"{plain[0].upper()}{plain[1:]}"


Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], tree: Mapping[str, Any], kind: str = "setting") -> Model:
    """The settings of a tree of values.

    Args:
        model: the class of the settings.
        tree: values by name, of what JSON has, tuples and arrays; the word "none" is None where that may stand.
        kind: what a name is called that is not known.

    Raises:
        UsageError: an unknown name, or a value that a setting cannot have; the first of them.

    >>> class Box(SettingsModel):
    ...     side: Positive = 1.0
    >>> validated(Box, {"side": 2})
    Box(side=2.0)
    >>> validated(Box, {"sied": 2})
    Traceback (most recent call last):
    beable.errors.UsageError: unknown setting 'sied': did you mean 'side'? known: side
    """
    plain: dict[str, Any] = json.loads(json.dumps(dict(tree), default=_plain))
    if issubclass(model, SettingsModel):
        plain = model.completed({name: _none(model, name, value) for name, value in plain.items()})
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        raise refused(error, model, kind) from None


def refuse_kinds(model: type[Model], tree: Mapping[str, Any], kind: str = "setting") -> None:
    """Refuse values of another kind than their settings have, even where others win over them.

    What does not go together is not looked at, since the others may mend it.

    Raises:
        UsageError: the first of them.
    """
    try:
        validated(model, tree, kind)
    except UsageError as error:
        found = error.__context__
        kinds = {entry["type"] for entry in found.errors()} if isinstance(found, ValidationError) else set()
        if kinds - {"value_error", "missing"}:
            raise


def merged(tree: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """A tree with another's leaves in place of its own; a choice of another kind keeps nothing of the first.

    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}})
    {'a': {'b': 1, 'c': 3}}
    >>> merged({"a": {"kind": "modes", "energy": 0.9, "scaling": "none"}}, {"a": {"kind": "fields", "scaling": "none"}})
    {'a': {'kind': 'fields', 'scaling': 'none'}}
    """
    result = dict(tree)
    for key, value in override.items():
        own = result.get(key)
        if isinstance(value, Mapping) and value and own not in (None, "none") and not isinstance(own, Mapping):
            raise UsageError(f"{key} is {reprlib.repr(own)} in one place and a table of settings in another: give one")
        both = isinstance(value, Mapping) and isinstance(own, Mapping) and not _of_another_kind(own, value)
        result[key] = merged(result[key], value) if both else value
    return result


def _of_another_kind(own: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return "kind" in own and "kind" in other and own["kind"] != other["kind"]


def leaves(tree: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a tree with their dotted names.

    >>> list(leaves({"model": {"latents": 2, "channels": [8]}, "seed": 0}))
    [('model.latents', 2), ('model.channels', [8]), ('seed', 0)]
    """
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{at}{name}.")
        else:
            yield f"{at}{name}", value


def _plain(value: Any) -> Any:
    """An array as lists; a model as its values; anything else as its words, for an error."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value.tolist() if hasattr(value, "tolist") else repr(value)


def _is_number(model: type[BaseModel], name: str) -> bool:
    """Whether a setting is a number; pydantic itself takes true for 1."""
    about = model.model_fields.get(name)
    kinds = {bare(hint) for hint in members(about.annotation)} if about else set()
    return bool(kinds & {int, float}) and bool not in kinds


def _none(model: type[BaseModel], name: str, value: Any) -> Any:
    """None for the word, which TOML and command lines need for it."""
    about = model.model_fields.get(name)
    return None if value == "none" and about is not None and type(None) in get_args(about.annotation) else value


def refused(error: ValidationError, model: type[BaseModel], kind: str = "setting") -> UsageError:
    """The first complaint about settings, in one line; of an unknown name or choice the nearest.

    Args:
        error: what pydantic found.
        model: the class of the settings.
        kind: what a name is called that is not known.
    """
    first = min(error.errors(include_url=False), key=lambda entry: entry["type"] == "missing")
    about, cause = first.get("ctx", {}), first.get("ctx", {}).get("error")
    place, known = _place(model, first["loc"], first["type"] == "extra_forbidden")
    if first["type"] == "literal_error":
        return unknown(place, str(first["input"]), [word.strip("'") for word in _choices(about["expected"])])
    if first["type"] == "union_tag_invalid":
        tags = [tag.strip("'") for tag in _choices(about["expected_tags"])]
        return unknown(f"{place}.kind", str(about["tag"]), tags)
    if first["type"] == "extra_forbidden" and known:
        return unknown(kind, place, known)
    if first["type"] == "missing":
        return UsageError(f"{place} is missing: set it")
    if first["type"] == "value_error":
        return cause if isinstance(cause, UsageError) else UsageError(str(cause))
    wanted = _MUST.get(first["type"], first["msg"]).format(**about | {"names": ", ".join(known)})
    wanted = " or ".join([wanted, *_words_beside(error, first["loc"])])
    return UsageError(f"{place} {wanted}, not {reprlib.repr(first['input'])}")


def _words_beside(error: ValidationError, place: tuple[int | str, ...]) -> list[str]:
    """Words that may stand at a place beside a number or a truth."""
    beside = [e for e in error.errors(include_url=False) if len(place) > 1 and e["loc"][:-1] == place[:-1]]
    return [word for e in beside if e["type"] == "literal_error" for word in _choices(e["ctx"]["expected"])]


def _choices(words: str) -> list[str]:
    return words.replace(" or ", ", ").split(", ")


_MUST = {
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a word",
    "tuple_type": "must be a list",
    "too_short": "must be a list of at least {min_length}",
    "too_long": "must be a list of at most {max_length}",
    "model_type": "must be a table of {names}",
    "dict_type": "must be a table",
}


def _place(model: type[BaseModel], path: tuple[int | str, ...], new: bool) -> tuple[str, list[str]]:
    """Where in a tree of settings something lies, and what may lie there.

    Args:
        model: the root.
        path: keys, and after that of a union the label of one of its members.
        new: whether the last key is an unknown name; then the names that may stand there are dotted ones.
    """
    hints: list[Any] = [model]
    words: list[str] = []
    for i, part in enumerate(path):
        if len(hints) > 1:
            hints = [hint for hint in hints if _label(hint) == part] or hints[:1]
            continue
        if new and i == len(path) - 1:
            break
        words.append(str(part))
        hints = list(_inner(hints[0], part)) or [Any]
    if sum(isinstance(part, int) for part in path) == 1 and isinstance(path[-1], int):
        words.pop()  # the value itself tells which of a list it is
    fields = getattr(bare(hints[0]), "model_fields", ())
    place = ".".join([*words, str(path[-1])] if new else words)
    return place, [".".join([*words, name]) if new else name for name in fields]


def _inner(hint: Any, part: int | str) -> Iterator[Any]:
    """The types that a value at a key may have."""
    hint = bare(hint)
    if hasattr(hint, "model_fields"):
        if part in hint.model_fields:
            about = hint.model_fields[part]
            yield from members(about.annotation, *about.metadata)
    elif get_args(hint):
        yield from members(get_args(hint)[0 if get_origin(hint) is tuple else -1])


def bare(hint: Any) -> Any:
    """A type without what annotates it."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def members(hint: Any, *metadata: Any) -> Iterator[Any]:
    """The members of a union except None, each with what annotates it; a type alone is its own."""
    if get_origin(hint) is Annotated:
        yield from members(get_args(hint)[0], *hint.__metadata__, *metadata)
    elif get_origin(hint) in (Union, UnionType):
        for member in get_args(hint):
            if member is not type(None):
                yield from members(member)
    else:
        tag = next((about.tag for about in metadata if isinstance(about, Tag)), None)
        yield Annotated[hint, Tag(tag)] if tag else hint


def _label(hint: Any) -> str:
    """What a path names a member of a union by."""
    if get_origin(hint) is Annotated:
        return str(hint.__metadata__[0].tag)
    kind = getattr(hint, "model_fields", {}).get("kind")
    return str(get_args(kind.annotation)[0] if kind else getattr(hint, "__name__", hint))
