"""Packings on the command line: one bed, tables of them, and the way of a table from import to samples."""

import hashlib
import json
import os
import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest
from forked import Forked

from beable.commands import cli
from beable.datasets.store import Store
from beable.errors import DataError
from beable.representations.tables import Table
from beable.simulator import Variable
from beable.systems.packing import deposition
from beable.systems.packing.hall_sparks_table import COLUMNS
from beable.systems.packing.simulator import Packing, pack
from beable.training.data import learnable, natural_representation
from beable.training.run import Run, train
from beable.training.settings import RunSettings

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*members over-fit", "ignore:.* has no unit here"
)  # small tables, few steps

USAGE, DATA, OUTPUT, INTERRUPTED = 2, 3, 73, 130
PNG = b"\x89PNG\r\n"
TINY = "--median 1 1.5 --spread 0 0.1 --min-coarse-spheres 30 --workers 1"
SHORT = "--members 2 --steps 30 --set training.records=4"


@pytest.fixture
def small_beds(monkeypatch):
    """Beds of tables of a fifth of the spheres: how many mean something is tested where they are counted."""
    monkeypatch.setattr("beable.systems.packing.simulator.LEAST", 400)


@pytest.fixture
def answer(capsys):
    """What a command line answers in JSON."""

    def call(words):
        code = cli.run([*words.split(), "--json"])
        out, err = capsys.readouterr()
        assert (code, err) == (0, "")
        return json.loads(out)

    return call


@pytest.fixture
def refused(capsys):
    """The one line with which a command line is refused, and its exit code."""

    def call(words):
        code = cli.run(words if isinstance(words, list) else words.split())
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if not line.startswith("rows: ")]
        assert (out, len(lines)) == ("", 1), err
        assert lines[0].startswith("beable: ")
        assert "unexpected" not in lines[0]
        return code, lines[0]

    return call


# One bed

TWO = "d=1,volume=0.3,name=fine d=3,volume=0.7,s=0.02"


def test_a_bed_is_measured_as_in_python(answer):
    found = answer(f"pack {TWO} --spheres 3600 --seed 4")
    same = pack(
        [{"median": 1.0, "volume_fraction": 0.3}, {"median": 3.0, "spread": 0.02, "volume_fraction": 0.7}], 3600, 4
    )
    assert found["packing_fraction"] == same.packing_fraction
    assert found["standard_error"] == same.standard_error
    assert (found["spheres"], found["box"]) == (3600, same.box)
    assert found["close_packing_estimate"] == same.close_packing
    assert found["volume_shares_given"] == [0.3, 0.7]
    assert found["volume_shares_in_the_bulk"] == same.composition.tolist()
    assert 5 < found["contacts_a_sphere"] < 6.5
    assert found["deepest_overlap"] < 1e-10
    assert set(found).isdisjoint({"output", "picture"})


def test_words_may_be_long_or_short(answer):
    long = "median=1,volume_fraction=0.3,density=2 median=3,volume_fraction=0.7,density=1"
    assert answer(f"pack {long} --spheres 2000") == answer("pack d=1,volume=0.3 d=3,volume=0.7 --spheres 2000")
    mass = "d=1,mass=0.6,density=2.8 d=3,mass=0.7,density=1.4"
    shares = answer(f"pack {mass.replace('0.6', '0.3')} --spheres 3000")["volume_shares_given"]
    np.testing.assert_allclose(shares, [0.3 / 1.7, 1.4 / 1.7])


def test_several_beds_have_the_error_of_their_spread(answer):
    alone = [answer(f"pack {TWO} --spheres 3600 --seed {seed}")["packing_fraction"] for seed in (7, 8, 9)]
    found = answer(f"pack {TWO} --spheres 3600 --seed 7 --beds 3")
    assert found["packing_fraction"] == pytest.approx(np.mean(alone), rel=1e-12)
    assert found["standard_error"] == pytest.approx(np.std(alone, ddof=1) / np.sqrt(3), rel=1e-9)


