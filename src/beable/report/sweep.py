"""The report of a sweep over beta: rate against distortion, what the rate is made of, the linear limit beside it."""

from typing import NamedTuple

import matplotlib.figure
import numpy as np
from numpy.typing import NDArray

from beable.analysis.rate_distortion import RateDistortion, gaussian_curve
from beable.console.numbers import number
from beable.datasets.store import Store
from beable.report.figures.style import BLUE, GREEN, GREY, panel_grid, style
from beable.report.page import Figure, Fold, Page, Section, Table
from beable.report.sections import data_section, history_section, made_by, provenance
from beable.training.data import code_rows
from beable.training.run import Run

FloatArray = NDArray[np.floating]
CURVE_POINTS = 200
NEARLY = 0.98  # of what so many rows can show


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
    """Error and rate against beta, and error against rate with the hull of all members and the linear limit."""
    with style():
        figure, panels = panel_grid(1, 3, 2.7)
        error, rate, plane = panels[0]
        positive = curve.beta > 0
        for axes, values, name in ((error, curve.squared_error, "squared error"), (rate, curve.rate, "rate (nats)")):
            axes.plot(
                curve.beta[positive], values[positive], "o", color=BLUE, markersize=3.5, alpha=0.7, markeredgewidth=0
            )
            axes.set_xscale("log")
            axes.set_xlabel("β")
            axes.set_ylabel(name)
        error.set_yscale("log")
        shown = limit.rate < 1.3 * max(float(curve.rate.max()), 1.0)
        plane.plot(limit.rate[shown], limit.squared_error[shown], color=GREEN, linewidth=1.2, label="linear limit")
        order = np.argsort(curve.rate)
        hull = np.isin(order, curve.hull)
        plane.plot(curve.rate[order][hull], curve.squared_error[order][hull], color=GREY, linewidth=0.8, label="hull")
        plane.plot(curve.rate, curve.squared_error, "o", color=BLUE, markersize=3.5, alpha=0.7, markeredgewidth=0)
        plane.set_yscale("log")
        plane.set_xlabel("rate (nats)")
        plane.set_ylabel("squared error")
        plane.legend(frameon=False, fontsize=8)
    return figure


def sweep_page(run: Run, store: Store, curve: RateDistortion, title: str, command: str) -> Page:
    """The page of a sweep."""
    figure = rate_distortion_figure(curve, linear_limit(run, store))
    caption = (
        "Every member: squared error of all outputs (in the units of the code) and rate against β, and one against the "
        "other. Green: the closed form of a linear VAE on normal data with the same covariance; a bent model may go "
        "below it."
    )
    few, *rest = _tables(curve)
    return Page(
        title,
        sweep_answer(curve),
        f"{run.members} members over {len(np.unique(curve.beta))} values of β, {run.metadata['steps']:,} steps, "
        f"measured on {len(run.held_rows):,} rows held out.",
        [Figure(figure, caption, sweep_answer(curve)), few],
        [
            Section(
                "What the rate is made of", [_parts_words(curve, len(run.held_rows))], [], [Fold("By β", [], rest)]
            ),
            history_section(run),
            data_section(store, [int(r) for r in run.held_rows[:2]]),
        ],
        provenance(store, made_by(run, command), {"the sweep": run}),
    )


def sweep_answer(curve: RateDistortion) -> str:
    """How many latents carry how much, and beyond which beta none is left."""
    found = bands(curve)
    alive = [band for band in found if band.active[1] > 0]
    dead = [band for band in found if band.active[1] == 0]
    if not alive:
        return f"No latent carries anything, at any β from {number(found[0].beta)} on."
    most, least = max(band.rate[1] for band in alive), min(band.rate[1] for band in alive)
    latents = max(band.active[1] for band in alive)
    carry = f"{number(least)} to {number(most)}" if number(least) != number(most) else number(most)
    who = "1 latent carries" if latents == 1 else f"Up to {latents} latents carry"
    words = f"{who} {carry} nats up to β = {number(alive[-1].beta)}"
    if alive[-1].active[0] == 0:
        words += ", where some members keep none"
    beyond = [band for band in dead if band.beta > alive[-1].beta]
    return words + (f"; from β = {number(beyond[0].beta)} on none is left." if beyond else ", the largest tried.")


def _parts_words(curve: RateDistortion, rows: int) -> str:
    """What the split of the rate says, and its limit."""
    most = max(float(np.median(curve.split[0][curve.beta == band.beta])) for band in bands(curve))
    limit = float(np.log(rows))
    if most > NEARLY * limit:
        return (
            f"Mutual information of rows and latents: at least {number(limit)} nats, all that {rows:,} rows can show."
        )
    near = f"{number(most)} nats at most, of the {number(limit)} that {rows:,} rows can show"
    return f"Mutual information of rows and latents: {near}."


def _tables(curve: RateDistortion) -> list[Table]:
    """Rate, error and active latents by beta; then the parts of the rate."""
    found = bands(curve)
    first = [[number(b.beta), _with_range(b.rate), _with_range(b.squared_error), _active(b)] for b in found]
    columns = ["β", "rate (nats)", "squared error", "active latents"]
    over = "; median over members, and range" if len(curve.beta) > len(found) else ""
    split = [[number(b.beta), *(number(np.median(part[curve.beta == b.beta])) for part in curve.split)] for b in found]
    caption = (
        "The rate in parts, in nats: mutual information of rows and latents, which N rows cannot show above log N; "
        "total correlation of the aggregate posterior; its distance from the prior latent by latent."
    )
    parts = ["β", "mutual information", "total correlation", "rest"]
    return [
        Table(f"Rate and error by β, on rows held out{over}.", columns, first, "rrrr"),
        Table(caption, parts, split, "rrrr"),
    ]


def _with_range(values: tuple[float, float, float]) -> str:
    low, middle, high = map(number, values)
    return middle if low == high else f"{middle} ({low} to {high})"


def _active(band: Band) -> str:
    fewest, most = band.active
    return str(fewest) if fewest == most else f"{fewest} to {most}"
