"""The files of the package, parsed once a process."""

import ast
import gc
from functools import cache
from pathlib import Path
from typing import Any

import beable

SOURCE = Path(beable.__file__).parent
FILES = {
    ".".join(("beable", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file; to collect garbage in it takes longer than to parse it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        if enabled:
            gc.enable()


@cache
def walked(tree: ast.AST, *kinds: type[ast.AST]) -> list[Any]:
    """Nodes below a node, of some kinds or all, as `ast.walk` finds them; to walk takes longer than what is sought."""
    if kinds:
        return [node for node in walked(tree) if isinstance(node, kinds)]
    found = [tree]
    for node in found:
        for value in vars(node).values():
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found.extend(item for item in value if isinstance(item, ast.AST))
    return found
