"""Slow coordinates: our time-lagged start is deeptime's TICA, and what latents remember is said beside it."""

import json

import numpy as np
import pytest

from beable import RunSettings, Store, train
from beable.analysis import slowness as slow
from beable.analysis.evaluation import evaluate
from beable.commands import cli
from beable.training.slow import slow_directions

LAG, ROWS = 5, 600
MEMORY = (0.98, 0.9, 0.4)


def signals(seed=0):
    """Independent processes x' = a x + noise of unit variance, whose autocorrelation after K rows is a to the K."""
    rng = np.random.default_rng(seed)
    x = np.zeros((ROWS, len(MEMORY)))
    for t in range(1, ROWS):
        x[t] = MEMORY * x[t - 1] + np.sqrt(1 - np.square(MEMORY)) * rng.normal(size=len(MEMORY))
    return x


def mixed(seed=0):
    """The processes in an array of ten numbers, the slow ones the smallest."""
    return signals(seed) * (0.3, 1.0, 3.0) @ np.random.default_rng(1).normal(size=(3, 10)) + 2


def pairs(rows=ROWS):
    return np.stack([np.arange(rows - LAG), np.arange(LAG, rows)], axis=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slow")
    store = Store.from_arrays(folder / "mixed.zarr", {"u": mixed()})
    settings = {"model": {"latents": 2}, "training": {"members": 2, "steps": 5, "lag": LAG, "blocks": 8}}
    return store, train(store, folder / "run", RunSettings.model_validate(settings))


def test_the_lagged_start_is_tica_of_deeptime():
    decomposition = pytest.importorskip("deeptime.decomposition")
    x, apart = mixed(), pairs()
    found = slow_directions(x, apart, 3)
    model = decomposition.TICA(lagtime=LAG, dim=3, scaling=None).fit((x[:-LAG], x[LAG:])).fetch_model()
    np.testing.assert_allclose(found.memory, model.singular_values[:3], rtol=1e-6)
    ours, theirs = x @ found.directions, model.transform(x)
    r = [abs(np.corrcoef(ours[:, i], theirs[:, i])[0, 1]) for i in range(3)]
    np.testing.assert_allclose(r, 1, atol=1e-6)


def test_rows_out_of_order_make_another_start():
    pytest.importorskip("deeptime")
    x, apart = mixed(), pairs()
    shuffled = x[np.random.default_rng(3).permutation(ROWS)]
    found, other = slow_directions(x, apart, 1), slow_directions(shuffled, apart, 1)
    r = np.corrcoef(x @ found.directions[:, 0], x @ other.directions[:, 0])[0, 1]
    assert found.memory[0] > 0.8
    assert other.memory[0] < 0.3
    assert abs(r) < 0.99


def test_autocorrelations_and_timescales_are_those_of_the_processes():
    memory = slow.memories(np.concatenate([signals(s) for s in range(20)]), np.concatenate(
        [pairs() + ROWS * s for s in range(20)]
    ))  # fmt: skip
    np.testing.assert_allclose(memory, np.power(MEMORY, LAG), atol=0.04)
    np.testing.assert_allclose(slow.timescales(np.power(MEMORY, LAG), LAG), -1 / np.log(MEMORY))
    assert np.isnan(slow.timescales(np.array([-0.2, 0.0, np.nan]), LAG)).all()


def test_a_run_with_a_lag_says_what_its_latents_remember_beside_tica(trained):
    pytest.importorskip("deeptime")
    store, run = trained
    found = evaluate(run, store).slow
    assert found.held_out
    assert found.lag == LAG
    assert found.memory.shape == (2, 2)
    assert found.tica.correlation.shape == (2, 2, 2)
    assert found.tica.memory[0] > found.tica.memory[1] > 0.2
    assert found.tica.correlation[:, 0, 0].min() > 0.9


def test_what_is_judged_is_said(trained, tmp_path):
    store, run = trained
    few = run.held_rows[::7]
    assert not slow.slowness(run, store, few).held_out
    other = Store.from_arrays(tmp_path / "other.zarr", {"u": store.read("u")[::-1]})
    found = slow.slowness(run, other, other.valid_rows)
    assert found.pairs == ROWS - LAG
    assert found.tica is None
    assert slow.slowness(run, other, few) is None


def test_without_deeptime_there_is_a_sentence(trained, monkeypatch, tmp_path):
    from beable.report.run import run_page

    monkeypatch.setattr(slow, "find_spec", lambda name: None)
    store, run = trained
    evaluation = evaluate(run, store)
    assert evaluation.slow.tica is None
    section = next(s for s in run_page(run, store, evaluation, "t", "c").sections if s.title == "Slow coordinates")
    assert "beable[md]" in section.text[0]


def test_the_verbs_show_it(trained, capsys):
    pytest.importorskip("deeptime")
    store, _ = trained
    folder = store.path.parent
    assert cli.run(["evaluate", str(folder / "run"), str(store.path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["slow"]
    assert told["lag"] == LAG
    assert len(told["tica"]["memory"]) == 2
    assert cli.run(["report", str(folder / "run"), str(store.path), "-o", str(folder / "r.html")]) == 0
    assert "TICA 1" in (folder / "r.html").read_text()


def test_a_run_without_a_lag_says_nothing(tmp_path):
    store = Store.from_arrays(tmp_path / "mixed.zarr", {"u": mixed()[:60]})
    run = train(store, tmp_path / "run", RunSettings.model_validate({"training": {"members": 1, "steps": 2}}))
    assert evaluate(run, store).slow is None
