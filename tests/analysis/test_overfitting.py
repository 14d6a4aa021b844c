"""Learning by heart is told from learning nothing, and the kept parameters are the best ones."""

import json
import re
import warnings

import numpy as np
import pytest

from beable.analysis.collapse import rate_hurts
from beable.analysis.overfitting import overfitting, warning
from beable.commands import cli
from beable.datasets.store import Store
from beable.training.run import Run

RECORDS = 50


def history(held, train, beta=None):
    """A history of one member from its distortions."""
    beta = np.ones(len(held)) if beta is None else beta
    named = {"held/distortion": held, "train/distortion": train, "beta": beta}
    return {"step": 10 * np.arange(1, len(held) + 1)} | {n: np.asarray(v, float)[:, None] for n, v in named.items()}


def course(seed, least=10, rise=0.0, fall=1.0, noise=0.5):
    """Both fall until a record; then held-out distortion rises and that of training rows falls, by so much a record."""
    rng, after = np.random.default_rng(seed), np.maximum(np.arange(RECORDS) - least, 0)
    first = 5.0 * np.maximum(least - np.arange(RECORDS), 0)
    noises = noise * rng.normal(size=(2, RECORDS))
    return history(first + rise * after + noises[0], first - fall * after + noises[1])


def answer(told):
    return overfitting(told).verdicts[0].answer


@pytest.mark.parametrize(
    ("rise", "fall", "expected"),
    [(1.0, 1.0, True), (0.0, 1.0, False), (0.0, 0.0, False), (-1.0, 1.0, False), (1.0, -1.0, False)],
)
def test_over_fitting_is_a_rise_of_held_out_rows_while_training_rows_fall(rise, fall, expected):
    """The last case, both rise, is a training that leaves its minimum: it does not learn by heart."""
    assert {answer(course(seed, rise=rise, fall=fall)) for seed in range(30)} == {expected}


def test_records_that_only_scatter_do_not_over_fit():
    """Thirty trainings at rest. The least of noisy records, the twin, is always below those after it."""
    told = [course(seed, least=0, rise=0.0, fall=0.0) for seed in range(30)]
    assert [answer(one) for one in told] == [False] * 30
    risen = [one["held/distortion"][-5:].mean() > one["held/distortion"].min() for one in told]
    assert risen == [True] * 30


def test_a_beta_that_rises_is_no_over_fitting():
    """Held-out distortion rises with beta; records before its last value, the twin, would count as the best."""
    beta = np.minimum(np.arange(RECORDS) / 20, 1.0)
    held = np.where(np.arange(RECORDS) < 20, 10.0 + np.arange(RECORDS), 30.0)
    train = -np.arange(RECORDS, dtype=float)
    assert answer(history(held, train, beta)) is False
    assert answer(history(held, train)) is True


def test_of_few_records_it_cannot_be_told():
    assert answer(history([1.0, 2.0, 3.0], [3.0, 2.0, 1.0])) is None
    assert answer(history([1.0, *[np.nan] * 9], [1.0] * 10)) is None


def test_the_warning_says_what_rose_from_where_to_where():
    found = overfitting(history([20, 10, *range(11, 29)], range(20, 0, -1)))
    line = warning(found, [20], modes=True)
    assert line is not None
    assert "\n" not in line
    assert re.search(r"1 of 1 members over-fit \(0\), from step 20 on: .* rose from 10 to 28 .* from 19 to 1;", line)
    assert "--energy" in line
    assert "--energy" not in (warning(found, [20], modes=False) or "")
    assert warning(overfitting(course(0)), [0], modes=True) is None


@pytest.mark.parametrize(
    ("active", "error", "training", "linear", "expected"),
    [
        (0, 1.0, 1.0, None, True),
        (2, 1.0, 1.0, 0.3, True),
        (2, 1.01, 0.02, None, False),  # over-fitted, or rows of another unit
        (0, 1.01, 0.5, None, False),
        (2, 0.5, 0.4, None, False),
        (2, 1.0, None, None, None),
        (2, 1.0, 1.0, 0.999, None),  # two directions of many hold next to nothing
        (2, float("nan"), 1.0, None, None),
    ],
)
def test_lower_beta_is_advised_only_where_the_rate_hurts(active, error, training, linear, expected):
    assert rate_hurts(active, error, training, linear).answer is expected


