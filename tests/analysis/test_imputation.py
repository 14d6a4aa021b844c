"""Missing numbers filled by a run: near the truth, with deviations that hold, from Python and the command line."""

import csv
import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from beable import RunSettings, Store, impute, train
from beable.analysis.evaluation import evaluate
from beable.analysis.imputation import Imputed
from beable.commands import cli
from beable.commands.impute import _check_columns, _write_csv, _write_store
from beable.errors import DataError, UsageError
from beable.report.figures.fields import reconstruction
from beable.report.figures.maps import MISSING

SHORT = {"training": {"members": 2, "steps": 60, "records": 5, "start": "pca"}, "model": {"latents": 2, "width": 8}}


def settings(**more):
    return RunSettings.model_validate(SHORT | more)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Six columns of two causes, a tenth of the cells missing, and a run on them."""
    folder, rng = tmp_path_factory.mktemp("table"), np.random.default_rng(0)
    whole = rng.normal(size=(160, 2)) @ rng.normal(size=(2, 6)) + 0.2 * rng.normal(size=(160, 6))
    gone = rng.random(whole.shape) < 0.1
    columns = {f"c{i}": np.where(gone, np.nan, whole)[:, i] for i in range(6)}
    store = Store.from_arrays(folder / "t.zarr", columns, {"a": np.arange(160.0)}, missing="keep", units={"c0": "m"})
    run = train(store, folder / "run", settings())
    return SimpleNamespace(folder=folder, whole=whole, gone=gone, store=store, run=run, found=impute(run, store))


def stacked(parts):
    return np.stack([parts[f"c{i}"] for i in range(6)], axis=1)


def test_missing_numbers_are_filled_near_the_truth_and_others_are_left(table):
    filled = stacked(table.found.values)
    np.testing.assert_array_equal(filled[~table.gone], table.whole[~table.gone])
    np.testing.assert_array_equal(stacked(table.found.filled), table.gone)
    truth, mean = table.whole[table.gone], np.broadcast_to(table.whole.mean(0), table.whole.shape)[table.gone]
    assert ((filled[table.gone] - truth) ** 2).sum() < 0.2 * ((mean - truth) ** 2).sum()
    assert table.found.error < 0.2


def test_two_thirds_of_the_truth_lie_within_one_deviation(table):
    deviation = stacked(table.found.deviation)
    assert (deviation[~table.gone] == 0).all()
    off = np.abs(stacked(table.found.values) - table.whole)[table.gone]
    assert 0.55 < (off < deviation[table.gone]).mean() < 0.81  # 96 cells: 0.683 ± 2.7 deviations
    assert (off < deviation[table.gone] / 3).mean() < 0.45  # the twin, three times too sure


def test_the_same_seed_fills_the_same(table):
    again = impute(table.run, table.store)
    for name, values in table.found.values.items():
        np.testing.assert_array_equal(again.values[name], values)


def test_a_run_on_complete_rows_fills_new_rows(table, tmp_path):
    whole = Store.from_arrays(tmp_path / "w.zarr", {f"c{i}": table.whole[:100, i] for i in range(6)})
    run = train(whole, tmp_path / "run", settings())
    new = np.where(table.gone, np.nan, table.whole)[100:]
    columns = {f"c{i}": new[:, i] for i in range(6)}
    assert np.isfinite(run.encode(columns).mean).all()
    found = impute(run, Store.from_arrays(tmp_path / "n.zarr", columns, missing="keep"))
    gone, truth = table.gone[100:], table.whole[100:]
    assert ((stacked(found.values) - truth)[gone] ** 2).sum() < 0.3 * (truth[gone] ** 2).sum()
    with pytest.raises(DataError, match=r"no number of c0, .* is missing: there is nothing to fill"):
        impute(run, whole)


def test_errors_and_rates_are_those_of_what_is_there(table):
    judged = evaluate(table.run, table.store, agreement=True)
    assert judged.relative_error.max() < 0.3
    assert judged.agreed.rows == len(table.run.held_rows)
    assert np.isfinite(judged.regularisation.distortion).all()
    assert [v.word for v in judged.over_regularised] == ["no", "no"]


def call(capsys, *words):
    capsys.readouterr()
    code = cli.run([str(word) for word in words])
    return code, *capsys.readouterr()


def test_a_table_is_filled_from_the_command_line(table, tmp_path, capsys):
    code, out, _ = call(capsys, "impute", table.folder / "run", "-o", tmp_path / "filled.csv", "--json")
    told = json.loads(out)
    assert (code, told["rows"], sum(told["filled"].values())) == (0, 160, int(table.gone.sum()))
    with open(tmp_path / "filled.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [*(f"c{i}{part}" for i in range(6) for part in ("", "_std")), "a"]
    np.testing.assert_allclose([float(r["c2"]) for r in rows], table.found.values["c2"])
    assert [r["c2_std"] != "" for r in rows] == table.gone[:, 2].tolist()


def test_a_filled_data_set_has_deviations_units_and_factors(table, tmp_path, capsys):
    code, out, _ = call(capsys, "impute", table.folder / "run", table.store.path, "-o", tmp_path / "filled.zarr")
    assert code == 0
    assert "missing numbers of 160 rows filled" in out
    assert "68 %" in out
    store = Store.open(tmp_path / "filled.zarr")
    assert {v.name: v.unit for v in store.variables}["c0_std"] == "m"
    assert (store.missing, [f.name for f in store.factors]) == ({}, ["a"])
    np.testing.assert_allclose(store.read("c1"), table.found.values["c1"])


def filled_by_hand(folder, arrays, **more):
    """A data set and what a run would have filled of p."""
    store = Store.from_arrays(folder / "s.zarr", arrays, missing="keep", **more)
    gone = {"p": np.isnan(store.read("p"))}
    values, spread = {"p": np.where(gone["p"], 5.0, store.read("p"))}, {"p": np.where(gone["p"], 0.5, 0.0)}
    return store, Imputed(values, spread, gone, 1.0, {"p": 1.0}, 0, float("nan"), {}, 0, float("nan"))


def test_a_column_that_bears_the_name_of_a_deviation_keeps_its_numbers(tmp_path):
    """Tables of measurements often have a deviation of their own beside a number."""
    p, own = np.array([1.0, np.nan, 3.0]), np.array([0.1, 0.2, 0.3])
    store, found = filled_by_hand(tmp_path, {"p": p, "p_std": own})
    _write_store(tmp_path / "f.zarr", store, found)
    made = Store.open(tmp_path / "f.zarr")
    np.testing.assert_array_equal(made.read("p_std"), own)
    np.testing.assert_array_equal(made.read("p_imputed_std"), [0, 0.5, 0])
    _write_csv(tmp_path / "f.csv", store, found)
    with open(tmp_path / "f.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(r["p_std"]) for r in rows] == pytest.approx(own)
    assert [r["p_imputed_std"] for r in rows] == ["", "0.5", ""]


def test_a_filled_data_set_keeps_what_is_declared(tmp_path):
    arrays = {"p": np.array([1.0, np.nan, 3.0]), "kind": np.array([0.0, 1, 0]), "v": np.ones((3, 2)), "v_1": np.ones(3)}
    declared = {"classes": {"kind": ["gas", "ice"]}, "components": {"v": ["x", "y"]}, "constants": {"area": np.ones(2)}}
    store, found = filled_by_hand(tmp_path, arrays, factors={"of": np.array(["a", "b", "a"])}, **declared)
    _write_store(tmp_path / "f.zarr", store, found)
    made = Store.open(tmp_path / "f.zarr")
    told = {v.name: v.classes or v.components for v in made.variables if v.classes or v.components}
    assert told == {"kind": ("gas", "ice"), "v": ("x", "y")}
    assert (made.factors[0].classes, list(made.constants)) == (("a", "b"), ["area"])
    _write_csv(tmp_path / "f.csv", store, found)
    assert (tmp_path / "f.csv").read_text().splitlines()[0] == "p,p_std,kind,v_x,v_y,v_1,of"
    plain, _ = filled_by_hand(tmp_path / "more", arrays)
    with pytest.raises(UsageError, match=r"two columns would be named v_1: give a name in \.zarr"):
        _check_columns(tmp_path / "g.csv", plain)


def test_complete_rows_are_scored_beside_those_that_lack_numbers_by_the_number(table, tmp_path, capsys):
    whole = Store.from_arrays(tmp_path / "w.zarr", {f"c{i}": table.whole[:20, i] for i in range(6)}, units={"c0": "m"})
    told = json.loads(call(capsys, "score", table.folder / "run", whole.path, "--json")[1])
    assert (told["per"], told["numbers"]) == ("number that is there", [6] * 20)


def test_what_cannot_be_filled_is_refused(table, tmp_path, capsys):
    (tmp_path / "there.csv").write_text("mine")
    for name, code, words in (("f.xlsx", 2, "must end in .csv or .zarr"), ("there.csv", 73, "exists already")):
        found = call(capsys, "impute", table.folder / "run", "-o", tmp_path / name)
        assert (found[0], words in found[2]) == (code, True)


def test_scores_count_by_the_number_that_is_there(table, capsys):
    code, out, _ = call(capsys, "score", table.folder / "run", "--json")
    told = json.loads(out)
    assert (code, told["per"]) == (0, "number that is there")
    assert told["numbers"] == (~table.gone).sum(1).tolist()
    assert "nats a number that is there" in call(capsys, "score", table.folder / "run")[1]


@pytest.fixture(scope="module")
def wake(tmp_path_factory):
    """A field with a solid that holds zeros, or a mask, and with further cells missing here and there."""
    folder, rng = tmp_path_factory.mktemp("wake"), np.random.default_rng(1)
    x, y = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 12), indexing="ij")
    a, b = rng.uniform(-1, 1, (2, 60, 1, 1))
    u = a * np.sin(3 * x + y) + 0.5 * b * np.cos(5 * y - x) + 0.05 * rng.normal(size=(60, 9, 12))
    solid = (x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.05
    cells = {"full": np.where(solid, 0.0, u), "masked": np.where(solid, np.nan, u)}
    cells["gappy"] = np.where(rng.random(u.shape) < 0.1, np.nan, cells["masked"])
    factors = {"a": np.where(np.arange(60) % 3, np.nan, a.ravel()), "b": b.ravel()}
    stores = {n: Store.from_arrays(folder / f"{n}.zarr", {"u": v}, factors, missing="keep") for n, v in cells.items()}
    runs = {name: train(store, folder / name, settings()) for name, store in stores.items()}
    return SimpleNamespace(folder=folder, u=u, solid=solid, cells=cells, stores=stores, runs=runs)


def test_masked_and_unmasked_fields_give_the_same_errors_over_the_fluid(wake):
    errors = {}
    for name in ("full", "masked"):
        run, store = wake.runs[name], wake.stores[name]
        rows = {"u": store.read("u", run.held_rows)}
        decoded = next(run.decode(run.encode(rows).mean))["u"]
        truth = wake.u[run.held_rows][:, ~wake.solid]
        errors[name] = ((decoded[:, ~wake.solid] - truth) ** 2).sum() / ((truth - truth.mean(0)) ** 2).sum()
        assert np.isnan(decoded[0]).sum() == (wake.solid.sum() if name == "masked" else 0)
    assert errors["masked"] == pytest.approx(errors["full"], rel=0.01)
    judged = evaluate(wake.runs["masked"], wake.stores["masked"])
    assert judged.relative_error[0] == pytest.approx(errors["masked"], rel=0.01)


def test_fields_with_missing_cells_are_learned_and_filled(wake):
    run, store = wake.runs["gappy"], wake.stores["gappy"]
    judged = evaluate(run, store)
    assert judged.relative_error.max() < 0.05
    assert judged.disentanglement is None or len(judged.disentanglement.known) == 2
    found = impute(run, store, samples=8)
    gone = np.isnan(wake.cells["gappy"]) & ~wake.solid
    truth = wake.u
    off = (found.values["u"] - truth)[gone]
    assert (off**2).sum() < 0.05 * ((truth - truth.mean(0))[gone] ** 2).sum()
    assert np.isnan(found.values["u"][0]).sum() == wake.solid.sum()
    assert 0.5 < (np.abs(off) < found.deviation["u"][gone]).mean() < 0.85


def test_what_is_missing_is_grey_and_counts_in_no_percentage(wake):
    x, y = np.arange(9.0), np.arange(12.0)
    truth = wake.cells["gappy"][0]
    figure = reconstruction([truth], [1.1 * wake.u[0]], ["u"], ["m"], x, y)
    panels = figure.axes[:3]
    assert {panel.get_facecolor()[:3] for panel in panels} == {to_rgb(MISSING)}
    drawn = [np.ma.getmaskarray(panel.collections[0].get_array()).sum() for panel in panels]
    assert drawn == [np.isnan(truth).sum(), 0, np.isnan(truth).sum()]
    assert panels[2].texts[0].get_text() == "10 %"


def test_the_page_of_masked_data_says_so(blank, wake, tmp_path, capsys):
    words = ["report", wake.folder / "gappy", wake.stores["gappy"].path, "-o", tmp_path / "page.html"]
    assert call(capsys, *words)[0] == 0
    page = (tmp_path / "page.html").read_text()
    assert f"mask: {wake.solid.sum()} of 108 cells are missing in every row" in page
    code, out, _ = call(capsys, "data", "info", wake.stores["gappy"].path)
    assert code == 0
    assert f"u: mask: {wake.solid.sum()} of 108 cells" in out
    assert "(40 unknown)" in out


@pytest.mark.slow
@pytest.mark.parametrize(("name", "most"), [("wine", 0.7), ("diabetes", 0.6)])
def test_cells_of_known_tables_are_filled_as_well_as_by_the_iterative_imputer(tmp_path, name, most):
    path = Path(__file__).parents[2] / "benchmarks" / "impute.py"
    spec = importlib.util.spec_from_file_location("impute_benchmark", path)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    found = [benchmark.compare(name, 0.1, seed, 2, 300, tmp_path) for seed in range(5)]
    assert np.median([f.error for f in found]) < most
    assert np.median([f.ratio for f in found]) <= 1.05
    assert 0.6 < np.mean([f.within for f in found]) < 0.76
