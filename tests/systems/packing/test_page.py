"""The page of the packing study: every part drawn from a study much too small to find anything."""

import json
import re
from dataclasses import replace
from functools import partial
from html import unescape

import numpy as np
import pytest
from browser import complaints, in_a_browser
from made_up import foreign

from beable.console.numbers import number
from beable.report.html import render
from beable.report.page import Figure, Table, plain
from beable.report.study import study_page
from beable.studies.codec import decode, encode
from beable.studies.context import Context
from beable.studies.run import run_study
from beable.studies.study import load
from beable.systems.packing import findings
from beable.systems.packing.figures import spheres
from beable.systems.packing.hall_sparks_table import COLUMNS
from beable.systems.packing.nmi_spread import chance_of_good_parity, spread_artefact
from beable.systems.packing.packed_beds import unsupported
from beable.systems.packing.parts.beds import EQUAL_SPHERES, RANDOM_LOOSE
from beable.systems.packing.parts.design import _apart
from beable.systems.packing.powders import lognormal_classes
from beable.systems.packing.simulator import least_spheres
from beable.systems.packing.study import PARTS as MEASURED

ROWS = 30
FEW = {"members": 2, "steps": 8, "batch": 16, "records": 2}
BETAS = [0.0, 0.1, 1.0, 4.0, 15.0]
SMALL = {"rows": ROWS, "trees": 3, "repeats": 3, "picked": 8, "recomputed": 1}
DATASETS = {
    "uniform": {"rows": 18},
    "top": {"rows": 12, "settings": {"densest": 0.6}},
    "table-uniform": {"rows": 30},
    "table-top": {"rows": 3},
}
PARTS = {
    "packing-beds": {"spheres": 350, "seeds": 2, "ratios": [1.0, 2.0], "spreads": [0.1]},
    "packing-beta": SMALL | {"planes": [0.0, 4.0], "plane_rows": 12},
    "packing-artefact": {"draws": 1, "studies": 1},
    "packing-decoded-rows": {"rows": ROWS, "trees": 3},
    "packing-calibrated": SMALL,
    "packing-design": {"targets": [0.59], "calls": 9, "seeds": 1, "min_coarse_spheres": 30, "wanted": 1},
    "packing-wide": {"rungs": [1.2, 1.5, 2.0, 2.5], "held": 3.0, "wide": [4.0], "fine": [0.5], "beds": 1},
    "packing-at-zero": {"rows": ROWS, "trees": 3, "picked": 8, "betas": []},
    "packing-cross-entropy": {"rows": ROWS},
    "packing-design-limits": {
        "target": 0.59, "calls": 7, "seeds": 1, "min_coarse_spheres": 30, "diversities": [0.05], "limits": [12.0],
    },
}  # fmt: skip
#: of the β axes two arms, and of the source's table one, are enough to draw
FEW_ARMS = {
    "packing-beta": {"judged": ("all", "uniform"), "pictured": "uniform"},
    "packing-at-zero": {"read": ("zero-64-uniform", "zero-logistic-uniform"), "along": ("table-uniform",)},
    "packing-calibrated": {"judged": ("calibrated-2", "calibrated-9", "ordered-9", "fixed-9-1")},
    "packing-cross-entropy": {"judged": ("cross-none", "cross-range"), "squared": "table-uniform"},
}
LEFT_OUT = "packing-table"
ANSWERING = ("packing-beta", "packing-design")
#: numbers that name what others belong to
NAMING = {"beta", "betas", "members", "deviations", "others", "gap", "target", "targets", "tolerance", "of"}
NAMING |= {"rates", "asked", "fine", "wide", "ratio", "prices", "at_zero"}
#: what is known of spheres, and years of what is cited
CONSTANTS = (EQUAL_SPHERES, RANDOM_LOOSE, 1987.0, 2009.0, 2018.0)


def quickest(arm):
    """An arm that takes few steps."""
    own, betas = arm.override.get("training", {}), arm.override.get("objective", {}).get("beta", {})
    if "learning_rate" in own and isinstance(own["learning_rate"], list):
        return {"training": FEW | {"learning_rate": [1e-3, 1e-2]}, "model": {"hidden": [6]}}
    if isinstance(betas.get("beta"), list):
        return {"training": FEW | {"members": 9}, "objective": {"beta": {"each": 1}}, "model": {"hidden": [6]}}
    if "each" in betas and "beta" not in betas:
        return {"training": FEW | {"members": len(BETAS)}, "objective": {"beta": {"each": 1}}}
    if "members" in own:
        return {"training": FEW, "model": {"hidden": [6]}}
    return {"training": {name: FEW[name] for name in ("steps", "batch", "records")}}