def wake(rows, nodes, seed=0):
    """Velocity of a street of vortices at any phase; their spacing is the second factor."""
    rng = np.random.default_rng(seed)
    phase, spacing = rng.uniform(0, 1, rows), rng.uniform(1.2, 2.0, rows)
    x, y = np.meshgrid(np.linspace(0, 8, nodes[0]), np.linspace(-2, 2, nodes[1]), indexing="ij")
    velocity = np.zeros((rows, 2, *nodes), np.float32)
    for k in range(14):
        place = (k // 2 + 0.5 * (k % 2) + phase) * spacing
        strength = (-1) ** k * np.minimum(place, 2.0) / 2
        across, along = y - 0.35 * (-1) ** k, x - place[:, None, None]
        square = along**2 + across**2
        swirl = strength[:, None, None] * -np.expm1(-square / 0.15) / np.maximum(square, 1e-9)
        velocity += np.stack([-swirl * across, swirl * along], 1)
    return velocity


def error_of_modes(velocity, run, count=2):
    """Relative error of so many modes of the training rows on held-out rows."""
    trained, held = (velocity[rows].reshape(len(rows), -1).astype(float) for rows in (run.train_rows, run.held_rows))
    mean = trained.mean(0)
    energies, sides = np.linalg.eigh((trained - mean) @ (trained - mean).T)
    modes = (sides[:, -count:] / np.sqrt(energies[-count:])).T @ (trained - mean)
    left = held - mean - (held - mean) @ modes.T @ modes
    return (left**2).sum() / ((held - held.mean(0)) ** 2).sum()


def fitted(tmp_path, velocity, words):
    """A run by the command line on the velocity, and the warnings on the way."""
    store = Store.from_arrays(tmp_path / "wake.zarr", {"velocity": velocity})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert cli.run(["fit", str(store.path), "-o", str(tmp_path / "run"), *words.split()]) == 0
    return Run.load(tmp_path / "run"), " / ".join(str(w.message) for w in caught)


def test_a_wake_of_few_rows_is_kept_as_it_was_before_it_over_fits_and_is_said_to(tmp_path):
    """Trained to the last step, such wakes had larger errors than two modes, and a lower beta was advised.

    Whether so few rows end below two modes is a matter of the seed; of rows enough it is asked below.
    """
    velocity = wake(100, (24, 12))
    velocity += np.random.default_rng(1).normal(scale=0.3, size=velocity.shape).astype(np.float32)
    run, told = fitted(tmp_path, velocity, "--latents 2 --members 2 --steps 400 --set training.learning_rate=0.01")
    assert run.metadata["steps"] < 400
    kept = [int(np.flatnonzero(run.history["step"] == step)[0]) for step in run.metadata["kept_steps"]]
    held = run.history["held/distortion"]
    assert (held[kept, range(2)] < held[-1]).all()
    assert "2 of 2 members over-fit (0, 1)" in told
    assert "more rows, fewer modes (--energy 0.999" in told
    assert "beta" not in told


def test_too_high_a_beta_is_still_told(tmp_path, capsys):
    _, told = fitted(tmp_path, wake(60, (24, 12)), "--latents 2 --members 2 --steps 120 --beta 10000")
    assert "2 of 2 members are over-regularised (0, 1)" in told
    assert "lower --beta" in told
    assert "over-fit" not in told


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_wake_of_400_rows_of_60000_numbers_with_two_latents(tmp_path, capsys):
    velocity = wake(400, (200, 150))
    velocity += np.random.default_rng(1).normal(scale=0.1, size=velocity.shape).astype(np.float32)
    run, told = fitted(tmp_path, velocity, "--latents 2 --members 4 --json")
    errors = json.loads(capsys.readouterr().out)["test_relative_error"]
    two_modes = error_of_modes(velocity, run)
    assert np.median(errors) < 0.9 * two_modes
    assert max(errors) < 1.02 * two_modes
    assert "over-fit" in told
