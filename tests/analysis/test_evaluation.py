"""Latents of members against the factors of a data set: what is answered where little can be told."""

import numpy as np
import pytest

from beable.analysis.evaluation import disentanglement
from beable.datasets.store import Store


def judged(folder, codes, factors, known=()):
    columns = {n: factors[:, i] for i, n in enumerate("abcde"[: factors.shape[1]])}
    fields = {"u": np.random.default_rng(0).normal(size=(len(factors), 4))}
    folder.mkdir(exist_ok=True)
    store = Store.from_arrays(folder / "rows.zarr", fields, factors=columns, missing="keep")
    return disentanglement(codes[None], codes[None], store, np.arange(len(factors)), known)


def turned(θ, degrees):
    a = np.radians(degrees)
    θ = (θ - θ.mean(0)) / θ.std(0)
    return θ @ np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])


def test_pure_and_turned_latents(tmp_path):
    θ = np.random.default_rng(0).uniform(size=(60, 2))
    found = judged(tmp_path / "a", θ[:, ::-1], θ)
    assert found.disentangled[0].answer is True
    assert found.angle == pytest.approx([0.0], abs=1e-3)
    assert found.s_d_chance < found.s_d_ceiling
    other = judged(tmp_path / "b", turned(θ, 40), θ)
    assert other.disentangled[0].answer is False
    assert "it holds other factors too" in other.as_json()["disentangled_because"][0]


def test_a_score_near_a_ceiling_that_lies_below_chance_is_no_answer(tmp_path):
    """Correlated factors and one latent with both: the score is above 0.95 of its ceiling, and the answer is no."""
    r = np.random.default_rng(1)
    θ = r.multivariate_normal([0, 0], [[1, 0.81], [0.81, 1]], 100)
    found = judged(tmp_path / "a", np.column_stack([θ.sum(1), r.normal(size=100)]), θ)
    assert found.s_d[0] >= 0.95 * found.s_d_ceiling
    assert found.s_d_chance > found.s_d_ceiling
    assert found.disentangled[0].answer is False


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        (np.arange(48.0)[:, None] % 3 == np.array([1, 2]), "3 different settings"),
        (np.column_stack([np.arange(48.0), np.ones(48)]), "only a varies"),
        (np.ones((48, 2)), "no factor varies"),
        (np.arange(48.0)[:, None], "only a varies"),
        (np.random.default_rng(0).uniform(size=(5, 2)), "5 rows: at least 9"),
        (np.random.default_rng(0).uniform(size=(2, 2)), "2 rows: at least 9"),
    ],
)
def test_what_cannot_be_told_is_said_with_its_reason(tmp_path, factors, words):
    codes = np.random.default_rng(2).normal(size=(len(factors), 2))
    found = judged(tmp_path / "a", codes, factors.astype(float))
    assert found.disentangled[0].answer is None
    assert words in found.disentangled[0].reason
    assert found.as_json()["disentangled"] == ["cannot be told"]


@pytest.mark.parametrize(("known", "answer"), [(40, True), (5, None), (0, None)])
def test_rows_of_which_a_factor_is_not_known_are_left_out_by_its_name(tmp_path, known, answer):
    θ = np.random.default_rng(0).uniform(size=(60, 2))
    told = θ.copy()
    told[known:, 1] = np.nan
    found = judged(tmp_path / "a", θ, told)
    assert found.disentangled[0].answer is answer
    assert found.disentangled[0].reason.endswith(f"b is known in {known} of 60 rows")


def test_factors_that_the_model_is_told_are_not_asked_for(tmp_path):
    θ = np.random.default_rng(3).uniform(size=(60, 3))
    assert judged(tmp_path / "a", θ[:, :2], θ, known=["c"]).disentangled[0].answer is True
    assert judged(tmp_path / "b", θ[:, :2], θ).disentangled[0].answer is False
    assert judged(tmp_path / "c", θ[:, :2], θ, known=["a", "b", "c"]) is None
