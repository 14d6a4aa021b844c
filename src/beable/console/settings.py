"""Settings from outside: a TOML file, then words such as model.latents=3, one tree of values."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beable.errors import UsageError
from beable.settings import merged


def given(config: Path | None, words: Sequence[str]) -> dict[str, Any]:
    """The tree of values of a file, with those of words in their place.

    Args:
        config: a TOML file; None for none.
        words: NAME.SUB=VALUE each, with a value as TOML writes it; anything else is a word.

    Raises:
        UsageError: a file that cannot be read or is not TOML, or words without a name or a value.

    >>> given(None, ["model.latents=3", "model.prior=mixture", "box=[4.0, 5.0]"])
    {'model': {'latents': 3, 'prior': 'mixture'}, 'box': [4.0, 5.0]}
    """
    tree = {} if config is None else _read(config)
    for word in words:
        tree = merged(tree, _tree(word))
    return tree


def value_of(word: str) -> Any:
    """A value as TOML writes it; anything else is a word.

    >>> value_of("[1, 2]"), value_of("mixture")
    ([1, 2], 'mixture')
    """
    try:
        return tomllib.loads(f"value = {word}")["value"]
    except tomllib.TOMLDecodeError:
        return word


def _tree(word: str) -> dict[str, Any]:
    path, equals, value = word.partition("=")
    names = path.strip().split(".")
    if not (equals and value.strip() and all(names)):
        raise UsageError(f"--set {word}: give a name, =, and a value, such as model.latents=3")
    tree: Any = value_of(value.strip())
    for name in reversed(names):
        tree = {name: tree}
    return dict(tree)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config {path}: {(error.strerror or str(error)).lower()}: give a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path}: {error}: mend the file") from None
