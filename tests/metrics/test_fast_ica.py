"""Independent components beside those of scikit-learn."""

from contextlib import nullcontext

import numpy as np
import pytest
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning

from beable.metrics.fast_ica import fast_ica


@pytest.mark.parametrize(("columns", "steps", "rests"), [(2, 500, True), (5, 500, True), (5, 2, False)])
def test_they_are_those_of_scikit_learn(columns, steps, rests):
    rng = np.random.default_rng(columns)
    values = rng.uniform(size=(300, columns))
    white = np.linalg.svd(values - values.mean(0), full_matrices=False)[0] * np.sqrt(300)
    seed = int(np.random.default_rng(1).integers(2**31))
    ica = FastICA(whiten=False, random_state=seed, max_iter=steps, tol=1e-5)
    with nullcontext() if rests else pytest.warns(ConvergenceWarning):
        ica.fit(white)
    turn, converged = fast_ica(white, np.random.default_rng(1), steps, 1e-5)
    assert converged is rests
    np.testing.assert_allclose(turn, ica.components_.T, rtol=0, atol=1e-9)
