"""The way of a particle on the command line: simulate lennard-jones, fit, sample, score."""

import json
import warnings

import numpy as np
import pytest

from beable.commands import cli
from beable.datasets.store import Store
from beable.systems.lennard_jones.settings import SOURCE_PROTOCOL
from beable.systems.lennard_jones.simulator import LennardJones
from beable.training.run import Run

USAGE, DATA, CORRUPT, OUTPUT = 2, 3, 5, 73
SMALL = ("simulate", "lennard-jones", "--particles", 5, "--box", 4, "--sweeps", 40, "--workers", 1)
QUICK = (*SMALL, "--spacing", 10, "--samples", 4)


@pytest.fixture
def answer(beable):
    """What a command line that succeeds prints as JSON."""

    def call(*words):
        code, out, err = beable(*words, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return call


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small data set, a run that is told gravity, and one that is told nothing."""
    path = tmp_path_factory.mktemp("particles")
    fit = ["fit", f"{path}/gas.zarr", "--members", "2", "--steps", "40", "--batch", "16", "--json"]
    for words in (
        [*QUICK, "--rows", 64, "-o", f"{path}/gas.zarr", "--json"],
        [*fit, "-o", f"{path}/told", "--conditions", "gravity"],
        [*fit, "-o", f"{path}/untold"],
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # so short a training may learn nothing
            assert cli.run([str(word) for word in words]) == 0
    return path


def refused(answered, code, words):
    """One line, on standard error."""
    found, out, err = answered
    assert (found, out) == (code, ""), err
    assert err.count("\n") == 1
    assert err.startswith("beable: ")
    assert "unexpected" not in err
    assert words in err, err


# sample


def test_samples_are_a_data_set_of_what_the_run_learned(answer, folder, tmp_path):
    told = answer("sample", folder / "told", "-o", tmp_path / "new", "--rows", 7, "--conditions", "gravity=0.4")
    made = Store.open(tmp_path / "new")
    assert (told["rows"], told["id"], told["variables"]) == (7, made.id, ["positions"])
    assert made.read("positions").shape == (7, 5, 2)
    assert [(v.dims, v.unit) for v in made.variables] == [
        (v.dims, v.unit) for v in Store.open(folder / "gas.zarr").variables if v.name == "positions"
    ]
    assert made.variables[0].dims == ("particle", "dimension")
    assert [f.name for f in made.factors] == ["gravity"]
    np.testing.assert_array_equal(made.factor_values, np.full((7, 1), 0.4))
    assert "told" in made.title


def test_samples_are_those_of_the_member_the_condition_and_the_seed(answer, folder, tmp_path):
    def positions(name, *words):
        answer("sample", folder / "told", "-o", tmp_path / name, "--rows", 5, *words)
        return Store.open(tmp_path / name).read("positions")

    run = Run.load(folder / "told")
    decoded = list(run.decode(run.sample(5, 3), np.full((5, 1), 0.4)))
    second = positions("second", "--conditions", "gravity=0.4", "--seed", 3, "--member", 1)
    np.testing.assert_array_equal(second, decoded[1]["positions"])
    for other in (
        positions("member", "--conditions", "gravity=0.4", "--seed", 3),
        positions("conditions", "--conditions", "gravity=0.9", "--seed", 3, "--member", 1),
        positions("seed", "--conditions", "gravity=0.4", "--member", 1),
    ):
        assert np.abs(other - second).max() > 1e-3


def test_a_run_that_is_told_nothing_needs_nothing(answer, folder, tmp_path):
    answer("sample", folder / "untold", "-o", tmp_path / "new", "--rows", 3)
    made = Store.open(tmp_path / "new")
    assert (made.rows, made.factors) == (3, ())


def test_samples_can_be_scored_and_read_by_people(beable, folder, tmp_path):
    code, out, _ = beable("sample", folder / "told", "-o", tmp_path / "new", "--rows", 3, "--conditions", "gravity=0.4")
    assert code == 0
    assert "Made 3 snapshots of positions by member 0" in out
    code, out, _ = beable("score", folder / "told", tmp_path / "new")
    assert code == 0
    assert sorted(named_rows(out)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("run", "words", "told"),
    [
        ("told", "", "the model is conditioned on gravity=VALUE, not none"),
        ("told", "--conditions temperature=1", "the model is conditioned on gravity=VALUE, not temperature=1"),
        ("told", "--conditions gravity=0.4 box=3", "give --conditions gravity=VALUE"),
        ("told", "--conditions gravity=much", "each must be a name, =, and a number"),
        ("told", "--conditions gravity", "each must be a name, =, and a number"),
        ("untold", "--conditions gravity=0.4", "the model is conditioned on none, not gravity=0.4"),
        ("told", "--conditions gravity=0.4 --rows 0", "rows must be a whole number of at least 1"),
        ("told", "--conditions gravity=0.4 --seed -1", "seed must be a whole number of at least 0"),
        ("told", "--conditions gravity=0.4 --member 2", "member must be from 0 to 1, not 2"),
        ("told", "--conditions gravity=0.4 --member -1", "member must be a whole number of at least 0"),
    ],
)
def test_what_cannot_be_sampled_is_refused(beable, folder, tmp_path, run, words, told):
    refused(beable("sample", folder / run, "-o", tmp_path / "new", *words.split()), USAGE, told)
    assert not (tmp_path / "new").exists()


def test_samples_go_nowhere_else(beable, folder, tmp_path):
    before = (folder / "gas.zarr" / "zarr.json").read_bytes()
    words = ("--conditions", "gravity=0.4", "--rows", 3)
    refused(beable("sample", folder / "told", "-o", folder / "gas.zarr", *words), OUTPUT, "exists already")
    refused(beable("sample", folder / "gas.zarr", "-o", tmp_path / "new", *words), CORRUPT, "a beable-run is expected")
    assert (folder / "gas.zarr" / "zarr.json").read_bytes() == before


# score


def named_rows(out):
    """Rows in the table of a score, in its order."""
    cells = [line.split() for line in out.splitlines() if line.startswith("  ")]
    return [int(row[0]) for row in cells if row[0].isdigit()]


@pytest.fixture(scope="module")
def odd(folder):
    """Rows of the data set, two of them spoilt: row 11 far beyond the box, row 5 somewhat."""
    gas = Store.open(folder / "gas.zarr")
    positions = gas.read("positions")[:20].copy()
    positions[5] += 8
    positions[11] += 30
    gravity = gas.factor_values[:20, [f.name for f in gas.factors].index("gravity")]
    return Store.from_arrays(folder / "odd.zarr", {"positions": positions}, {"gravity": gravity}).path


@pytest.mark.parametrize("run", ["told", "untold"])
def test_the_least_likely_rows_come_first(beable, folder, odd, run):
    code, out, _ = beable("score", folder / run, odd, "--top", 3)
    assert code == 0
    assert named_rows(out)[:2] == [11, 5]
    assert len(named_rows(out)) == 3
    assert "High is odd" in out
    assert "score higher than every one of the 16 held-out rows; 1.2 would by chance" in out


def test_scores_of_all_rows_are_medians_over_members(answer, folder, odd):
    found, run, store = answer("score", folder / "told", odd), Run.load(folder / "told"), Store.open(odd)
    scores = run.score({"positions": store.read("positions"), "gravity": store.factor_values[:, 0]})
    assert found["row"] == list(range(20))
    np.testing.assert_allclose(found["distortion"], np.median(scores.distortion, 0), rtol=1e-6)
    np.testing.assert_allclose(found["rate"], np.median(scores.rate.sum(2), 0), rtol=1e-6)
    np.testing.assert_allclose(found["total"], np.add(found["distortion"], found["rate"]), rtol=1e-5)
    assert np.argsort(found["total"])[::-1][:2].tolist() == [11, 5]


def test_ordinary_rows_score_alike(answer, folder, odd):
    """What makes the odd rows come first is that they are odd."""
    total = np.array(answer("score", folder / "told", folder / "gas.zarr")["total"])
    worst = np.array(answer("score", folder / "told", odd)["total"])[11]
    assert worst - np.median(total) > 5 * (total.max() - np.median(total))


def test_what_cannot_be_scored_is_refused(beable, folder, tmp_path):
    bare = Store.from_arrays(tmp_path / "bare", {"positions": np.ones((4, 5, 2), np.float32)}).path
    other = Store.from_arrays(tmp_path / "other", {"positions": np.ones((4, 6, 2), np.float32)}, {"gravity": [1.0] * 4})
    refused(beable("score", folder / "told", bare), USAGE, "the data set has no factors, gravity was asked for")
    refused(beable("score", folder / "told", other.path), DATA, "positions")
    refused(beable("score", folder / "gas.zarr", folder / "gas.zarr"), CORRUPT, "a beable-run is expected")


# simulate lennard-jones


def test_the_verdict_is_printed(beable, answer, tmp_path):
    code, out, _ = beable(*QUICK, "--rows", 8, "-o", tmp_path / "fluid")
    assert code == 0
    assert "equilibrated: cannot be told: " in out
    found = answer(*QUICK, "--rows", 8, "-o", tmp_path / "fluid")
    verdict = Store.open(tmp_path / "fluid").assessment
    assert (found["equilibrated"], found["reasons"]) == (verdict["equilibrated"], verdict["reasons"])
    assert found["variables"][:2] == ["positions", "energy"]


def test_options_reach_the_simulator(answer, tmp_path, monkeypatch):
    """Which is not run: to compile it for another potential takes seconds."""

    def still(self, values, streams):
        return {v.name: np.zeros((len(values), *v.shape)) for v in self.variables}

    monkeypatch.setattr(LennardJones, "simulate", still)
    words = "--temperature 0.7 0.9 --walls mirror --moves random --potential fake --cutoff 2.5 --shift"
    answer(*QUICK, "--rows", 8, "-o", tmp_path / "fluid", "--gravity.low", 0.2, "--gravity.high", 0.6, *words.split())
    made = Store.open(tmp_path / "fluid")
    asked = {
        "gravity": {"low": 0.2, "high": 0.6},
        "temperature": [0.7, 0.9],
        "walls": "mirror",
        "moves": "random",
        "potential": "fake",
        "cutoff": 2.5,
        "shift": True,
        "particles": 5,
        "spacing": 10,
    }
    assert {name: made.settings[name] for name in asked} == asked
    assert [f.name for f in made.factors] == ["gravity", "temperature"]
    gravity = made.factor_values[:, 0]
    assert ((gravity >= 0.2) & (gravity <= 0.6)).all()
    assert len(np.unique(gravity)) == 2, "each chain of four rows draws its own"


def test_the_source_protocol_restarts_with_small_steps(answer, tmp_path):
    answer(*SMALL, "--rows", 4, "-o", tmp_path / "fluid", "--protocol", "source")
    settings = Store.open(tmp_path / "fluid").settings
    given = SOURCE_PROTOCOL | {"sweeps": 40}
    assert {name: settings[name] for name in given} == given
    assert settings["samples"] == 1


def test_automatic_spacing_is_measured(answer, tmp_path):
    words = ("--particles", 3, "--box", 4, "--sweeps", 40, "--gravity", 0.4, "--workers", 1, "--samples", 2)
    answer("simulate", "lennard-jones", *words, "--spacing", "auto", "--rows", 2, "-o", tmp_path / "fluid")
    spacing = Store.open(tmp_path / "fluid").settings["spacing"]
    expected = LennardJones(particles=3, box=4.0, sweeps=40, gravity=0.4, samples=2, spacing="auto").spacing
    assert type(spacing) is int
    assert 1 <= spacing == expected


MISTAKES = {
    "--particles 60 --box 4": "do not fit",
    "--particles 0": "particles must be",
    "--dimensions 4": "unknown dimensions",
    "--gravity -0.1": "gravity must be",
    "--gravity.low 0.6 --gravity.high 0.2": "low less than high",
    "--temperature 0": "temperature must be greater than 0",
    "--box -1": "box must be",
    "--potential nowhere:energy": "nowhere",
    "--potential lenard-jones": "did you mean 'lennard-jones'",
    "--potential math:sqrt": "numba",
    "--walls mirrored": "did you mean 'mirror'",
    "--walls periodic": "gravity must be 0 with periodic walls",
    "--protocol longrun": "did you mean 'long-run'",
    "--spacing often": "spacing must be",
    "--spacing 0": "spacing must be",
    "--samples 0": "samples must be",
    "--step 0": "step must be",
    "--teleport 2": "teleport must be",
    "--sweeps 1": "sweeps must be",
    "--shift --cutoff none": "shift needs a cut-off",
    "--bonds.length 0.1": "bonds.length must be at least 1",
    "--set bonds=3": "bonds must be a table of stiffness, length",
    "--gravity 1 --gravity.low 0.1": "give --gravity or --gravity.low, not both",
    "--protocol restart --samples 4": "samples is for long runs",
    "--rows 0": "rows must be",
    "--gravty 1": "did you mean --gravity?",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_costs_one_line(beable, tmp_path, words):
    base = ["simulate", "lennard-jones", "-o", tmp_path / "new", "--workers", 1]
    rows = [] if "--rows" in words else ["--rows", 4]
    refused(beable(*base, *rows, *words.split()), USAGE, MISTAKES[words])
    assert not (tmp_path / "new").exists()


# report


def test_the_report_of_a_run_on_particles_shows_configurations_and_no_fields(undrawn, answer, folder, tmp_path):
    answer("report", folder / "told", folder / "gas.zarr", "-o", tmp_path / "told.html")
    html = (tmp_path / "told.html").read_text()
    assert "positions, discs of diameter 1." in html
    assert "Held-out configurations above their reconstruction" in html
    assert "Vectors: magnitude" not in html