def tiny():
    """The study with all its parts but one."""
    study = load("packing")
    preset = {
        "data": {"rows": ROWS, "settings": {"min_coarse_spheres": 30, "median": [1.0, 1.5], "spread": [0.0, 0.1]}},
        "datasets": DATASETS,
        "run": {
            "model": {"hidden": [6]},
            "training": {"members": len(BETAS), "held_out": 0.3},
            "objective": {"beta": {"beta": BETAS, "each": 1}},
        },
        "arms": {arm.name: quickest(arm) for arm in study.arms},
        "parts": PARTS,
    }
    study = study.model_copy(update={"presets": {"tiny": preset}}).with_preset("tiny")
    parts = tuple(
        part.model_copy(update={"arms": FEW_ARMS.get(part.name, part.arms)})
        for part in study.parts
        if part.name != LEFT_OUT
    )
    used = {name for part in parts for name in part.arm_names}
    return study.model_copy(update={"parts": parts, "arms": tuple(arm for arm in study.arms if arm.name in used)})


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


few_cells = partial(chance_of_good_parity, cells=9)
few_spreads = partial(spread_artefact, [0.0005, 0.008, 0.06])


def few_first(dimensions, survey, known):
    """Calls before anything is learned: half as many as the dimensions ask for."""
    return 5 if survey is None else survey


def narrow(median, spread):
    """Sizes that few spheres stand for."""
    return lognormal_classes(median, spread / 4)


def of_the_first(bed, *, earlier):
    """Spheres that nothing carries, among those that came first: what later ones do is nothing to them."""
    first = slice(100)
    few = bed._replace(positions=bed.positions[first], radii=bed.radii[first], component=bed.component[first])
    return unsupported(few, earlier=earlier)


@pytest.fixture(scope="module")
def finished(here, tmp_path_factory):
    out, study = tmp_path_factory.mktemp("study"), tiny()
    paper_table(out / "theirs.csv")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("beable.design.proposals.POOL", 16)
        patched.setattr("beable.design.proposals.REPEATS", 1)
        patched.setattr("beable.design.search._survey_calls", few_first)
        patched.setattr("beable.systems.packing.parts.artefact.chance_of_good_parity", few_cells)
        patched.setattr("beable.systems.packing.parts.artefact.spread_artefact", few_spreads)
        patched.setattr("beable.systems.packing.parts.beds.unsupported", of_the_first)
        patched.setattr("beable.systems.packing.parts.beds.lognormal_classes", narrow)
        patched.setattr("beable.systems.packing.simulator.LEAST", 400)
        patched.setattr(least_spheres, "__defaults__", (30,))
        done = run_study(study, "tiny", out / "out", given={"table": out / "theirs.csv"}, workers=1)
    return study, done, out / "out"


