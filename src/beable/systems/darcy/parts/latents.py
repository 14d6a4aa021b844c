"""What members decode and where their latents lie: figures 13 to 17, 19 to 21, 23 and 24 of the source."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from beable.datasets.store import Store
from beable.metrics.context import score_in_context
from beable.metrics.disentanglement import s_d
from beable.metrics.information import kl_knn
from beable.report.planes import drawn_axes
from beable.report.sections import median_member
from beable.studies.context import Context
from beable.systems.darcy.parts.claims_of_latents import CLAIMS
from beable.systems.darcy.parts.members import Members, members
from beable.systems.darcy.parts.shown import Drawn, Fields, Gap, Latents
from beable.training.data import read
from beable.training.run import Run

Array = NDArray[np.float64]
ROTATIONS, NULLS, DRAWN = 500, 20, 512
#: turns of the best member's latents at which S_D is asked, in degrees
TURNS = tuple(range(0, 50, 5))


def latents(context: Context) -> Latents:
    """Every arm on its held-out rows."""
    arms = context.arms("judged")
    store = context.data_of(arms[0])
    runs = {arm.name: context.run(arm) for arm in arms if arm.kind == "vae"}
    judged = {arm.name: members(context, arm, runs.get(arm.name)) for arm in arms}
    theta = np.asarray(store.factor_values[next(iter(runs.values())).held_rows], np.float64)
    luck = score_in_context(s_d, theta, theta, rotations=ROTATIONS, repeats=2, level=0.9)
    stores = {arm.name: context.data_of(arm) for arm in arms}
    asked = context.option("gaps")
    figure = str(context.option("figure"))
    by_error = figure in BY_ERROR
    found = Latents(
        figure,
        judged,
        {name: _drawn(run, stores[name], judged[name], by_error=by_error) for name, run in runs.items()},
        {name: _gap(run, judged[name], theta) for name, run in runs.items()} if asked else {},
        theta,
        [factor.symbol for factor in store.factors],
        luck.ceiling,
        (luck.rotation.mean, luck.rotation.low, luck.rotation.high),
        turned(judged, theta),
        [],
    )
    return replace(found, claims=CLAIMS[figure](found))


#: figures of reconstructions, which show the member of median error
BY_ERROR = ("13", "16", "20")


def _drawn(run: Run, store: Store, found: Members, *, by_error: bool) -> Drawn:
    """The member to draw: of median error where reconstructions are shown, nearest the factors otherwise."""
    member = median_member(found.error) if by_error else int(found.angle.argmin())
    rows = run.train_rows[:DRAWN]
    q = run.encode(read(store, run.variables, rows, run.conditions))
    prior = run.sample(DRAWN)[member]
    wide = (np.asarray(a, np.float64) for a in (prior, q.mean[member], q.std[member], store.factor_values[rows]))
    return Drawn(member, _fields(run, store, member), *wide)


def _fields(run: Run, store: Store, member: int) -> Fields:
    """The first held-out row, and what a member makes of its posterior mean."""
    truth = read(store, run.variables, run.held_rows[:1], run.conditions)
    made = run.representation.inverse(run.locations(run.encode(truth).mean)[member])
    names, units, true, found = [], [], [], []
    for v in (v for v in store.variables if v.name in run.variables):
        for part in [()] if len(v.shape) == 2 else [(i,) for i in range(v.shape[0])]:
            names.append(v.name if not part else f"{v.name} {(v.components or 'xyz')[part[0]]}")
            units.append(v.unit)
            true.append(truth[v.name][0][part])
            found.append(made[v.name][0][part])
    x, y = drawn_axes(store, next(v for v in store.variables if v.name in run.variables))
    return Fields(names, units, *(np.asarray(a, np.float64) for a in (true, found, x, y)))


def _gap(run: Run, found: Members, theta: Array) -> Gap:
    rng = np.random.default_rng(0)
    z = found.codes + found.std * rng.normal(size=found.codes.shape)
    rows = z.shape[1]
    prior = [np.asarray(run.sample(rows, seed), np.float64) for seed in (1, 2)]
    null = [kl_knn(*_halves(run, rows, seed)) for seed in range(NULLS)]
    return Gap(
        np.array([kl_knn(q, p) for q, p in zip(z, prior[0], strict=True)]),
        float(max(null)),
        np.array([_from_factors(theta, q) for q in z]),
    )


def _halves(run: Run, rows: int, seed: int) -> tuple[Array, Array]:
    """Two samples of the first member's prior."""
    drawn = np.asarray(run.sample(2 * rows, 10 + seed)[0], np.float64)
    return drawn[:rows], drawn[rows:]


def _from_factors(theta: Array, z: Array) -> float:
    """D(p(θ) ‖ q(z)) at the best order and signs, neither scaled nor shifted."""
    orders = [(0, 1), (1, 0)] if z.shape[1] == 2 else [tuple(range(z.shape[1]))]
    signs = np.array(np.meshgrid(*[[1.0, -1.0]] * z.shape[1])).reshape(z.shape[1], -1).T
    return min(kl_knn(theta, z[:, list(order)] * sign) for order in orders for sign in signs)


def turned(arms: dict[str, Members], theta: Array) -> list[tuple[float, float]]:
    """S_D of the latents of the member nearest the factors, standardised, turned by ``TURNS``; nothing but for two."""
    best = min((m for m in arms.values() if m.trained), key=lambda m: float(m.angle.min()))
    z = best.codes[int(best.angle.argmin())]
    if z.shape[1] != 2:
        return []
    z = (z - z.mean(0)) / z.std(0)
    return [(float(turn), s_d(z @ _turn(turn), theta).score) for turn in TURNS]


def _turn(degrees: float) -> Array:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])
