"""Files that are written over, and those that are not; answers and how far a verb has come."""

import shlex
import sys

import matplotlib.figure
import pytest

from beable.console import progress, tables
from beable.console.outputs import is_own, marked_pdf, marked_png, refuse_foreign
from beable.errors import OutputError, UsageError
from beable.report.html import render
from beable.report.page import Page
from beable.report.pictures import saved


def own(suffix):
    """What beable writes under such a name."""
    return {
        ".html": render(Page("A page", "It says this.")).encode(),
        ".pdf": marked_pdf(b"%PDF-1.4\n...\n%%EOF\n"),
        ".png": marked_png(saved(matplotlib.figure.Figure(figsize=(0.2, 0.2)), "png")),
        ".xyz": b'1\nLattice="1 0 0" generator=beable Properties=species:I:1\n1 0 0 0\n',
    }[suffix]


FOREIGN = {
    ".html": b"<html><title>beable</title>",
    ".pdf": b"%PDF-1.4\n%%EOF",
    ".png": b"\x89PNG",
    ".xyz": b"1\nmine\n",
}
kinds = pytest.mark.parametrize("suffix", FOREIGN)


@kinds
def test_a_file_of_ones_own_is_refused_and_kept(tmp_path, suffix):
    path = tmp_path / f"mine{suffix}"
    path.write_bytes(FOREIGN[suffix])
    with pytest.raises(
        OutputError, match="was not written by beable: choose another name, or write over it with --force"
    ):
        refuse_foreign(path)
    refuse_foreign(path, force=True)
    assert path.read_bytes() == FOREIGN[suffix]


@kinds
def test_a_file_of_beable_is_written_over(tmp_path, suffix):
    path = tmp_path / f"page{suffix}"
    path.write_bytes(own(suffix))
    assert is_own(path)
    refuse_foreign(path)
    refuse_foreign(tmp_path / f"new{suffix}")


def test_a_large_page_is_recognised_by_its_ends_alone(tmp_path):
    path = tmp_path / "page.pdf"
    path.write_bytes(marked_pdf(b"%PDF" + bytes(1 << 20)))
    assert is_own(path)


def test_other_ends_of_names_and_places_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"must end in \.html or \.pdf"):
        refuse_foreign(tmp_path / "page.txt", ".html", ".pdf")
    with pytest.raises(UsageError, match="its folder does not exist"):
        refuse_foreign(tmp_path / "no" / "page.html")
    (tmp_path / "a.html").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        refuse_foreign(tmp_path / "a.html", force=True)


def test_a_marked_picture_is_still_a_picture(tmp_path):
    from matplotlib.image import imread

    path = tmp_path / "a.png"
    path.write_bytes(own(".png"))
    assert imread(path).ndim == 3


# Answers


def test_a_next_step_can_be_typed(capsys):
    words = ["report", "a run/with 'quotes'", "-o", "$x.html"]
    tables.next_step((words, "a page"))
    line = capsys.readouterr().out.removeprefix("next: ")
    assert shlex.split(line.partition("    a page")[0]) == ["beable", *words]


def test_a_table_is_drawn_on_a_terminal_and_plain_elsewhere(capsys, monkeypatch):
    rows = [["z1", "8.3"], ["\x1b[2J", "1,000"]]
    tables.table(["latent", "rate (nats)"], rows)
    plain = capsys.readouterr().out
    assert plain.splitlines()[1].split() == ["z1", "8.3"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    tables.table(["latent", "rate (nats)"], rows)
    drawn = capsys.readouterr().out
    assert "─" in drawn
    assert "─" not in plain
    for text in (plain, drawn):
        assert "\x1b[2J" not in text
        assert "\\x1b[2J" in text


def test_long_facts_wrap_on_a_terminal_alone(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    words = "word " * 30
    tables.facts({"name": words.strip()})
    assert capsys.readouterr().out.count("\n") == 1
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    tables.facts({"name": words.strip()})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2
    assert all(len(line) <= 60 for line in lines)
    assert lines[1].startswith(" " * 8)


# Progress


def test_what_begins_is_said_at_once_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    with progress.progress("training", first="loading PyTorch") as tick:
        tick.bars.refresh()
        tick.begin("fitting modes")
        tick.bars.refresh()
        tick.note("error 0.62")
        tick(300, 1000)
        tick.bars.refresh()
    err = capsys.readouterr().err
    for words in ("loading PyTorch", "fitting modes", "training", "300/1,000", "error 0.62"):
        assert words in err
    assert err.index("loading PyTorch") < err.index("fitting modes") < err.index("300/1,000")
    assert "0/?" not in err


def test_elsewhere_nothing_is_said_at_once(capsys):
    with progress.progress("training", first="loading PyTorch") as tick:
        tick.begin("fitting modes")
        tick.note("error 0.62")
        tick(2, 2)
    assert capsys.readouterr().err.startswith("training: 2 of 2, error 0.62, 0.0 s")


def test_words_are_lost_on_a_plain_function():
    assert not progress.told(lambda done, total: None).shows
    assert progress.told(progress.Lines("rows")).shows
    progress.told(None).begin("nothing")
