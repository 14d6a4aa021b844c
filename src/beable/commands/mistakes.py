"""What is wrong with the words of a command line, in one line that says what was expected."""

import re
from collections.abc import Iterable, Sequence
from typing import get_args

from cyclopts import (
    App,
    Argument,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)
from cyclopts.exceptions import RepeatArgumentError

from beable.commands.verbs import MEANT
from beable.errors import near, unknown

KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


def meaning(error: CycloptsError, words: Sequence[str], chain: Sequence[str], app: App) -> str:
    """A sentence of what was expected and what came, without importing any verb that was not asked for.

    Args:
        error: what the parser found.
        words: the command line.
        chain: those of them that are the verb.
        app: the command line's table of verbs.
    """
    if isinstance(error, UnknownCommandError) and error.app and error.unused_tokens:
        return _verb(error.unused_tokens[0], [verb for verb in error.app if verb[0] != "-"], chain)
    if isinstance(error, CoercionError) and error.argument:
        given = error.token or next(iter(error.argument.tokens), None)
        return _value(error.argument, given.value if given else "", str(error.msg or ""))
    if isinstance(error, UnknownOptionError):
        return _option(error.token.keyword or error.token.value, _arguments(app, chain))
    if isinstance(error, MissingArgumentError) and error.argument:
        return _missing(error, words, _arguments(app, chain))
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{' '.join(chain)} takes fewer words: leave out {' '.join(error.unused_tokens)}."
    if isinstance(error, RepeatArgumentError):
        return f"{error.token.keyword} stands there twice: give it once."
    return str(error)


def _arguments(app: App, chain: Sequence[str]) -> list[Argument]:
    """The arguments of a verb, with their help."""
    for word in chain:
        app = app[word]
    return list(app.assemble_argument_collection(parse_docstring=True))


def _verb(word: str, known: Iterable[str], chain: Sequence[str]) -> str:
    if word in MEANT and not chain:
        return f"unknown verb {word!r}: did you mean {MEANT[word]!r}? known: {', '.join(sorted(known))}."
    return f"{unknown('verb', word, known)}."


def _value(argument: Argument, given: str, wanted: str) -> str:
    name = argument.name if argument.name.startswith("-") else argument.name.upper()
    if choices := argument.get_choices(force=True):
        return f"{unknown(name.lstrip('-').lower(), given, choices)}."
    if wanted.startswith("a "):  # from a reader of our own
        return f"{name} must be {wanted}."
    kinds = [KINDS[kind] for kind in (argument.hint, *get_args(argument.hint)) if kind in KINDS]
    return f"{name} must be {kinds[0] if kinds else 'another kind of value'}, not {given!r}."


def _option(word: str, known: Iterable[Argument]) -> str:
    names = [name[2:] for argument in known for name in argument.names if name.startswith("--")]
    found = near(word.lstrip("-"), names)
    return f"unknown option {word}{f': did you mean --{found}?' if found else '.'}"


def _missing(error: MissingArgumentError, words: Sequence[str], known: Sequence[Argument]) -> str:
    """What is missing; or the option beside it that does not exist, which may have been meant for it."""
    assert error.argument is not None
    names = {name for argument in known for name in argument.names} | {"--help", "--version"}
    given = [word.partition("=")[0] for word in words if re.match(r"--[a-zA-Z]", word)]
    if strangers := [word for word in given if word not in names]:
        return _option(strangers[0], known)
    name, about = error.keyword or error.argument.name, _about(error.argument.name, known)
    return f"{name} {'needs a value' if error.keyword else 'is missing'}: {about}"


def _about(name: str, known: Sequence[Argument]) -> str:
    """What an argument is, from its help."""
    text = next((a.parameter.help or "" for a in known if name in (a.name, *a.names)), "").strip()
    return f"{text[0].lower()}{text[1:].split('. ')[0].rstrip('.')}." if text else "give it."
