"""Scores of codes that practitioners use: neighbours, and the likelihood of a mixture of normals."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from beable.analysis.anomaly import FITTED
from beable.metrics.anomaly import roc_auc


def test_neighbours_are_the_mean_distance_to_the_nearest_rows():
    line = np.arange(10.0)[:, None]
    score = FITTED["neighbours"](line, 1, 0)
    assert score(np.array([[0.0], [20.0]])) == pytest.approx([4.5, 15.5])


@pytest.mark.numerical
def test_a_mixture_of_one_law_ranks_as_its_density_does():
    rng = np.random.default_rng(0)
    scale = np.array([3.0, 1.0, 0.1, 0.1])
    score = FITTED["mixture"](rng.normal(size=(800, 4)) * scale, 2, 0)
    x = rng.normal(size=(400, 4)) * scale
    assert spearmanr(score(x), np.square(x / scale).sum(axis=1)).statistic > 0.95


@pytest.mark.parametrize("name", ["neighbours", "mixture"])
def test_rows_between_two_lumps_are_odd_though_a_covariance_says_ordinary(name):
    rng = np.random.default_rng(0)
    lumps = rng.normal(size=(600, 2)) * 0.3 + rng.choice([-3.0, 3.0], (600, 1))
    ordinary, odd = lumps[:200], rng.normal(size=(200, 2)) * 0.3
    scores = {n: FITTED[n](lumps[200:], 2, 0) for n in (name, "mahalanobis")}
    assert roc_auc(scores[name](ordinary), scores[name](odd)).score > 0.99
    assert roc_auc(scores["mahalanobis"](ordinary), scores["mahalanobis"](odd)).score < 0.4
