"""A page as Markdown: what is said and shown, nothing that a reader's words could turn into marks."""

import matplotlib.figure

from beable.report.markdown import markdown, write_markdown
from beable.report.page import Cell, Figure, Fold, Page, Section, Table, symbols

FIGURE = Figure(matplotlib.figure.Figure(figsize=(1, 1)), "A circle.", "It is round.")
TABLE = Table("Numbers.", ["name", symbols("S_D")], [["a|b", Cell("0.9", "good")], ["*c*", "−1"]], "lr")
PAGE = Page(
    "A <study>", "It works.", opening=[FIGURE], sections=[Section("One", [], [TABLE], [Fold("More", ["Text."])])]
)


def test_a_table_keeps_its_columns_whatever_is_in_its_cells():
    lines = markdown(PAGE, "a").splitlines()
    at = lines.index("| name | *S*<sub>D</sub> |")
    assert lines[at + 1 : at + 4] == ["| :-- | --: |", "| a\\|b | ✓ 0.9 |", "| \\*c\\* | −1 |"]


def test_titles_and_folds_are_headings():
    lines = markdown(PAGE, "a").splitlines()
    assert [line for line in lines if line.startswith("#")] == ["# A \\<study\\>", "## One", "### More"]


def test_figures_lie_beside_the_page(tmp_path):
    written = write_markdown(PAGE, tmp_path / "paper.md")
    assert [path.relative_to(tmp_path).as_posix() for path in written] == ["paper.md", "paper/figure-1.png"]
    assert "![It is round.](paper/figure-1.png)" in written[0].read_text()
    assert written[1].read_bytes().startswith(b"\x89PNG")
