"""The files of the package, parsed once a process."""

import ast
import gc
from functools import cache
from pathlib import Path

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
def walked(tree: ast.AST) -> list[ast.AST]:
    """Everything below a node; to walk through all files takes longer than what is looked for in them."""
    return list(ast.walk(tree))
