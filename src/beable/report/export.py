"""Figures and tables of a page as files of their own, for papers, slides and spreadsheets."""

from collections.abc import Sequence
from pathlib import Path

from beable.errors import unknown
from beable.files.disk import make_folder, output
from beable.report.page import Page
from beable.report.pictures import saved
from beable.report.tables import as_csv

FORMATS = ("svg", "pdf", "png")


def export(page: Page, folder: Path, formats: Sequence[str] = ("svg",)) -> list[Path]:
    """Write every figure of a page in each format, and every table as CSV, by their numbers on the page.

    Args:
        page: a report.
        folder: made if it is not there; files of the same names are replaced.
        formats: some of svg, pdf, png.

    Returns:
        The files written.

    Raises:
        UsageError: another format.

    >>> import tempfile
    >>> from beable.report.page import Table
    >>> table = Table("Numbers.", ["a"], [["1"]])
    >>> [path.name for path in export(Page("A study", "It works.", opening=[table]), Path(tempfile.mkdtemp()))]
    ['table-1.csv']
    """
    for kind in formats:
        if kind not in FORMATS:
            raise unknown("format of figures", kind, FORMATS)
    make_folder(folder)
    files = {f"figure-{i}.{kind}": saved(f.figure, kind) for i, f in enumerate(page.figures(), 1) for kind in formats}
    files |= {f"table-{i}.csv": as_csv(table).encode("utf-8", "replace") for i, table in enumerate(page.tables(), 1)}
    for name, data in files.items():
        output(folder / name, data)
    return [folder / name for name in files]
