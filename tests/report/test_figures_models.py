"""Figures of latent spaces, anomalies, sweeps and parity."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from beable.metrics.anomaly import roc_auc
from beable.report.figures.parity import parity
from beable.report.figures.style import PALETTE, WIDTH
from beable.report.figures.sweeps import rate_distortion, sweep
from beable.systems.lennard_jones.figures.anomalies import auc_by_size, roc_curves
from beable.systems.lennard_jones.figures.latents import accuracies, confusion, latent_maps

RNG = np.random.default_rng(13)
GAMMA = np.tile([0.1, 0.4, 0.7, 1.0], 200)
Z = np.stack([10 * GAMMA, 0 * GAMMA], axis=1) + RNG.normal(size=(800, 2))
COUNTS = np.array([[9.0, 1], [2, 8]])
S = RNG.normal(size=300)
SCORES = {"distortion": {"normal": S, "uniform": S + 2, "γ = 3": S - 1}, "rate": {"normal": S, "uniform": S + 1}}
SIZES = np.array([0.1, 0.3, 1.0, 2.8])
AUC = np.array([0.5, 0.7, 0.9, 1.0])
SWEEP = np.array([2.0, 10, 40])
ERROR = np.array([1.2, 0.6, 0.3])

FIGURES = {
    "many levels": lambda: confusion(np.eye(11), [f"level {i}" for i in range(11)]),
    "many settings": lambda: sweep({"a": (np.arange(1.0, 40), np.arange(39.0))}, "x", "y"),
    "levels": lambda: latent_maps({"a": Z, "b": 2 * Z}, GAMMA, "γ", {"a": "20 %", "b": "30 %"}),
    "confusion": lambda: confusion(COUNTS, ["0.1", "0.4"], "γ"),
    "accuracies": lambda: accuracies({"a": (0.8, 0.7, 0.9), "b": (0.3, 0.2, 0.3)}, ceiling=0.825, chance=0.25),
    "roc": lambda: roc_curves(SCORES),
    "auc": lambda: auc_by_size(SIZES, {"rate": (AUC, AUC - 0.1, AUC), "energy": (AUC, AUC, AUC)}),
    "sweep": lambda: sweep({"a": (SWEEP, ERROR), "b": (SWEEP, np.stack([ERROR, 2 * ERROR], 1))}, "latents", "RMSE (σ)",
                           source={"a": (SWEEP[:1], ERROR[:1])}, levels={"PCA": 0.2}),
    "rate": lambda: rate_distortion({"a": (SWEEP, ERROR)}, notes={"a": SWEEP}, source={"b": (SWEEP, ERROR)}),
    "parity": lambda: parity({"energy (ε)": (S, S + RNG.normal(size=300))}),
}  # fmt: skip


DEGENERATE = {
    "one code": lambda: latent_maps({"a": Z[:1]}, GAMMA[:1], "γ", {"a": ""}),
    "collapsed codes": lambda: latent_maps({"a": 0 * Z}, GAMMA, "γ", {"a": ""}),
    "one level": lambda: confusion(np.ones((1, 1)), ["a"]),
    "a level without rows": lambda: confusion(COUNTS * [[1], [0]], ["a", "b"]),
    "one accuracy": lambda: accuracies({"a": (1.0, 1.0, 1.0)}),
    "roc of equal scores": lambda: roc_curves({"a": {"normal": np.ones(9), "b": np.ones(9)}}),
    "roc of infinite scores": lambda: roc_curves({"a": {"normal": S, "b": np.full(9, np.inf)}}),
    "one row against one": lambda: roc_curves({"a": {"normal": S[:1], "b": S[:1] + 1}}),
    "one size": lambda: auc_by_size(SIZES[:1], {"a": (AUC[:1], AUC[:1], AUC[:1])}),
    "size zero": lambda: auc_by_size(SIZES - 0.1, {"a": (AUC, AUC, AUC)}),
    "one setting": lambda: sweep({"a": (SWEEP[:1], ERROR[:1])}, "x", "y"),
    "zero error": lambda: sweep({"a": (SWEEP, 0 * ERROR)}, "x", "y"),
    "equal rates": lambda: rate_distortion({"a": (np.ones(3), np.zeros(3))}),
    "constant truth": lambda: parity({"a": (np.ones(5), np.arange(5.0))}),
    "one row": lambda: parity({"a": (np.ones(1), np.ones(1))}),
}


@pytest.mark.parametrize("name", FIGURES | DEGENERATE)
def test_every_figure_draws_without_a_warning_at_the_page_s_width(name: str) -> None:
    figure = (FIGURES | DEGENERATE)[name]()
    if name in DEGENERATE:  # the same panels and words as above, whose arrangement is tried there
        figure.set_layout_engine("none")
    figure.draw_without_rendering()
    assert isinstance(figure, Figure)
    assert figure.get_size_inches()[0] <= WIDTH + 1e-9


# what is shown


def test_each_level_has_its_ellipse_of_two_standard_deviations() -> None:
    axes = latent_maps({"a": Z}, GAMMA, "γ", {"a": ""}).axes[0]
    z = (Z - Z.mean(0)) / np.sqrt(Z.var(0).mean())
    ellipses = [patch for patch in axes.patches if isinstance(patch, Ellipse)]
    for ellipse, level in zip(ellipses, np.unique(GAMMA), strict=True):
        inside = z[level == GAMMA]
        assert ellipse.center == pytest.approx(inside.mean(0))
        size = 4 / np.sqrt(Z.var(0).mean())
        assert sorted([ellipse.width, ellipse.height]) == pytest.approx([size, size], rel=0.15)
        reach = ellipse.get_patch_transform().inverted().transform(inside)
        assert np.mean(np.linalg.norm(reach, axis=1) < 1) == pytest.approx(0.865, abs=0.05)


@pytest.mark.parametrize("period", [2, 4])
def test_thinning_keeps_every_level_of_rows_in_a_cycle(period: int) -> None:
    values = np.tile(np.arange(period), 18_000 // period)
    dots = latent_maps({"a": RNG.normal(size=(18_000, 2))}, values, "γ", {"a": ""}).axes[0].collections[0]
    colours, counts = np.unique(dots.get_facecolor(), axis=0, return_counts=True)
    assert len(colours) == period
    assert counts.min() > 0.8 * counts.max()


def test_confusions_are_shares_of_the_true_level() -> None:
    axes = confusion(np.array([[30.0, 10], [1, 0]]), ["a", "b"], "γ").axes[0]
    assert [text.get_text() for text in axes.texts] == ["75", "25", "100", "0"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert axes.get_ylabel().startswith("true γ")


def test_accuracies_stand_beside_chance_and_ceiling() -> None:
    axes = accuracies({"a": (0.81, 0.80, 0.82)}, ceiling=0.825, chance=0.25).axes[0]
    assert {float(line.get_xdata()[0]) for line in axes.lines} == {0.825, 0.25}
    assert axes.patches[0].get_width() == pytest.approx(0.81)
    assert axes.collections[0].get_segments()[0][:, 0] == pytest.approx([0.80, 0.82])


def test_roc_curves_carry_their_area_and_its_interval() -> None:
    figure = roc_curves(SCORES)
    found = roc_auc(S, S + 2)
    said = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert said[0] == f"uniform: {found.score:.2f} ({found.low:.2f}–{found.high:.2f})"
    x, y = figure.axes[0].lines[1].get_data()
    assert np.trapezoid(y, x) == pytest.approx(found.score, abs=0.005)
    assert np.trapezoid(*figure.axes[0].lines[2].get_data()[::-1]) < 0.5
    assert figure.axes[1].lines[1].get_color() == figure.axes[0].lines[1].get_color() == PALETTE[0]


def test_sizes_over_a_decade_are_logarithmic_with_their_own_ticks() -> None:
    axes = auc_by_size(SIZES, {"rate": (AUC, AUC - 0.1, AUC)}).axes[0]
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.1", "0.3", "1", "2.8"]
    bars = axes.collections[0].get_segments()
    assert np.stack(bars)[:, :, 1] == pytest.approx(np.stack([AUC - 0.1, AUC], 1))


def test_a_sweep_joins_medians_and_sets_the_source_beside_them_hollow() -> None:
    members = np.stack([ERROR, 2 * ERROR, 30 * ERROR], axis=1)
    axes = sweep({"a": (SWEEP[::-1], members[::-1])}, "latents", "RMSE (σ)", source={"a": (SWEEP, ERROR)}).axes[0]
    line = next(line for line in axes.lines if line.get_linestyle() == "-")
    assert line.get_xdata() == pytest.approx(SWEEP)
    assert line.get_ydata() == pytest.approx(2 * ERROR)
    (hollow,) = (line for line in axes.lines if line.get_marker() == "s")
    assert (hollow.get_markerfacecolor(), hollow.get_markeredgecolor()) == ("white", PALETTE[0])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "10", "40"]


def test_rates_are_joined_by_rising_rate_with_their_notes() -> None:
    axes = rate_distortion({"a": (SWEEP[::-1], ERROR[::-1])}, notes={"a": np.array([1.0, 4, 0.25])}).axes[0]
    assert axes.lines[0].get_xdata() == pytest.approx(SWEEP)
    assert {text.get_text(): text.xy[0] for text in axes.texts} == {"1": 40, "4": 10, "0.25": 2}


@pytest.mark.parametrize(("shift", "said"), [(0.0, "R² 1.00\nbias 0"), (-2.0, "R² 0.50\nbias −2")])
def test_parity_says_how_well_and_how_biased(shift: float, said: str) -> None:
    x = np.sqrt(8) * np.array([-1.0, 1, -1, 1])
    assert parity({"energy": (x, x + shift)}).axes[0].texts[0].get_text() == said


@pytest.mark.parametrize("word", [r"_名前 $\frac$", "x" * 300])
def test_names_are_words_whatever_stands_in_them(word: str) -> None:
    for figure in (
        confusion(COUNTS, [word, word]),
        accuracies({word: (0.5, 0.4, 0.6)}, ceiling=0.8, ceiling_name=word),
        roc_curves({word: {"normal": S, word: S}}),
        auc_by_size(SIZES, {word: (AUC, AUC, AUC)}, size_label=word, label=word),
        sweep({word: (SWEEP, ERROR)}, word, word, source={word: (SWEEP, ERROR)}, levels={word: 0.1}),
        parity({word: (S, S)}, truth=word, made=word),
    ):
        if len(word) > 100:  # which could leave no room
            figure.get_layout_engine().execute(figure)
        else:
            figure.set_layout_engine("none")
            figure.draw_without_rendering()
