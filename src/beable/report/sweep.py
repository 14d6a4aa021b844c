"""The report of a sweep over beta: rate against distortion, what the rate is made of, the linear limit beside it."""

from typing import NamedTuple

import matplotlib.figure
import numpy as np
from numpy.typing import NDArray

from beable.analysis.rate_distortion import RateDistortion, gaussian_curve
from beable.console.numbers import number
from beable.datasets.store import Store
from beable.report.figures.style import BLUE, GREEN, GREY, ORANGE, WIDTH, style
from beable.report.page import Cell, Figure, Page, Section, Table
from beable.report.sections import data_section, provenance
from beable.training.data import code_rows
from beable.training.run import Run

FloatArray = NDArray[np.floating]
CURVE_POINTS = 200


class Limit(NamedTuple):
    """The curve of a linear VAE on normal data with the same covariance.

    Args:
        rate: in nats.
        squared_error: sum over all outputs.
    """

    rate: FloatArray
    squared_error: FloatArray


class Band(NamedTuple):
    """One beta over its seeds: median and range.

    Args:
        beta: of the evidence lower bound.
        rate, squared_error: lowest, median and highest.
        active: fewest and most active latents.
    """

    beta: float
    rate: tuple[float, float, float]
    squared_error: tuple[float, float, float]
    active: tuple[int, int]


def bands(curve: RateDistortion) -> list[Band]:
    """The spread over seeds for each beta, by rising beta."""
    return [_band(curve, curve.beta == beta, float(beta)) for beta in np.unique(curve.beta)]


def _band(curve: RateDistortion, at: NDArray[np.bool_], beta: float) -> Band:
    active = curve.active[at]
    return Band(beta, _spread(curve.rate[at]), _spread(curve.squared_error[at]), (int(active.min()), int(active.max())))


def _spread(values: FloatArray) -> tuple[float, float, float]:
    return float(values.min()), float(np.median(values)), float(values.max())


def linear_limit(run: Run, store: Store) -> Limit:
    """The closed form for the covariance of the training rows, with as many latents as the run has."""
    coded = code_rows(store, run.variables, run.train_rows, run.representation, run.conditions)
    values = coded.values.reshape(len(coded.values), -1).astype(np.float64)
    eigenvalues = np.linalg.eigvalsh(np.cov(values.T, bias=True).reshape(values.shape[1], -1))[::-1].clip(0)
    used = eigenvalues[: run.settings.model.latents]
    rest = eigenvalues[len(used) :].sum() + coded.residual_energy.sum(1).mean()
    water = np.geomspace(used[0] * 1e-8, used[0], CURVE_POINTS)
    found = gaussian_curve(used, 1.0, water)
    return Limit(found.rate, found.squared_error + rest)


def rate_distortion_figure(curve: RateDistortion, limit: Limit) -> matplotlib.figure.Figure:
    """Squared error against rate: a dot a member, the hull, and the linear limit."""
    with style():
        figure = matplotlib.figure.Figure(figsize=(WIDTH, 3.6))
        axes = figure.subplots()
        shown = limit.rate < 1.3 * max(float(curve.rate.max()), 1.0)
        axes.plot(limit.rate[shown], limit.squared_error[shown], color=GREEN, linewidth=1.2, label="linear limit")
        order = np.argsort(curve.rate)
        hull = np.isin(order, curve.hull)
        axes.plot(curve.rate[order][hull], curve.squared_error[order][hull], color=GREY, linewidth=0.8, label="hull")
        axes.plot(curve.rate, curve.squared_error, "o", color=BLUE, markersize=4, alpha=0.7, markeredgewidth=0)
        for band in bands(curve):
            axes.annotate(f"{band.beta:g}", (band.rate[1], band.squared_error[1]), (4, 4), color=ORANGE, fontsize=7,
                          textcoords="offset points")  # fmt: skip
        axes.set_yscale("log")
        axes.set_xlabel("rate (nats)")
        axes.set_ylabel("squared error of all outputs")
        axes.legend(frameon=False, fontsize=8)
    return figure


def sweep_page(run: Run, store: Store, curve: RateDistortion, title: str, command: str) -> Page:
    """The page of a sweep."""
    figure = rate_distortion_figure(curve, linear_limit(run, store))
    caption = (
        "Every member: squared error of all outputs (in the units of the code) against rate. Numbers are beta. Green: "
        "the closed form of a linear VAE on normal data with the same covariance; a bent model may go below it."
    )
    return Page(
        title,
        f"{run.members} members over {len(np.unique(curve.beta))} values of beta, measured on rows held out.",
        [
            Section("Rate and distortion", [], [Figure(figure, caption, "Squared error against rate."), _table(curve)]),
            data_section(store, [int(r) for r in run.held_rows[:2]]),
        ],
        provenance(store, command, {"the sweep": run}),
    )


def _table(curve: RateDistortion) -> Table:
    columns = ["beta", "rate", "squared error", "active", "I(y; z)", "TC", "rest"]
    rows = [_row(curve, band) for band in bands(curve)]
    caption = (
        "Medians over seeds, in nats; active latents from fewest to most. The rate is mutual information, which N rows "
        "cannot show above log N, total correlation TC of the aggregate posterior, and the rest."
    )
    return Table(caption, columns, rows, "rrrrrrr")


def _row(curve: RateDistortion, band: Band) -> list[Cell | str]:
    at = curve.beta == band.beta
    split = [number(np.median(part[at])) for part in curve.split]
    fewest, most = band.active
    active = str(fewest) if fewest == most else f"{fewest} to {most}"
    return [number(band.beta), number(band.rate[1]), number(band.squared_error[1]), active, *split]
