"""Laws that every metric of the list keeps: to be listed is to be tested."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from beable.errors import DataError
from beable.metrics import METRICS, score_in_context

ROWS = 240
LOWEST = {"s_d": 0.0, "s_r": 0.0, "s_kl": -np.inf, "mi_binned": -0.5, "mi_knn": -0.5}
HIGHEST = {"rotation_angle": 90.0, "s_kl": np.inf, "mi_binned": np.inf, "mi_knn": np.inf, "mi_gaussian": np.inf}
MONOTONE = {
    "mig", "mig_knn", "modularity", "infomec", "dci", "minimality_sufficiency", "beta_vae_score", "factor_vae_score",
    "irs", "mi_binned", "mi_knn",
}  # fmt: skip
LINEAR = {"s_r", "sap", "linear_matching", "udr", "mi_gaussian", "explicitness"}
BLIND_TO_PAIRING = {"s_kl"}
MOVED_BY_A_TWIN = {"mig", "mig_knn", "sap", "rotation_angle", "udr"}
WEIGHED_AGAIN_BY_A_TWIN = {"s_d", "s_r", "modularity", "irs"}
COSTLY = {"dci", "s_kl"}
#: as cheap as the laws allow, which hold for any number of trees, starts and classes; the first law asks the defaults
SMALL: dict[str, dict[str, int]] = {"dci": {"size": 2}, "s_kl": {"starts": 1}, "explicitness_auc": {"bins": 2}}
DRAWN = {"dci", "s_kl", "beta_vae_score", "factor_vae_score", "explicitness_auc", "explicitness", "infomec"}


def _mixture(n: int, p: int, draw: np.random.Generator) -> np.ndarray:
    return draw.choice([-1, 1], size=(n, p)) + 0.4 * draw.normal(size=(n, p))


def _labels(n: int, p: int, draw: np.random.Generator) -> np.ndarray:
    return draw.integers(0, 6, size=(n, p))


FACTORS = {"continuous": _mixture, "discrete": _labels}
every_metric = pytest.mark.parametrize("name", METRICS)
#: factors of both kinds; labels are spread anew for those that take long: with --slow
every_case = pytest.mark.parametrize(
    ("name", "kinds"),
    [
        *(pytest.param(name, ["continuous"] if name in COSTLY else list(FACTORS), id=name) for name in METRICS),
        *(pytest.param(name, ["discrete"], id=f"{name}-discrete", marks=pytest.mark.slow) for name in sorted(COSTLY)),
    ],
)


def factors(kind: str, n: int = ROWS, seed: int = 0) -> np.ndarray:
    return FACTORS[kind](n, 2, np.random.default_rng(seed))


def shuffled(v: np.ndarray, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).permutation(v)


def small(name: str) -> Any:
    return partial(METRICS[name], **SMALL.get(name, {}))


SCORES: dict[tuple[object, ...], float] = {}


def score(name: str, codes: np.ndarray, v: np.ndarray) -> float:
    """Computed once: scores repeat themselves, as the first law says, and many laws ask for the same ones."""
    key = (name, *((a.tobytes(), a.dtype, a.shape) for a in (codes, v)))
    if key not in SCORES:
        SCORES[key] = small(name)(codes, v).score
    return SCORES[key]


def slack(name: str, value: float) -> float:
    """What redrawn folds, trees and groups may change."""
    if name == "s_kl":
        return 0.15  # labels are spread anew, the minimum is searched anew
    return (0.06 if name in DRAWN else 1e-5) * max(1.0, abs(value))


@every_case
def test_record_opens_with_a_finite_score_and_repeats_itself(name: str, kinds: list[str]) -> None:
    for kind in kinds:
        v = factors(kind, n=60 if name in SMALL else ROWS)
        found = METRICS[name](v, v)
        assert found._fields[0] == "score"
        assert isinstance(found.score, float)
        assert np.isfinite(found.score)
        again = METRICS[name](v, v).score if name in SMALL else score(name, v, v)
        assert again == found.score


@every_case
def test_in_range(name: str, kinds: list[str]) -> None:
    for kind in kinds:
        v = factors(kind)
        turned = v @ np.array([[0.8, -0.6], [0.6, 0.8]])
        for codes in (v, shuffled(v), turned, np.hstack([v, shuffled(v)])):
            assert LOWEST.get(name, 0.0) <= score(name, codes, v) <= HIGHEST.get(name, 1.0)


@every_case
def test_invariant_to_order_sign_scale_and_shift_of_latents(name: str, kinds: list[str]) -> None:
    for kind in kinds:
        v = factors(kind)
        expected = score(name, v, v)
        assert score(name, v[:, ::-1] * [-1.0, 1.0], v) == pytest.approx(expected, abs=slack(name, expected))
        assert score(name, v * [1e-3, 50.0] + [7.0, -2.0], v) == pytest.approx(expected, abs=slack(name, expected))


@every_metric
def test_unit_of_a_factor_changes_only_s_d(name: str) -> None:
    v = factors("continuous")
    codes = v @ np.array([[0.9, -0.4], [0.4, 0.9]])
    expected, scaled = score(name, codes, v), score(name, codes, v * [1.0, 100.0])
    if name == "s_d":
        assert scaled > expected + 0.1
    else:
        assert scaled == pytest.approx(expected, abs=slack(name, expected))


@pytest.mark.parametrize("name", sorted(MONOTONE))
def test_monotone_rescaling_changes_nothing(name: str) -> None:
    for kind in FACTORS:
        v = factors(kind)
        codes = v + 0.1 * np.random.default_rng(3).normal(size=v.shape)
        assert score(name, np.exp(codes), v) == pytest.approx(score(name, codes, v), abs=1e-6)


@pytest.mark.parametrize("name", sorted(LINEAR))
def test_monotone_rescaling_changes_linear_metrics(name: str) -> None:
    changes = []
    for seed in range(5):
        v = np.random.default_rng(seed).normal(size=(ROWS, 2))
        changes.append(abs(score(name, np.exp(2 * v), v) - score(name, v, v)))
    assert np.mean(changes) > 0.01


@every_case
def test_order_of_rows_changes_nothing(name: str, kinds: list[str]) -> None:
    for kind in kinds:
        v = factors(kind)
        codes = v + 0.1 * np.random.default_rng(3).normal(size=v.shape)
        order = np.random.default_rng(4).permutation(ROWS)
        expected = score(name, codes, v)
        assert score(name, codes[order], v[order]) == pytest.approx(expected, abs=2 * slack(name, expected))


@every_case
def test_dead_latent_changes_nothing(name: str, kinds: list[str]) -> None:
    for kind in kinds:
        v = factors(kind)
        expected = score(name, v, v)
        dead = np.column_stack([v[:, 0], np.full(ROWS, 0.1), v[:, 1]])
        assert score(name, dead, v) == pytest.approx(expected, abs=slack(name, expected))


@every_metric
def test_all_latents_dead_is_no_knowledge(name: str) -> None:
    v = factors("continuous")
    if name == "s_kl":
        with pytest.raises(DataError, match="live latents"):
            score(name, np.zeros_like(v), v)
        return
    none = score(name, np.zeros_like(v), v)
    worst = {"rotation_angle": 90.0, "s_d": 0.5, "s_r": 0.5, "explicitness_auc": 0.5, "beta_vae_score": 0.5}.get(
        name, 0.0
    )
    assert none == pytest.approx(worst, abs=0.1)


@every_case
def test_constant_factor_is_left_out(name: str, kinds: list[str]) -> None:
    for kind in kinds:
        v = factors(kind)
        codes = v + 0.1 * np.random.default_rng(3).normal(size=v.shape)
        more = np.column_stack([np.full(ROWS, 2.5), v])
        assert score(name, codes, more) == score(name, codes, v)


@every_case
def test_duplicated_latent(name: str, kinds: list[str]) -> None:
    for kind in kinds:
        v = factors(kind)
        expected, twin = score(name, v, v), score(name, np.column_stack([v, v[:, 0]]), v)
        if name in MOVED_BY_A_TWIN:
            assert twin != expected
        else:
            tolerance = 0.05 if name in WEIGHED_AGAIN_BY_A_TWIN else slack(name, expected)
            assert twin == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("name", sorted(MONOTONE | {"s_kl"}))
def test_one_outlier_row_changes_little(name: str) -> None:
    for kind in FACTORS:
        v = factors(kind)
        codes = v.astype(float)
        codes[17, 0] = 1e4
        expected = score(name, v, v)
        tolerance = 0.2 if name == "irs" else 0.08  # of five seeds the worst are 0.13 and 0.05
        assert score(name, codes, v) == pytest.approx(expected, abs=tolerance * max(1.0, abs(expected)))


@pytest.mark.parametrize("name", sorted(LINEAR))
def test_one_outlier_row_ruins_linear_metrics(name: str) -> None:
    """On the average of five seeds: with one of them s_r keeps 0.98 of its score."""
    kept = []
    for seed in range(5):
        v = factors("continuous", seed=seed)
        codes = v.copy()
        codes[17, 0] = 1e4
        kept.append(score(name, codes, v) / score(name, v, v))
    assert np.mean(kept) < 0.9


@every_case
def test_precision_changes_nothing(name: str, kinds: list[str]) -> None:
    for kind in kinds:
        v = factors(kind)
        codes = v + 0.1 * np.random.default_rng(3).normal(size=v.shape)
        expected = score(name, codes, v)
        single = score(name, codes.astype(np.float32), v.astype(np.float32) if kind == "continuous" else v)
        assert single == pytest.approx(expected, abs=1e-3 * max(1.0, abs(expected)))


@every_case
def test_ten_rows_do(name: str, kinds: list[str]) -> None:
    for kind in kinds:
        v = factors(kind, n=10)
        assert LOWEST.get(name, 0.0) <= score(name, v, v) <= HIGHEST.get(name, 1.0)


@every_case
def test_one_latent_and_one_factor(name: str, kinds: list[str]) -> None:
    for kind in kinds:
        v = factors(kind)
        if name == "s_kl":
            with pytest.raises(DataError, match="live latents"):
                score(name, v[:, :1], v)
        else:
            assert LOWEST.get(name, 0.0) <= score(name, v[:, :1], v) <= HIGHEST.get(name, 1.0)
        if name in {"beta_vae_score", "factor_vae_score"}:
            with pytest.raises(DataError, match="only one factor"):
                score(name, v, v[:, :1])
        elif name in {"dci", "infomec"}:
            assert np.isnan(score(name, v, v[:, :1]))
        else:
            assert LOWEST.get(name, 0.0) <= score(name, v, v[:, :1]) <= HIGHEST.get(name, 1.0)


@every_metric
def test_inputs_are_left_alone(name: str) -> None:
    v = factors("continuous")
    codes = shuffled(v)
    kept = codes.copy(), v.copy()
    small(name)(codes, v)
    assert np.array_equal(codes, kept[0])
    assert np.array_equal(v, kept[1])


BAD = {
    "one row less": (lambda v: (v[:-1], v), "rows"),
    "one-dimensional": (lambda v: (v[:, 0], v), "table"),
    "three-dimensional": (lambda v: (v[None], v), "table"),
    "no columns": (lambda v: (v[:, :0], v), "no columns"),
    "NaN in codes": (lambda v: (np.where(np.arange(len(v))[:, None] == 5, np.nan, v), v), "codes.*first row 5"),
    "infinity in factors": (
        lambda v: (v, np.where(np.arange(len(v))[:, None] == 7, np.inf, v)),
        "factors.*first row 7",
    ),
    "three rows": (lambda v: (v[:3], v[:3]), "at least"),
    "constant factors": (lambda v: (v, np.ones_like(v)), "constant"),
    "words": (lambda v: (v.astype(str), v), "real numbers"),
    "complex": (lambda v: (v, v + 1j), "real numbers"),
}


@every_metric
def test_bad_input_is_named_in_one_line(name: str) -> None:
    for make, words in BAD.values():
        with pytest.raises(DataError, match=words) as caught:
            METRICS[name](*make(factors("continuous")))
        assert "\n" not in str(caught.value)


@every_metric
def test_context_of_a_perfect_and_of_an_independent_code(name: str) -> None:
    few = name in COSTLY | {"explicitness_auc"}
    p, repeats, others = (2, 4, 1) if few else (2 if name == "infomec" else 3, 9, 8)
    v = _mixture(120, p, np.random.default_rng(5))
    codes = v[:, ::-1] * np.array([-2.0, 3.0, 1.0])[:p]
    perfect = score_in_context(small(name), codes, v, repeats=repeats, rotations=2)
    useless = np.mean([small(name)(_mixture(120, p, np.random.default_rng(6 + i)), v).score for i in range(others)])
    null = perfect.permutation
    assert perfect.score == pytest.approx(perfect.ceiling, abs=slack(name, perfect.ceiling))
    if name in BLIND_TO_PAIRING:
        assert null.values.min() - 0.3 <= useless <= null.values.max() + 0.3
    else:
        assert abs(useless - null.mean) < 0.5 * abs(perfect.score - null.mean)  # as by chance
        assert not null.values.min() <= perfect.score <= null.values.max()
