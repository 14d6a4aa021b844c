"""Settings of the documentation: ``python -m sphinx -W -b html docs docs/_build/html``."""

from importlib.metadata import version as version_of

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

html_theme = "pydata_sphinx_theme"
html_title = "beable"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
html_show_sourcelink = False


def skip(app, what, name, obj, skip, options):
    """Leave out what documents itself: the fields of a named tuple, the machinery of a settings model."""
    return True if (obj.__doc__ or "").startswith("Alias for field number") or name.startswith("model_") else None


def setup(app):
    """Hook of Sphinx."""
    app.connect("autodoc-skip-member", skip)
