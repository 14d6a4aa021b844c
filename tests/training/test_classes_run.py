"""A training on a table with classes: they come back with their names, are judged as classes and drawn as classes."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import entr

from beable.analysis import imputation
from beable.analysis.evaluation import evaluate
from beable.analysis.imputation import impute
from beable.analysis.levels import level_of
from beable.commands.answers import verdicts
from beable.commands.decoded import decode
from beable.commands.impute import impute as fill
from beable.commands.samples import sample
from beable.datasets.store import Store
from beable.errors import CorruptError, DataError, UsageError
from beable.report.columns import classes_of_factors, data_items, loadings, reconstructed
from beable.report.page import Figure, Table
from beable.report.run import _numbers, run_page
from beable.training.data import read
from beable.training.declared import check_declared
from beable.training.form import checked
from beable.training.run import train
from beable.training.settings import RunSettings

pytestmark = pytest.mark.usefixtures("few_draws")

ROWS = 96
A, B = np.random.default_rng(0).uniform(-1, 1, (2, ROWS))
KINDS, ORIGINS = ("gas", "liquid", "solid"), ("Japan", "USA")
KIND = np.digitize(A, [-0.3, 0.3]).astype(float)
ARRAYS = {"p [kPa]": 10 + A, "T": 300 + 20 * B, "q": A - B, "kind": KIND, "shares": np.stack([2 + A, 2 - A], 1)}


def stored(path, kind=KIND, kinds=KINDS):
    return Store.from_arrays(
        path,
        ARRAYS | {"kind": kind},
        {"origin": np.where(B > 0, "USA", "Japan"), "b": B, "a": A},
        classes={"kind": kinds},
        units={"b": "K"},
        components={"shares": ["x", "y"]},
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    store = stored(folder / "a.zarr")
    tree = {"training": {"members": 2, "steps": 150, "records": 10}, "model": {"latents": 2, "width": 16}}
    return store, train(store, folder / "run", RunSettings.model_validate(tree))


@pytest.fixture(scope="module")
def found(made):
    store, run = made
    return evaluate(run, store)


def test_settings_take_the_classes_of_the_data(made):
    store, run = made
    assert run.settings.representation.classes == "kind=3"
    assert run.classes == {"kind": KINDS}
    assert (store.factors[0].classes, store.factor_values[0, 0]) == (ORIGINS, B[0] > 0)


def test_classes_of_held_out_rows_come_back(made):
    store, run = made
    rows = {name: store.read(name, run.held_rows) for name in run.variables}
    decoded = list(run.decode(run.encode(rows).mean))
    right = [float((d["kind"] == rows["kind"]).mean()) for d in decoded]
    often = max(float((rows["kind"] == i).mean()) for i in range(3))
    assert min(right) > often + 0.2  # a constant guess reaches what is most frequent
    probabilities = run.locations(run.encode(rows).mean)[..., 3:6]
    assert np.allclose(probabilities.sum(-1), 1, atol=1e-6)


def test_the_collapsed_level_holds_the_entropy_of_classes(made):
    store, run = made
    rows = {name: store.read(name, run.held_rows) for name in run.variables}
    told = np.bincount(rows["kind"].astype(int), minlength=3) / len(rows["kind"])
    same = rows | {"kind": np.zeros_like(rows["kind"])}
    assert level_of(run, rows) - level_of(run, same) == pytest.approx(entr(told).sum(), abs=1e-5)


def test_a_class_factor_is_judged_as_classes(found):
    assert {"kind", "p", "shares x", "shares y"} <= set(found.error_by_channel)
    assert found.disentanglement is not None
    assert found.disentanglement.known.shape == (2, 3)


def test_the_page_of_a_table_shows_ranges_parity_loadings_and_classes(made, found, undrawn):
    store, run = made
    page = run_page(run, store, found, "Table", "beable report run")
    items = [*page.opening, *(i for s in page.sections for i in [*s.items, *(i for f in s.folds for i in f.items)])]
    captions = " ".join(str(item.caption) for item in items)
    for words in ("Columns of the table", "Pearson's correlation", "as member", "Loadings", "colours of origin"):
        assert words in captions
    rows = [row for item in items if isinstance(item, Table) for row in item.rows]
    assert any("gas (" in str(getattr(cell, "text", cell)) for row in rows for cell in row)


def test_columns_with_classes_are_drawn(made, found):
    store, run = made
    items = [*data_items(store), *loadings(store, run, found, 0), *classes_of_factors(store, found, 0)]
    items += reconstructed(store, run, found, 0, "member 0")
    drawn = [item.figure for item in items if isinstance(item, Figure)]
    assert len(drawn) > 3
    for figure in drawn:
        assert figure.axes
        figure.canvas.draw()


def test_sampled_classes_have_their_names(made, tmp_path, capsys):
    store, _ = made
    sample(store.path.with_name("run"), output=tmp_path / "new.zarr", rows=8, json=True)
    variables = {v.name: v for v in Store.open(tmp_path / "new.zarr").variables}
    assert variables["kind"].classes == KINDS
    assert variables["shares"].components == ("x", "y")


def test_factors_of_decoded_rows_keep_unit_and_classes(made, tmp_path):
    store, _ = made
    decode(store.path.with_name("run"), output=tmp_path / "d.zarr", json=True)
    factors = Store.open(tmp_path / "d.zarr").factors
    assert [(f.name, f.unit, f.classes) for f in factors] == [(f.name, f.unit, f.classes) for f in store.factors]


def test_classes_of_a_condition_stand_in_one_order(tmp_path):
    def made(name, names):
        declared = {"classes": {"kind": names}, "units": {"b": "K"}}
        return Store.from_arrays(tmp_path / name, {"p": A, "T": B}, {"kind": (A > 0) * 1.0, "b": B}, **declared)

    tree = {"model": {"conditions": ["kind", "b"]}, "training": {"steps": 1, "members": 1}}
    run = train(made("a.zarr", ["gas", "ice"]), tmp_path / "run", RunSettings.model_validate(tree))
    assert check_declared(run, made("b.zarr", ["gas", "ice"])).factors[0].classes == ("gas", "ice")
    with pytest.raises(DataError, match=r"kind: 0, 1, … stand for ice, gas here and for gas, ice in the data of the"):
        check_declared(run, made("c.zarr", ["ice", "gas"]))
    sample(tmp_path / "run", output=tmp_path / "new.zarr", rows=3, conditions=["kind=1", "b=0.5"], json=True)
    factors = Store.open(tmp_path / "new.zarr").factors
    assert [(f.name, f.unit, f.classes) for f in factors] == [("kind", "1", ("gas", "ice")), ("b", "K", ())]


def test_classes_of_other_data_are_numbered_as_they_were_learned(made, tmp_path):
    _, run = made
    fewer = stored(tmp_path / "b.zarr", np.where(KIND == 2, 1.0, 0.0), ("gas", "solid"))
    seen = check_declared(run, fewer)
    assert np.array_equal(seen.read("kind"), np.where(KIND == 2, 2.0, 0.0))
    assert next(v for v in seen.variables if v.name == "kind").classes == KINDS
    with pytest.raises(DataError, match="its classes are plasma here and gas, liquid, solid"):
        check_declared(run, stored(tmp_path / "c.zarr", np.zeros(ROWS), ("plasma",)))


def test_a_score_that_is_not_defined_has_no_line(made, found):
    _, run = made
    nothing = found._replace(disentanglement=found.disentanglement._replace(s_d=np.full(2, np.nan)))
    counts = [sum("(–" in str(row) or str(row[1]) == "–" for row in _numbers(run, f).rows) for f in (found, nothing)]
    assert counts == [0, 0]
    assert len(_numbers(run, nothing).rows) == len(_numbers(run, found).rows) - 1
    assert ["score S_D" in verdicts(run, f) for f in (found, nothing)] == [True, False]


def test_classes_of_a_record_have_the_form_of_classes(made):
    _, run = made
    for part in ("classes", "factor_classes"):
        record = {**run.metadata, "declared": {**run.metadata["declared"], part: {"kind": "gas"}}}
        with pytest.raises(CorruptError, match=f"declared.{part}.kind"):
            checked(record, Path("run.json"))


def test_several_classes_are_no_condition(tmp_path):
    store = Store.from_arrays(tmp_path / "a.zarr", {"p": A, "T": B}, {"kind": np.array(KINDS)[KIND.astype(int)]})
    settings = RunSettings.model_validate({"model": {"conditions": ["kind"]}, "training": {"steps": 1}})
    with pytest.raises(UsageError, match="kind is one of 3 classes"):
        train(store, tmp_path / "run", settings)


@pytest.fixture(scope="module")
def lacking(made):
    """The data set without a fifth of its classes and of one column."""
    store, _ = made
    gone = np.random.default_rng(1).random((2, ROWS)) < 0.2
    columns = {"kind": np.where(gone[0], np.nan, KIND), "p": np.where(gone[1], np.nan, store.read("p"))}
    rest = {v.name: store.read(v.name) for v in store.variables if v.name not in columns}
    path = store.path.with_name("gaps.zarr")
    units, parts = {"p": "kPa"}, {"shares": ["x", "y"]}
    made = Store.from_arrays(
        path, columns | rest, units=units, classes={"kind": KINDS}, components=parts, missing="keep"
    )
    return made, gone


def test_missing_classes_are_filled_beside_numbers(made, lacking):
    (_, run), (store, gone) = made, lacking
    found = impute(run, store)
    filled = found.values["kind"]
    assert np.array_equal(filled[~gone[0]], KIND[~gone[0]])
    often = max(float((KIND[gone[0]] == i).mean()) for i in range(3))
    assert (filled == KIND)[gone[0]].mean() > often + 0.2  # a constant guess reaches what is most frequent
    assert found.right > often + 0.2
    assert np.abs(found.values["p"] - 10 - A)[gone[1]].mean() < 0.5 * np.abs(A).mean()
    sure = found.probability["kind"]
    assert "kind" not in found.deviation
    assert np.all(sure[~gone[0]] == 0)
    assert np.all((sure[gone[0]] > 1 / 3) & (sure[gone[0]] <= 1))


@torch.no_grad()
def test_the_probability_of_a_class_is_that_of_all_latents_given_what_is_there(made, lacking):
    """Against sums over a fine grid of the two latents; those of the prior alone, the twin, are other ones."""
    (_, run), (store, gone) = made, lacking
    rows = np.flatnonzero(gone[0] & ~gone[1])[:4]
    snapshots = read(store, run.variables, rows, ())
    told = imputation._said(run, snapshots, 400, 0).probability["kind"]
    line = torch.linspace(-4, 4, 161)
    grid = torch.cartesian_prod(line, line)
    z, prior = grid.expand(run.members, *grid.shape), -0.5 * grid.square().sum(-1)
    location, coded = run.vae.decoder.location(z, None), run.rows(snapshots)
    chances = torch.softmax(location[..., slice(*run.representation.class_places["kind"])], -1)
    for i in range(len(rows)):
        one = coded.each(lambda part, i=i: part[:, [i] * len(grid)])
        weights = torch.softmax(imputation._Likelihood(run, one).density(location) + prior, -1)
        exact = (weights.unsqueeze(-1) * chances).sum(1).mean(0).max()
        assert told[i] == pytest.approx(float(exact), abs=0.03)
    blind = (torch.softmax(prior, 0)[:, None] * chances).sum(1).mean(0).max()
    assert np.abs(told - float(blind)).max() > 0.1


def test_filled_classes_are_written_with_names_and_probabilities(made, lacking, tmp_path, capsys):
    (table, _), (store, gone) = made, lacking
    run = table.path.with_name("run")
    fill(run, store.path, output=tmp_path / "filled.csv")
    assert "hidden ones were filled with the right one" in capsys.readouterr().out
    with (tmp_path / "filled.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert {line["kind"] for line in lines} <= set(KINDS)
    assert [line["kind_probability"] != "" for line in lines] == gone[0].tolist()
    fill(run, store.path, output=tmp_path / "filled.zarr", json=True)
    assert {v.name: v.classes for v in Store.open(tmp_path / "filled.zarr").variables}["kind"] == KINDS
