"""Settings from outside: a TOML file, then words such as model.latents=3, one tree of values."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beable import inputs
from beable.errors import UsageError
from beable.settings import merged

#: bytes of a file of settings, and parts of a dotted name; beyond it TOML's own parser takes minutes
MOST, DEEPEST = 2**20, 16
_NAME = r"""(?>[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DEEP = re.compile(rf"(?<![A-Za-z0-9_.\-]){_NAME}(?:[ \t]*\.[ \t]*{_NAME}){{{DEEPEST},}}")


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
    names = [word.partition("=")[0].strip() for word in words]
    if twice := next((name for i, name in enumerate(names) if name in names[:i]), ""):
        raise UsageError(f"--set {twice} stands there twice: give it once")
    for word in words:
        tree = merged(tree, _tree(word))
    return tree


def value_of(word: str) -> Any:
    """A value as TOML writes it; anything else is a word.

    >>> value_of("[1, 2]"), value_of("mixture")
    ([1, 2], 'mixture')
    """
    try:
        return toml(f"value = {word}")["value"]
    except ValueError:
        return word


def toml(text: str) -> dict[str, Any]:
    """The tree of values of a TOML text.

    Raises:
        ValueError: it is none, or nested deeper than any settings are.

    >>> toml("[model]\\nlatents = 3")
    {'model': {'latents': 3}}
    """
    if _DEEP.search(text):
        raise ValueError(f"a name of more than {DEEPEST} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("lists or tables that are nested too deep") from None


def _tree(word: str) -> dict[str, Any]:
    path, equals, value = word.partition("=")
    names = path.strip().split(".")
    if not (equals and value.strip() and all(names)) or len(names) > DEEPEST:
        raise UsageError(f"--set {word[:80]}: give a name, =, and a value, such as model.latents=3")
    tree: Any = value_of(value.strip())
    for name in reversed(names):
        tree = {name: tree}
    return dict(tree)


def _read(path: Path) -> dict[str, Any]:
    try:
        return toml(inputs.read(path, MOST, "--config").decode("utf-8"))
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError(f"--config {path}: {error}: mend the file") from None