@pytest.fixture(scope="module")
def coarse():
    """Pictures of beds in few dots: to look at them takes longer than the study."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(spheres, "PIXELS", 12)
        yield


@pytest.fixture(scope="module")
def drawn(finished, coarse):
    return shown(finished[1], finished[2])


def shown(done, out):
    """The page, as if two parts had been left out."""
    return study_page(done._replace(left_out={"A part without": ["table"], "One more": ["other", "table"]}), out)


def section(drawn, part):
    return next(s for s in drawn.sections if s.title == part.title)


def test_every_part_has_a_section_that_opens_with_its_answer(finished, drawn, undrawn):
    titles = [s.title for s in drawn.sections]
    assert titles == ["Figure by figure", *(a.part.title for a in finished[1].answers), "Data and method"]
    assert {a.part.measure for a in finished[1].answers} == set(MEASURED)
    for a in finished[1].answers:
        if a.part.name == ANSWERING[0]:
            continue  # it stands on the first screen
        context = Context(finished[0], a.part, finished[2])
        assert plain(section(drawn, a.part).text[0]) == context.code.section(a.answer).answer


def test_the_page_opens_with_the_answers_to_both_questions_of_its_title(finished, drawn):
    beta, design = (next(a.answer for a in finished[1].answers if a.part.name == name) for name in ANSWERING)
    both = f"{findings.beta_short(beta.as_json())} {findings.design_short(design.as_json())}"
    assert plain(drawn.answer) == both
    assert [type(item) for item in drawn.opening] == [Figure, Table]
    assert len(drawn.opening[1].columns) == 6


def test_figures_and_tables_say_what_they_show(drawn):
    items = list(drawn.items())
    assert len(items) > 35
    for item in items:
        assert plain(item.caption).endswith(".")
        if isinstance(item, Figure):
            assert item.alt.endswith(".")
            continue
        assert item.rows
        assert all(plain(column) for column in item.columns)
        cells = [plain(cell.text) for row in item.cells for cell in row]
        assert all(cell and "nan" not in cell and "inf" not in cell.split() for cell in cells), cells


def test_unfolded_is_a_figure_and_a_table_of_at_most_six_columns(finished, drawn):
    for a in finished[1].answers:
        items = section(drawn, a.part).items
        assert [isinstance(item, Table) for item in items] in ([False, True], [True], [])
        assert all(len(item.columns) <= 6 for item in items if isinstance(item, Table))


def test_what_another_run_found_is_marked(finished, drawn):
    recorded = [fold for s in drawn.sections for fold in s.folds if fold.recorded]
    assert len(recorded) == sum(a.part.recorded is not None for a in finished[1].answers) == 8
    assert all(plain(fold.title).startswith("Not this run: full preset, ") for fold in recorded)


def test_every_number_of_the_page_is_from_its_results(finished, drawn, undrawn):
    """A number that stays while all results move is a setting, a count, a number of the source, or a constant."""
    _, done, out = finished
    moves = ((0.3, 0.6), (0.02, 0.05))  # of many small R² two may print alike once moved
    ours, (theirs, again) = drawn, (shown(moved_answers(done, out, move), out) for move in moves)
    of_ranks = done.results["parts"]["packing-beta"]["beyond_collapse"]["least_p"]
    of_data = np.median(done.store.read("packing_fraction", done.store.valid_rows))
    known = (*CONSTANTS, of_ranks, of_data)
    stayed = set(foreign(ours, theirs, done, known)) & set(foreign(ours, again, done, known))
    assert stayed == set()
    sentence = f"{plain(ours.answer)} A forest explains 0.8612 of it."
    assert foreign(replace(ours, answer=sentence), replace(theirs, answer=sentence), done, known)


def moved_answers(done, out, move):
    """The study with all answers moved."""
    parts = [(a, Context(done.study, a.part, out).code.answer) for a in done.answers]
    return done._replace(answers=[a._replace(answer=moved(a.answer, hint, move)) for a, hint in parts])


def moved(answer, hint, move):
    """An answer with all its numbers times one from a range, but those that name its rows: β, ratios, spreads."""
    arrays = {}
    kept, rng = encode(answer, hint, arrays), np.random.default_rng(0)
    names = set(_arrays_of_names(kept))
    changed = {
        name: a * rng.uniform(*move) if a.dtype.kind == "f" and name not in names else a for name, a in arrays.items()
    }
    return decode(_moved(kept, rng, move), hint, changed)


def _moved(kept, rng, move, name=""):
    if name in NAMING:
        return kept
    if isinstance(kept, dict):
        return {key: _moved(value, rng, move, key) for key, value in kept.items()}
    if isinstance(kept, list) and len(kept) == 2 and isinstance(kept[0], float) and isinstance(kept[1], dict):
        return [kept[0], _moved(kept[1], rng, move)]
    if isinstance(kept, list):
        return [_moved(value, rng, move) for value in kept]
    return kept * rng.uniform(*move) if isinstance(kept, float) else kept


def _arrays_of_names(kept, name=""):
    """The numbers under which arrays are kept that name rows."""
    if isinstance(kept, dict):
        for key, value in kept.items():
            yield from _arrays_of_names(value, key)
    elif isinstance(kept, list):
        for value in kept:
            yield from _arrays_of_names(value, name)
    elif name in NAMING:
        yield kept


def test_results_are_numbers_of_json(finished):
    study, done, _ = finished
    json.dumps(done.results, allow_nan=False)
    assert set(done.results["parts"]) == {part.name for part in study.parts}
    assert done.results["arms"].keys() == {arm.name for arm in study.arms}
    assert len(done.results["expected"]) == sum(len(part.expected) for part in study.parts)
    numbers = done.results["parts"]["packing-beta"]["arms"]["uniform"]
    assert (numbers["rows"], numbers["seeds"], len(numbers["levels"])) == (18, 1, len(BETAS))


def test_the_page_shows_every_part(finished, drawn, blank):
    html = unescape(render(drawn))
    for part in finished[0].parts:
        assert part.title in html
        assert part.question[:60] in html
    for words in ("sha256", "beable study run packing --preset tiny", "@"):
        assert words in html
    assert "A part without: needs --file table=PATH." in html
    assert "One more: needs --file other=PATH --file table=PATH." in html


@pytest.mark.slow  # the page of the Darcy study, made of the same items, is looked at always
@in_a_browser
def test_nobody_is_kept_from_reading_the_page(drawn, blank, tmp_path):
    """All of it unfolded; how pictures are drawn is looked at where they are."""
    assert complaints(tmp_path, render(drawn)) == []


@pytest.mark.slow
def test_the_page_with_its_pictures_needs_nothing_beside_it(drawn):
    html = render(drawn)
    assert html.count("<svg") >= 20
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']*|<script|@import""", html) == []


def test_a_number_that_is_none_is_a_dash():
    assert [number(x) for x in (np.nan, np.inf, -np.inf, 0.0, -0.5)] == ["–", "∞", "−∞", "0", "−0.5"]


def test_no_design_is_no_picture():
    assert _apart(np.zeros((0, 9))).shape == (0, 9)
    assert len(_apart(np.random.default_rng(0).random((7, 9)))) == 4