def test_the_box_is_that_which_was_asked(answer):
    assert answer("pack d=1 --spheres 4000 --box 11.5")["box"] == 11.5


def test_spheres_are_written_and_drawn(answer, tmp_path, monkeypatch):
    monkeypatch.setattr("beable.systems.packing.figures.spheres.PIXELS", 12)  # of an inch, for speed
    found = answer(f"pack {TWO} --spheres 3600 --seed 4 -o {tmp_path}/bed.xyz --picture {tmp_path}/bed.png")
    assert (found["output"], found["picture"]) == (f"{tmp_path}/bed.xyz", f"{tmp_path}/bed.png")
    assert (tmp_path / "bed.png").read_bytes().startswith(PNG)
    count, about, *lines = (tmp_path / "bed.xyz").read_text().splitlines()
    assert int(count) == len(lines) == 3600
    assert 'pbc="T T F"' in about
    assert about.endswith("Properties=species:I:1:pos:R:3:radius:R:1")
    lattice = np.array(about.split('"')[1].split(), float).reshape(3, 3)
    component, x, y, z, radius = np.loadtxt(lines).T
    bed = pack(
        [{"median": 1.0, "volume_fraction": 0.3}, {"median": 3.0, "spread": 0.02, "volume_fraction": 0.7}], 3600, 4
    )
    np.testing.assert_array_equal(np.stack([x, y, z], 1), bed.positions)
    np.testing.assert_array_equal(radius, bed.radii)
    np.testing.assert_array_equal(component, bed.component + 1)
    np.testing.assert_array_equal(lattice, np.diag([found["box"], found["box"], (z + radius).max()]))


def test_a_powder_of_a_file_packs_like_that_of_words(answer, tmp_path):
    (tmp_path / "powder.toml").write_text("spheres = 2100\nbox = 9.0\n[[components]]\nmedian = 1.0\n")
    words = answer("pack d=1 --spheres 2000 --box 8")
    assert answer(f"pack --config {tmp_path}/powder.toml --set spheres=2000 box=8.5 --box 8") == words
    assert answer(f"pack --config {tmp_path}/powder.toml --set box=8")["spheres"] == 2100


WRONG = {
    "pack d=1 --set spehres=3": (USAGE, "unknown setting 'spehres': did you mean 'spheres'"),
    "pack --set components=3": (USAGE, "components must be a list, not 3"),
    "pack": (USAGE, "give at least one component, such as median=20,spread=0.3"),
    "pack medain=1": (USAGE, "did you mean 'median'"),
    "pack median": (USAGE, "give names and numbers, such as median=20,spread=0.3"),
    "pack median=one": (USAGE, "give names and numbers"),
    "pack d=1,": (USAGE, "give names and numbers"),
    "pack d=1,median=2": (USAGE, "stands there twice"),
    "pack d=nan": (USAGE, "median must be a finite number"),
    "pack d=0": (USAGE, "component 1: median must be greater than 0, not 0"),
    "pack d=1,volume=.5 d=-2,volume=.5": (USAGE, "component 2: median must be greater than 0, not -2"),
    "pack d=1,s=-0.1": (USAGE, "component 1: spread must lie between 0 and 3"),
    "pack d=1,s=4": (USAGE, "component 1: spread must lie between 0 and 3"),
    "pack d=1,s=1.5": (DATA, "narrow the sizes, use close_packing_estimate"),
    "pack d=1,mass=.5 d=2,mass=.5": (USAGE, "component 1: density is missing"),
    "pack d=1,mass=.5,density=1 d=2,mass=.5,density=0": (USAGE, "component 2: density must be greater than 0"),
    "pack d=1,volume=.5 d=2,volume=.6": (USAGE, "must sum to 1, not 1.1: divide each by 1.1"),
    "pack d=1,volume=.5 d=2,number=.5": (USAGE, "component 2: number_fraction where component 1 has volume_fraction"),
    "pack d=1,volume=.5 d=2": (USAGE, "component 2: its share is missing"),
    "pack d=1,volume=-.5 d=2,volume=1.5": (USAGE, "component 1: volume_fraction must not be negative"),
    "pack d=1 --spheres 5": (
        DATA,
        "hold too few coarse ones, or fill too little, to mean anything: give at least 2000",
    ),
    "pack d=1 --spheres 3000 --box 2": (DATA, "too narrow for spheres of diameter 1: give at least 3"),
    "pack d=1 --spheres 3000 --box 60": (DATA, "give a side of at most"),
    "pack d=1 --box -1": (USAGE, "box must be greater than 0"),
    "pack d=1 --beds 0": (USAGE, "beds must be a whole number of at least 1"),
    "pack d=1 --seed -1": (USAGE, "seed must be a whole number of at least 0"),
    "pack d=1 -o bed.txt": (OUTPUT, "bed.txt: the name must end in .xyz"),
    "pack d=1 --picture bed.jpg": (OUTPUT, "bed.jpg: the name must end in .png"),
    "pack d=1 -o nowhere/bed.xyz": (OUTPUT, "its folder does not exist: make it first"),
}


