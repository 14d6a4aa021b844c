"""Where along the β axis latents die, against trained models, linear and not."""

import numpy as np
import pytest

from beable.analysis.collapse import (
    beta_of_sums,
    collapse_thresholds,
    measured_threshold,
    of_eigenvalues,
    scaled,
    spread_of_thresholds,
)
from beable.datasets.store import Store
from beable.errors import DataError, UsageError
from beable.training.run import train
from beable.training.settings import RunSettings

TO_THE_LAST = {"patience": None, "keep": "last", "records": 2}
COLUMNS, LATENTS, ROWS = 5, 2, 400


EIGENVALUES = np.array([0.2, 0.1, 0.04, 0.02, 0.01])


def correlated(seed=0, rows=ROWS):
    """Columns whose covariance has exactly these eigenvalues, whatever the seed, bounded as a table's are."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(COLUMNS, COLUMNS)))[0]
    bounded = rng.uniform(-1, 1, (rows, COLUMNS))
    bounded -= bounded.mean(0)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(bounded.T, bias=True)), bounded.T).T
    return white * np.sqrt(EIGENVALUES) @ turn.T


# The theory


@pytest.mark.parametrize(("mse", "kl", "factor"), [
    ("sum", "sum", 1.0), ("mean", "mean", LATENTS / COLUMNS), ("mean", "sum", 1 / COLUMNS), ("sum", "mean", LATENTS),
])  # fmt: skip
def test_thresholds_are_twice_the_eigenvalues_times_the_factor_of_the_reductions(mse, kl, factor):
    x = correlated()
    λ = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    found = collapse_thresholds(x, LATENTS, "none", mse=mse, kl=kl)
    assert found.betas == pytest.approx(2 * λ[:LATENTS] * factor)
    assert found.collapse == found.betas[0]
    assert beta_of_sums(found.collapse, mse=mse, kl=kl, columns=COLUMNS, latents=LATENTS) == pytest.approx(2 * λ[0])


def test_rate_and_error_minimise_the_loss():
    """Of all linear VAEs with independent latents the predicted rates have the lowest loss."""
    found = of_eigenvalues([0.5, 0.3, 0.1], 2)
    β = 0.4
    rates = found.rates(β)
    loss = found.squared_error(β) + β * rates.sum()

    def other(r):
        return (np.array([0.5, 0.3]) * np.exp(-2 * r)).sum() + 0.1 + β * r.sum()

    assert loss == pytest.approx(other(rates))
    for change in ((0.1, 0), (-0.1, 0), (0, 0.1), (0, -0.1), (0.05, -0.05)):
        assert other(np.maximum(rates + change, 0)) > loss


def test_the_ends_of_the_axis():
    found = of_eigenvalues([0.5, 0.3, 0.1], 2)
    assert np.isinf(found.rates(0.0)).all()
    assert found.squared_error(0.0) == pytest.approx(0.1)
    assert found.squared_error(1.0) == pytest.approx(0.9)
    assert found.rates([0.6, 1.0, 5.0])[:, 0].tolist() == [pytest.approx(0.5 * np.log(1 / 0.6)), 0.0, 0.0]
    assert found.active([0.5, 0.7, 1.0]).tolist() == [2, 1, 0]


@pytest.mark.parametrize("scaling", ["range", "maximum", "deviation"])
def test_scalings_do_what_they_say_and_ignore_units(scaling):
    x = correlated() + 2.0
    y = scaled(x, scaling)
    size = {"range": np.ptp(y, axis=0), "maximum": np.abs(y).max(0), "deviation": y.std(0)}[scaling]
    assert size == pytest.approx(np.ones(COLUMNS))
    a, b = (collapse_thresholds(given, 2, scaling).betas for given in (x, x * [1e3, 1, 1e-3, 7, 1]))
    assert a == pytest.approx(b)
    assert collapse_thresholds(x * [1e3, 1, 1e-3, 7, 1], 2, "none").collapse > 1e3 * a[0]


def test_a_stated_beta_says_little_without_scaling_and_reduction():
    found = spread_of_thresholds(correlated() + 2.0, LATENTS)
    every = [beta for each in found.values() for beta in each.values()]
    assert max(every) / min(every) > 50


@pytest.mark.numerical
@pytest.mark.parametrize("seed", range(5))
def test_a_latent_without_variance_is_never_in_use_however_its_eigenvalue_rounds(seed):
    """Shares of a whole sum to one, so that their covariance has an eigenvalue of zero."""
    shares = np.random.default_rng(seed).dirichlet([2, 3, 4], size=ROWS)
    found = collapse_thresholds(shares, 3, "none")
    assert found.eigenvalues[2] == 0
    assert found.active([0.0, 1e-20, 1e-6]).tolist() == [2, 2, 2]
    assert found.rates([0.0, 1.0])[:, 2].tolist() == [0, 0]


@pytest.mark.parametrize("scaling", ["range", "deviation"])
def test_a_column_that_changes_by_rounding_alone_cannot_be_scaled(scaling):
    x = correlated()
    x[:, 1] = 0.1 + 1e-17 * (np.arange(ROWS) % 3)
    assert np.ptp(x[:, 1]) > 0
    with pytest.raises(DataError, match="column 1 is constant"):
        collapse_thresholds(x, 2, scaling)


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: collapse_thresholds(correlated(), 2, "rnge"), UsageError, "did you mean 'range'"),
    (lambda: collapse_thresholds(correlated(), 2, mse="men"), UsageError, "did you mean 'mean'"),
    (lambda: collapse_thresholds(correlated(), 6), UsageError, "latents must be"),
    (lambda: collapse_thresholds(np.ones((9, 2)), 1), DataError, "column 0 is constant"),
    (lambda: beta_of_sums(1.0, columns=0), UsageError, "at least 1"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


# Measured thresholds


def test_a_threshold_is_measured_between_two_betas():
    found = measured_threshold([1, 1, 2, 2, 3, 3], [[9, 0], [0, 8], [0.2, 0], [0.1, 0], [0.01, 0.02], [0, 0]])
    assert found.rate.tolist() == [8.5, pytest.approx(0.15), 0.01]
    assert (found.alive, found.dead) == (2.0, 3.0)
    assert [found.brackets(t) for t in (1.9, 2.5, 3.0, 3.1)] == [False, True, True, False]
    always = measured_threshold([1, 2], [[1.0], [1.0]])
    assert np.isnan(always.dead)
    assert always.brackets(9.0)
    never = measured_threshold([1, 2], [[0.0], [0.0]])
    assert np.isnan(never.alive)
    assert (never.dead, never.brackets(0.5), never.brackets(1.5)) == (1.0, True, False)


# Trained models

BETAS = (0.05, 0.17, 0.23, 0.36, 0.44, 1.0)


def trained(folder, x, depth, steps, rate, start, betas=BETAS):
    store = Store.from_arrays(folder / "data", {"columns": x.astype(np.float32)}, dims={"columns": ["column"]})
    settings = RunSettings.model_validate({
        "variables": ["columns"],
        "representation": {"kind": "modes", "scaling": "none", "energy": 1.0},
        "model": {"latents": LATENTS, "width": 16, "depth": depth, "activation": "relu", "variance": "fixed",
                  "sigma": np.sqrt(0.5)},
        "objective": {"beta": {"kind": "constant", "beta": list(betas)}},
        "training": {"members": len(betas), "steps": steps, "batch": None, "start": start, "held_out": 10,
                     **TO_THE_LAST,
                     "learning_rate": rate},
    })  # fmt: skip
    run = train(store, folder / "run", settings)
    return run, {"columns": store.read("columns", run.train_rows)}


@pytest.fixture(scope="module", params=[0, 1], ids=["linear", "network"])
def depth(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(depth, tmp_path_factory):
    rows, *how = (ROWS, 250, 2e-2, "pca") if depth else (600, 300, 0.12, "random")
    return trained(tmp_path_factory.mktemp("fitted"), correlated(rows=rows), depth, *how)


def test_trained_models_lose_their_latents_where_the_theory_says(fitted, depth):
    run, rows = fitted
    theory = collapse_thresholds(rows["columns"], LATENTS, "none")
    rates = np.sort(run.score(rows).rate.mean(1), axis=1)[:, ::-1]
    expected = theory.rates(np.array(BETAS))
    assert rates == pytest.approx(expected, abs=0.02 if depth == 0 else 0.1)  # at six seeds 0.008 and 0.034
    for latent in range(LATENTS):
        found = measured_threshold(BETAS, rates, level=0.02, latent=latent)
        assert found.brackets(theory.at_rate(0.02)[latent])
        assert not found.brackets(2 * theory.betas[latent])
        assert not found.brackets(theory.betas[latent] / 2)  # as if β were β/2


def test_error_and_spread_of_trained_models_are_those_of_the_theory(fitted, depth):
    run, rows = fitted
    theory = collapse_thresholds(rows["columns"], LATENTS, "none")
    constant = 0.5 * COLUMNS * np.log(np.pi)
    error = np.mean([run.score(rows, seed=seed).distortion.mean(1) for seed in range(5)], axis=0) - constant
    assert error == pytest.approx(theory.squared_error(np.array(BETAS)), abs=0.01 if depth == 0 else 0.03)
    assert error != pytest.approx(theory.squared_error(np.array(BETAS) / 2), abs=0.03)
    spread = np.array([each["columns"].var(0).sum() for each in run.decode(run.encode(rows).mean)])
    assert spread[-1] < 1e-3 < 0.1 < spread[0]
