"""Settings of the documentation: ``python -m sphinx -W -b html docs docs/_build/html``."""

import re
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pkgutil import iter_modules

project = "beable"
author = "The beable developers"
copyright = "2026, The beable developers"
release = version = version_of("beable")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
default_role = "code"
suppress_warnings = ["ref.python"]  # attributes of one name in several classes

html_theme = "pydata_sphinx_theme"
html_title = "beable"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
html_show_sourcelink = False


def skip(app, what, name, obj, skip, options):
    """Leave out what documents itself: the fields of a named tuple, the machinery of a settings model."""
    return True if (obj.__doc__ or "").startswith("Alias for field number") or name.startswith("model_") else None


def plain(app, what, name, obj, options, lines):
    """Let bars and asterisks in the prose of docstrings, |ρ| or *shape, mean themselves."""
    inside = None
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if line.lstrip().startswith((".. ", ">>>")):
            inside = indent
        elif line.strip() and inside is not None and indent <= inside and lines[i - 1].strip() == "":
            inside = None
        if inside is None:
            parts = re.split(r"(`[^`]*`)", line)
            parts[::2] = [re.sub(r"(?<=[ (])\*(?=\w+[,)])|\|", r"\\\g<0>", part) for part in parts[::2]]
            lines[i] = "".join(parts)


def short(app, what, name, obj, options, signature, returns):
    """An array is an array; its shape stands in the text."""
    array = re.compile(r"~?[\w.]*ndarray\[tuple\[[~\w., ]+\], [~\w.]+\[[~\w.]+(\[[~\w.]+\])?\]\]")
    return tuple(part and array.sub("Array", part) for part in (signature, returns))


def reference(app, page, source):
    """Put the reference of a module, or of every module in a folder, in place of its name after an @."""
    source[0] = re.sub(r"^@(beable[\w.]+)$", lambda found: _modules(found[1]), source[0], flags=re.MULTILINE)


def _modules(name):
    folder = find_spec(name).submodule_search_locations
    names = sorted(about.name for about in iter_modules(folder, f"{name}.")) if folder else [name]
    names = [one for one in names if not find_spec(one).submodule_search_locations] if folder else names
    return "".join(f"\n## {one}\n\n```{{eval-rst}}\n.. automodule:: {one}\n   :members:\n```\n" for one in names)


def setup(app):
    """Hooks of Sphinx."""
    app.connect("source-read", reference)
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-signature", short)
    app.connect("autodoc-process-docstring", plain, priority=100)