@pytest.mark.parametrize("words", WRONG)
def test_a_mistake_about_a_bed_costs_one_line(refused, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    code, line = refused(words)
    assert code == WRONG[words][0]
    assert WRONG[words][1] in line
    assert list(tmp_path.iterdir()) == []


def test_names_of_files_are_checked_before_anything_is_dropped(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("beable.systems.packing.simulator.pack", pytest.fail)
    assert refused("pack d=1 -o bed.txt")[0] == OUTPUT


# Tables of packings


def test_a_table_is_made_as_asked(small_beds, answer, tmp_path):
    words = "simulate packing --rows 5 --components 2 --densities 1 4 --truncation 1.5 --seed 3"
    found = answer(f"{words} -o {tmp_path}/a.zarr {TINY}")
    assert (found["rows"], found["good"], found["failures"]) == (5, 5, {})
    store = Store.open(tmp_path / "a.zarr")
    assert (store.simulator, store.seed) == ("packing", 3)
    expected = {
        "components": 2,
        "densities": [1, 4],
        "truncation": 1.5,
        "median": [1, 1.5],
        "spread": [0, 0.1],
        "min_coarse_spheres": 30,
    }
    assert {name: store.settings[name] for name in expected} == expected
    assert store.read("mass_fraction").shape == (5, 2)
    assert answer(f"{words} -o {tmp_path}/a.zarr {TINY}")["id"] == found["id"]


def test_a_table_of_powders_is_packed_row_by_row(answer, tmp_path):
    (tmp_path / "powders.csv").write_text("20,0.1,1\n30,0.0,1\n")
    made = (
        f"simulate packing --rows 2 --components 1 --min-coarse-spheres 30 --workers 1 --table {tmp_path}/powders.csv"
    )
    answer(f"{made} -o {tmp_path}/a.zarr")
    store = Store.open(tmp_path / "a.zarr")
    assert store.read("median").tolist() == [[20], [30]]
    assert store.settings["sampling"] == "table"


def test_an_interrupted_table_goes_on_where_it_was(small_beds, answer, refused, tmp_path, monkeypatch):
    words = f"simulate packing --rows 17 {TINY} -o {tmp_path}"
    whole = answer(f"{words}/whole.zarr")
    real, begun = Packing.simulate, []

    def interrupted(simulator, values, streams):
        begun.append(streams.start)
        if len(begun) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return real(simulator, values, streams)

    monkeypatch.setattr(Packing, "simulate", interrupted)
    code, line = refused(f"{words}/broken.zarr")
    assert code == INTERRUPTED
    assert "run the same command again" in line
    assert begun == [0]
    assert answer(f"{words}/broken.zarr")["id"] == whole["id"]
    assert begun == [0, 16]


WRONG_TABLES = {
    "--components 1 --table 1,0,1;1,0,nan": (USAGE, "table.1.2 must be a finite number, not nan"),
    "--components 1 --table 1,0,1;1,0,0.5": (USAGE, "table, row 1: mass fractions must sum to 1, not 0.5"),
    "--components 1 --table 1,0,1;0,0,1": (USAGE, "table, row 1: component 1: median must be greater than 0"),
    "--components 1 --table 1,0,1;1,5,1": (USAGE, "table, row 1: component 1: spread must lie between 0 and 3"),
    "--components 1 --table 1,0,1;2,0,1": (USAGE, "the table has 2 rows, not 3: ask for less"),
    "--components 2 --table 1,0,1": (USAGE, "rows of 6 columns"),
    "--components 1 --table a,b,c": (DATA, "expected rows of numbers"),
    "--table nothere.csv": (USAGE, "no such file"),
    "--median 2 1": (USAGE, "median must be a lowest and a highest value"),
    "--spread 0 4": (USAGE, "spread must lie between 0 and 3"),
    "--spread 2 3": (DATA, "narrow the sizes"),
    "--spread 0.3 1 --max-spheres 2000": (DATA, "with a spread of at least 0.3 any row would need"),
    "--min-coarse-spheres 3": (USAGE, "min_coarse_spheres must be at least 30"),
    "--densities 1 2": (USAGE, "densities must be one number, or 3"),
    "--densities 1 0 2": (USAGE, "densities must be greater than 0"),
    "--sampling table": (USAGE, "a table and the sampling 'table' go together"),
    "--sampling sobl": (USAGE, "did you mean 'sobol'"),
}


@pytest.mark.parametrize("words", WRONG_TABLES)
def test_a_mistake_about_a_table_costs_one_line(refused, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    code, line = refused(f"simulate packing --rows 3 --workers 1 -o new.zarr {words}")
    assert code == WRONG_TABLES[words][0]
    assert WRONG_TABLES[words][1] in line
    assert not (tmp_path / "new.zarr" / "manifest.json").exists()


# From a table to samples

ROWS = 60


def paper_table(path):
    """A table in the layout of Hall and Sparks: designs, and what an auto-encoder made of some."""
    rng = np.random.default_rng(0)
    sizes, deviations = rng.choice([20, 40, 60, 80], (ROWS, 3)), rng.choice([1, 150, 300], (ROWS, 3))
    shares = np.array([[0.2239, 0.597, 0.1791], [0.274, 0.4966, 0.2295], [0.4167, 0.2604, 0.3229]])
    shares = shares[rng.integers(0, 3, ROWS)]
    phi = (0.6 + 0.001 * sizes[:, 0] + 0.01 * rng.normal(size=ROWS)).round(3)
    rows = np.column_stack([sizes, deviations, shares, phi])
    decoded = rows[:5] * 1.013
    header = ",".join(("ID", *COLUMNS))
    body = [f"{i}," + ",".join(f"{x:.6g}" for x in row) for i, row in enumerate(rows)]
    body += [f"{13330 + i}," + ",".join(f"{x:.6g}" for x in row) for i, row in enumerate(decoded)]
    path.write_text("\n".join([header, *body]) + "\n")


CONFIG = """
variables = ["mean_size", "size_deviation", "mass_fraction", "packing_fraction"]
[representation]
log = "mean_size, size_deviation"
composition = "mass_fraction"
bounded = "packing_fraction=0:1"
"""


@pytest.fixture(scope="module")
def folder(few_draws, tmp_path_factory):
    """A table of our own and one of the layout of Hall and Sparks, and a run of each."""
    path = tmp_path_factory.mktemp("tables")
    paper_table(path / "theirs.csv")
    (path / "config.toml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("beable.systems.packing.simulator.LEAST", 400)
        for words in (
            f"simulate packing --rows 40 {TINY} -o {path}/ours.zarr",
            f"import {path}/theirs.csv -o {path}/theirs.zarr",
            f"fit {path}/ours.zarr -o {path}/ours {SHORT}",
            f"fit {path}/theirs.zarr -o {path}/theirs {SHORT} --start random --config {path}/config.toml",
        ):
            assert cli.run([*words.split(), "--json"]) == 0
    return path


@pytest.fixture(params=["ours", "theirs"])
def name(request):
    return request.param


def test_numbers_are_learned_as_a_table(folder, name):
    run = Run.load(folder / name)
    sizes = {"ours": ["median", "spread"], "theirs": ["mean_size", "size_deviation"]}[name]
    assert run.settings.representation.kind == "table"
    assert run.variables == [*sizes, "mass_fraction", "packing_fraction"]
    assert isinstance(run.representation, Table)
    assert run.representation.code.shape == ({"ours": 10, "theirs": 9}[name],)
    assert len(run.held_rows) == {"ours": 10, "theirs": 15}[name]


def test_rows_of_an_auto_encoder_are_left_out(folder):
    store = Store.open(folder / "theirs.zarr")
    assert store.rows == ROWS
    assert store.assessment["flagged"]["decoded"] == 5


def test_evaluate_judges_every_column(folder, name, answer):
    found = answer(f"evaluate {folder}/{name} {folder}/{name}.zarr")
    assert len(found["relative_error_by_channel"]) == 10
    assert "packing_fraction" in found["relative_error_by_channel"]
    assert np.isfinite(found["distortion"]).all()
    run, store = Run.load(folder / name), Store.open(folder / f"{name}.zarr")
    rows = {variable: store.read(variable, run.held_rows) for variable in run.variables}
    scores = run.score(rows)
    np.testing.assert_allclose(found["rate"], scores.rate.sum(2).mean(1), rtol=0.05)
    np.testing.assert_allclose(found["distortion"], scores.distortion.mean(1), atol=3)


def test_a_report_of_a_table_is_one_page(folder, answer, undrawn):
    answer(f"report {folder}/theirs {folder}/theirs.zarr -o {folder}/page.html")
    html = (folder / "page.html").read_text()
    for words in ("Reconstruction", "The latents", "Training", "sha256", "beable report theirs theirs.zarr"):
        assert words in html


def test_samples_of_a_table_are_powders(folder, name, answer):
    answer(f"sample {folder}/{name} -o {folder}/{name}-samples.zarr --rows 200 --seed 1")
    store, given = Store.open(folder / f"{name}-samples.zarr"), Store.open(folder / f"{name}.zarr")
    about = {variable.name: variable for variable in given.variables}
    for variable in store.variables:
        assert variable.dims == about[variable.name].dims
        assert variable.unit == about[variable.name].unit
    if name == "theirs":
        shares, sizes, phi = (store.read(v) for v in ("mass_fraction", "mean_size", "packing_fraction"))
        np.testing.assert_allclose(shares.sum(1), 1, atol=1e-12)
        assert shares.min() > 0
        assert sizes.min() > 0
        assert 0 < phi.min() < phi.max() < 1


def test_rows_are_scored_in_nats_of_their_units(folder, name, answer):
    found = answer(f"score {folder}/{name} {folder}/{name}.zarr")
    run, store = Run.load(folder / name), Store.open(folder / f"{name}.zarr")
    assert len(found["row"]) == store.rows
    np.testing.assert_allclose(found["total"], np.add(found["distortion"], found["rate"]), rtol=1e-6)
    rows = {variable: store.read(variable) for variable in run.variables}
    np.testing.assert_allclose(found["distortion"], np.median(run.score(rows).distortion, 0), rtol=1e-5)
    rows["packing_fraction"] = np.roll(rows["packing_fraction"], 1)
    assert np.median(run.score(rows).distortion, 0).mean() > np.mean(found["distortion"])


def test_a_bad_row_of_a_table_is_named_at_scoring(folder, refused, tmp_path):
    store = Store.open(folder / "theirs.zarr")
    arrays = {v.name: store.read(v.name) for v in store.variables if not v.diagnostic}
    arrays["mass_fraction"][7] *= 0.5
    Store.from_arrays(tmp_path / "bad.zarr", arrays, dims={n: ("component",) for n in arrays if arrays[n].ndim > 1})
    code, line = refused(f"score {folder}/theirs {tmp_path}/bad.zarr")
    assert code == DATA
    assert "mass_fraction sums to 0.5 in row 7" in line


def test_a_logarithm_adds_its_jacobian_to_the_score(tmp_path, monkeypatch):
    """Learning y by its logarithm is learning x = ln y; of the two densities p(y) = p(x)/y."""
    x = np.random.default_rng(0).normal(2, 1, size=(60, 2)).round(6)
    runs = {}
    for name, (values, log) in {"x": (x, ""), "y": (np.exp(x), "size")}.items():
        store = Store.from_arrays(tmp_path / f"{name}.zarr", {"size": values}, dims={"size": ("component",)})
        tree = {"model": {"latents": 1}, "training": {"members": 1, "steps": 20, "records": 2, "start": "random"}}
        settings = RunSettings.model_validate(tree | {"representation": {"kind": "table", "log": log}})
        runs[name] = train(store, tmp_path / name, settings)
    scores = {name: runs[name].score({"size": values}).distortion[0] for name, values in (("x", x), ("y", np.exp(x)))}
    np.testing.assert_allclose(scores["y"] - scores["x"], x.sum(1), atol=1e-3)
    monkeypatch.setattr(Table, "log_jacobian", lambda self, snapshots: np.zeros(len(snapshots["size"])))
    without = runs["y"].score({"size": np.exp(x)}).distortion[0]
    np.testing.assert_allclose(without, scores["x"], atol=1e-3)
    assert np.abs(without - scores["y"]).mean() > 1


NUMBER, FEW = Variable("mass", (), ()), Variable("size", ("component",), (3,))
FIELD, ATOMS = Variable("heat", ("x", "y"), (4, 4)), Variable("positions", ("particle", "dimension"), (9, 2))
CHECK = Variable("residual", (), (), diagnostic=True)


@pytest.mark.parametrize(
    ("variables", "learned", "kind"),
    [
        ([NUMBER, FEW, CHECK], ["mass", "size"], "table"),
        ([NUMBER], ["mass"], "table"),
        ([FIELD, NUMBER, CHECK], ["heat"], "modes"),
        ([ATOMS, NUMBER, CHECK], ["positions"], "coordinates"),
        ([Variable("curve", ("x",), (9,)), NUMBER], ["curve"], "modes"),
    ],
)
def test_what_is_learned_by_default_and_how(variables, learned, kind):
    store = SimpleNamespace(variables=variables, constants={}, settings={}, simulator=None)
    assert learnable(store) == learned
    assert natural_representation(store) == kind


def test_numbers_may_be_asked_for_beside_fields():
    store = SimpleNamespace(variables=[FIELD, NUMBER])
    assert natural_representation(store, ["mass"]) == "table"
    with pytest.raises(DataError, match="only diagnostics among the store's variables"):
        learnable(SimpleNamespace(variables=[CHECK]))


def packing_for_hours(begun):
    """A bed whose kernel takes hours, after it has said that it is under way."""

    def endless(*words):
        begun.touch()
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)

    deposition._place = endless
    return cli.run(["pack", "median=1"])


@pytest.mark.parametrize(("number", "code", "words"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "ended on")])
def test_a_bed_that_takes_long_is_given_up_at_once(tmp_path, number, code, words):
    begun = tmp_path / "begun"
    with Forked(packing_for_hours, begun) as process:
        while not begun.exists():
            time.sleep(0.01)
        process.send_signal(signal.Signals[number])
        assert process.wait(60) == code
        (line,) = process.stderr.read().splitlines()
    assert line.startswith(f"beable: {words}")
