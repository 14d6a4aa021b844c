"""The page of the packing study: every part drawn from a study much too small to find anything."""

import json
import re
from html import unescape

import numpy as np
import pytest

from beable.console.numbers import number
from beable.report import page
from beable.report.page import Figure, Table
from beable.report.study import study_page
from beable.studies.run import run_study
from beable.studies.study import load
from beable.systems.packing.hall_sparks_table import COLUMNS
from beable.systems.packing.parts.design import _apart
from beable.systems.packing.study import PARTS as MEASURED

ROWS = 40
FEW = {"members": 2, "steps": 20, "batch": 16}
SMALL = {"rows": ROWS, "trees": 3, "repeats": 9, "picked": 8, "recomputed": 6}
DATASETS = {
    "uniform": {"rows": 24},
    "top": {"rows": 16, "settings": {"densest": 0.6}},
    "table-uniform": {"rows": 30},
    "table-top": {"rows": 3},
}
PARTS = {
    "packing-beds": {"spheres": 600, "seeds": 2, "ratios": [1.0, 2.0], "spreads": [0.1]},
    "packing-beta": SMALL | {"planes": [0.0, 4.0], "plane_rows": 20},
    "packing-artefact": {"draws": 2, "studies": 1},
    "packing-decoded-rows": {"rows": ROWS, "trees": 3},
    "packing-calibrated": SMALL,
    "packing-design": {"targets": [0.59], "calls": 12, "seeds": 1, "min_coarse_spheres": 30, "wanted": 1},
}
#: of the β axes two arms, and of the source's table one, are enough to draw
BETA_ARMS = {"packing-beta": {"judged": ("all", "uniform"), "pictured": "uniform"}}
LEFT_OUT = "packing-table"


def quickest(arm):
    """An arm that takes few steps."""
    if "members" in arm.override.get("training", {}):
        return {"training": FEW, "model": {"hidden": [6]}}
    return {"training": {"steps": 30, "batch": 16}}


def tiny():
    """The study with all its parts but one."""
    study = load("packing")
    preset = {
        "data": {"rows": ROWS, "settings": {"min_coarse_spheres": 30, "median": [1.0, 1.5], "spread": [0.0, 0.1]}},
        "datasets": DATASETS,
        "run": {
            "model": {"hidden": [6]},
            "training": {"members": 12, "held_out": 0.3},
            "objective": {"beta": {"each": 1}},
        },
        "arms": {arm.name: quickest(arm) for arm in study.arms},
        "parts": PARTS,
    }
    study = study.model_copy(update={"presets": {"tiny": preset}}).with_preset("tiny")
    parts = tuple(
        part.model_copy(update={"arms": BETA_ARMS.get(part.name, part.arms), "expected": _possible(part)})
        for part in study.parts
        if part.name != LEFT_OUT
    )
    used = {name for part in parts for name in part.arm_names}
    return study.model_copy(update={"parts": parts, "arms": tuple(arm for arm in study.arms if arm.name in used)})


def _possible(part):
    """A line through points that are all alike crosses nothing."""
    return tuple(e for e in part.expected if "crossing" not in e.path)


def paper_table(path):
    """A table in the layout of Hall and Sparks: designs, and twelve rows that an auto-encoder made."""
    rng = np.random.default_rng(0)
    shares = np.array([[0.2239, 0.597, 0.1791], [0.274, 0.4966, 0.2295]])[rng.integers(0, 2, 60)]
    phi = 0.6 + 0.002 * rng.permutation(60)
    rows = np.column_stack([rng.choice([20, 40, 60], (60, 3)), rng.choice([1, 150, 300], (60, 3)), shares, phi])
    rows = np.vstack([rows, rows[:12] * 1.013 + 0.001 * rng.normal(size=(12, 10))])
    numbers = [*range(60), *range(13330, 13342)]
    lines = [",".join(f"{x:.6g}" for x in (i, *row)) for i, row in zip(numbers, rows, strict=True)]
    path.write_text("\n".join([",".join(("ID", *COLUMNS)), *lines, ""]))


