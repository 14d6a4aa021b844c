"""The way of one snapshot on the command line: simulate, fit, evaluate, report, rd."""

import json

import numpy as np
import pytest
from browser import complaints

from beable.commands.cli import run

FIT = ["--variables", "pressure", "flux", "--members", "3", "--steps", "100", "--energy", "0.9999"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("verbs")
    made = ["simulate", "darcy", "--rows", "80", "--grid", "17", "--factors", "mixture", "--workers", "1"]
    assert run([*made, "-o", str(path / "darcy.zarr"), "--json"]) == 0
    assert run(["fit", str(path / "darcy.zarr"), "-o", str(path / "run"), *FIT, "--json"]) == 0
    return path


def answer(capsys, words):
    capsys.readouterr()
    assert run([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_evaluate_gives_one_number_a_member_in_context(folder, capsys):
    found = answer(capsys, ["evaluate", folder / "run", folder / "darcy.zarr"])
    assert len(found["s_d"]) == len(found["test_relative_error"]) == 3
    assert found["rows"] == 20
    assert max(found["test_relative_error"]) < 1e-2
    assert set(found["relative_error_by_channel"]) == {"pressure", "flux x", "flux y"}
    assert all(0 < found[name] <= 1 for name in ("s_d_chance", "s_d_ceiling"))  # of 20 rows either may be larger
    assert found["over_regularised"] == ["no"] * 3


def test_evaluating_another_data_set_takes_all_its_rows(folder, capsys):
    other = ["simulate", "darcy", "--rows", "30", "--grid", "17", "--seed", "1", "--workers", "1"]
    assert run([*other, "-o", str(folder / "other.zarr"), "--json"]) == 0
    assert answer(capsys, ["evaluate", folder / "run", folder / "other.zarr"])["rows"] == 30


def test_the_report_of_a_run_is_one_page(folder, undrawn, capsys, tmp_path):
    page = folder / "report.html"
    answer(capsys, ["report", folder / "run", folder / "darcy.zarr", "-o", page, "--title", "Mine <b>"])
    html = page.read_text()
    assert "Mine &lt;b&gt;" in html
    for words in ("Reconstruction", "The latents", "Training", "sha256", "beable report run darcy.zarr"):
        assert words in html
    assert complaints(tmp_path, html) == []


def sweep(folder, capsys, out, steps):
    """What a sweep of two betas says, and its page."""
    words = ["--betas", "1", "1e7", "--seeds", "2", "--steps", steps, "--set", "training.learning_rate=0.02"]
    found = answer(capsys, ["rd", folder / "darcy.zarr", "-o", out, *words, "--variables", "pressure"])
    return found, (out / "report.html").read_text()


def test_a_sweep_gives_bands_by_beta_and_a_page(folder, undrawn, capsys, tmp_path):
    found, html = sweep(folder, capsys, tmp_path / "sweep", 300)
    low, high = found["bands"]
    assert (low["beta"], high["beta"]) == (1, 1e7)
    assert low["squared_error"][1] < high["squared_error"][1]
    assert low["active"][0] == 2
    assert high["active"][1] == 0
    assert np.allclose(low["rate"][1], np.median(found["members"]["rate"][:2]))
    assert "Rate and distortion" in html
    assert "total correlation" in html


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # so short a training learns nothing
def test_nothing_keeps_anybody_from_reading_the_page_of_a_sweep(folder, capsys, tmp_path):
    assert complaints(tmp_path, sweep(folder, capsys, tmp_path / "sweep", 20)[1]) == []


def test_training_that_learns_nothing_is_warned_of(folder, capsys, recwarn):
    words = [
        "fit",
        folder / "darcy.zarr",
        "-o",
        folder / "nothing",
        "--variables",
        "pressure",
        "--members",
        "2",
        "--steps",
        "100",
        "--learning-rate",
        "0.02",
        "--beta",
        "1e7",
        "--start",
        "pca",
    ]
    found = answer(capsys, words)
    assert found["over_regularised"] == ["yes", "yes"]
    assert any("2 of 2 members are over-regularised" in str(w.message) for w in recwarn)
