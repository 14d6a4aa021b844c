r"""A page as one HTML file that stands alone.

Nothing is fetched and nothing runs: figures are parts of the document, the style sheet is inline, and the page
forbids the rest itself, by a content security policy that names the style sheet's hash. Whatever a caller passes is
text: it is escaped by the template and never becomes a tag, an attribute's name, an address or a style.
The same page gives the same bytes.
"""

import base64
import hashlib
from functools import lru_cache
from importlib import resources
from importlib.metadata import version
from typing import Any

import jinja2
from markupsafe import Markup

from beable.report.page import Figure, Page, Table, plain
from beable.report.pictures import picture
from beable.report.tables import as_csv, pieces

CONTROL = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0xD800, 0xE000)], "\ufffd")


@lru_cache(maxsize=1)
def _source() -> str:
    return resources.files("beable.report").joinpath("page.html").read_text("utf-8")


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_source())


def _policy() -> str:
    """The content security policy: images in the page itself, the one style sheet, nothing else."""
    sheet = _source().split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _drawn(figure: Figure, name: str) -> dict[str, Any]:
    """A figure for the template, its markup marked as such: its words were escaped when it was made."""
    drawn = picture(figure.figure, name)
    return {"markup": Markup(drawn.markup), "width": drawn.width, "height": drawn.height}  # noqa: S704


def _csv_link(table: Table) -> str:
    return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(as_csv(table).translate(CONTROL).encode()).decode()}"


def render(page: Page) -> str:
    """The page as HTML, one file that needs nothing beside it.

    >>> html = render(Page("A study", "It works."))
    >>> html.startswith("<!doctype html>"), "<h1>A study</h1>" in html
    (True, True)
    """
    tools: dict[str, Any] = {
        "drawn": _drawn,
        "plain": plain,
        "pieces": pieces,
        "csv": _csv_link,
        "is_figure": lambda item: isinstance(item, Figure),
        "generator": f"beable {version('beable')}",
    }
    return _template().render(page=page, policy=_policy(), **tools).translate(CONTROL)