@pytest.fixture(scope="module")
def finished(here, tmp_path_factory):
    out, study = tmp_path_factory.mktemp("study"), tiny()
    paper_table(out / "theirs.csv")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("beable.design.proposals.POOL", 200)
        done = run_study(study, "tiny", out / "out", given={"table": out / "theirs.csv"}, workers=1)
    return study, done, out / "out"


@pytest.fixture(scope="module")
def drawn(finished):
    """The page, laid out when it is written."""
    _, done, out = finished
    left_out = done._replace(left_out={"A part without": ["table"], "One more": ["other", "table"]})
    return study_page(left_out, out)


@pytest.fixture(scope="module")
def html(drawn):
    """The page with blank pictures: to lay them out takes longer than the study."""
    blank = page.Picture("data:image/png;base64,", 1, 1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(page, "picture", lambda figure: blank)
        return unescape(page.render(drawn))


def test_every_part_has_a_section(finished, drawn):
    titles = ["The data", *(a.part.title for a in finished[1].answers), "Left out", "What differs from the source"]
    assert [section.title for section in drawn.sections] == titles
    assert {a.part.measure for a in finished[1].answers} == set(MEASURED)


@pytest.mark.parametrize("measure", MEASURED)
def test_a_section_has_figures_and_tables_that_say_what_they_show(finished, drawn, measure):
    part = next(a.part for a in finished[1].answers if a.part.measure == measure)
    items = next(section.items for section in drawn.sections if section.title == part.title)
    assert any(isinstance(item, Table) for item in items[bool(part.expected) :])
    for item in items:
        assert item.caption.endswith(".")
        if isinstance(item, Figure):
            assert item.alt.endswith(".")
            continue
        assert item.rows
        for row in item.rows:
            cells = [getattr(cell, "text", cell) for cell in row]
            assert len(cells) == len(item.columns) == len(item.align)
            assert all(cell and "nan" not in cell and "inf" not in cell.split() for cell in cells), cells


def test_the_data_are_drawn(drawn):
    (figure,) = drawn.sections[0].items
    assert f"{ROWS} powders" in figure.caption


def test_results_are_numbers_of_json(finished):
    study, done, _ = finished
    json.dumps(done.results, allow_nan=False)
    assert set(done.results["parts"]) == {part.name for part in study.parts}
    assert done.results["arms"].keys() == {arm.name for arm in study.arms}
    assert len(done.results["expected"]) == sum(len(part.expected) for part in study.parts)
    numbers = done.results["parts"]["packing-beta"]["arms"]["uniform"]
    assert (numbers["rows"], numbers["seeds"], len(numbers["levels"])) == (24, 1, 12)


def test_the_page_shows_every_part(finished, html):
    study, _, _ = finished
    for part in study.parts:
        assert part.title in html
        assert part.question[:60] in html
    for words in ("What the source says, or a goal, beside ours", "sha256", "beable study run packing --preset tiny"):
        assert words in html
    assert html.count("data:image/") >= 20


def test_the_page_names_the_parts_that_are_left_out(finished, html):
    assert "A part without: needs --file table=PATH." in html
    assert "One more: needs --file other=PATH --file table=PATH." in html


@pytest.mark.slow
def test_the_page_with_its_pictures_needs_nothing_beside_it(drawn):
    html = page.render(drawn)
    assert html.count("data:image/") >= 20
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']*|<script|@import""", html) == []


def test_a_number_that_is_none_is_a_dash():
    assert [number(x) for x in (np.nan, np.inf, -np.inf, 0.0, -0.5)] == ["–", "∞", "−∞", "0", "−0.5"]


def test_no_design_is_no_picture():
    assert _apart(np.zeros((0, 9))).shape == (0, 9)
    assert len(_apart(np.random.default_rng(0).random((7, 9)))) == 4
