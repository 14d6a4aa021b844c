r"""How long the latents of a run remember, beside time-lagged independent components (TICA) of deeptime.

Over pairs of rows that lie a lag K apart in one trajectory, a centred quantity x has the autocorrelation and the
implied timescale, in rows,

.. math:: \lambda = \frac{\langle x_t x_{t+K} \rangle}{\tfrac12 \langle x_t^2 + x_{t+K}^2 \rangle}, \qquad
        t = -\frac{K}{\ln \lambda} .

TICA is fitted on the training rows and judged on the same pairs as the latents. It looks at the same principal
components of the codes as the start of the training does.

M. Hoffmann et al., Mach. Learn.: Sci. Technol. 3, 015009 (2022), for deeptime.
"""

from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.checks import library
from beable.console.records import readable
from beable.datasets.store import Store
from beable.errors import DataError
from beable.records import fields, plain
from beable.training.data import held
from beable.training.run import Run
from beable.training.slow import Pairs, leading, pairs_apart

FloatArray = NDArray[np.floating]


@readable
class Components(NamedTuple):
    """Time-lagged independent components of deeptime, the slowest first.

    Args:
        memory: their autocorrelation at the lag, (components).
        timescale: the implied one, in rows, (components); NaN where nothing is remembered.
        correlation: of each with each latent, without its sign, (members, components, latents).
    """

    memory: FloatArray
    timescale: FloatArray
    correlation: FloatArray


@readable
class Slowness(NamedTuple):
    """What latents of a run with a lag remember.

    Args:
        lag: K, in rows.
        pairs: how many pairs of rows were judged.
        held_out: whether training saw none of these rows; where too few held-out rows lie a lag apart, all are judged.
        memory: autocorrelation of each latent at the lag, (members, latents).
        timescale: the implied one, in rows, (members, latents); NaN where nothing is remembered.
        tica: as many components of deeptime; None where deeptime is not installed, or the rows judged are those of
            another data set or lack numbers.
    """

    lag: int
    pairs: int
    held_out: bool
    memory: FloatArray
    timescale: FloatArray
    tica: Components | None

    def as_json(self) -> dict[str, Any]:
        """Every number, ready for JSON."""
        return plain(fields(self))


def slowness(run: Run, store: Store, rows: NDArray[np.int64]) -> Slowness | None:
    """What the latents of a run remember over its lag.

    Args:
        run: a finished training.
        store: the data set of the training, or one with the same variables.
        rows: numbers of the rows to judge.

    Returns:
        None for a training without a lag, and where too few rows lie a lag apart.
    """
    if (lag := run.settings.training.lag) is None:
        return None
    own = store.id == run.metadata["store"]
    judged, pairs, few = _judged(store, rows, lag, run.settings.training.group, own)
    if pairs is None:
        return None
    snapshots = held(store, run.variables, judged, run.conditions)
    z = run.encode(snapshots).mean
    memory = np.array([memories(member, pairs) for member in z])
    return Slowness(
        lag,
        len(pairs),
        not few,
        memory,
        timescales(memory, lag),
        _components(run, store, judged, pairs, z) if own and find_spec("deeptime") else None,
    )


def _judged(
    store: Store, rows: NDArray[np.int64], lag: int, groups: tuple[str, ...], own: bool
) -> tuple[NDArray[np.int64], Pairs | None, bool]:
    """Rows with pairs that lie a lag apart: those given, or all of the run's own where these have too few."""
    for some in (rows, store.valid_rows) if own else (rows,):
        try:
            return some, pairs_apart(store, some, lag, groups), some is not rows
        except DataError:
            continue
    return rows, None, False


def memories(x: FloatArray, pairs: Pairs) -> FloatArray:
    """Autocorrelation of each column over pairs of rows; NaN for one at rest.

    Args:
        x: (rows, columns).
        pairs: places of rows a lag apart, (pairs, 2).

    >>> t = np.arange(40)
    >>> memories(np.stack([np.cos(np.pi * t / 2), t % 2], axis=1), np.stack([t[:-4], t[4:]], axis=1)).round(6).tolist()
    [1.0, 1.0]
    """
    one, two = (x[pairs[:, i]].astype(np.float64) for i in (0, 1))
    centre = (one.mean(0) + two.mean(0)) / 2
    one, two = one - centre, two - centre
    size = (one**2 + two**2).mean(0) / 2
    memory: FloatArray = np.divide((one * two).mean(0), size, out=np.full_like(size, np.nan), where=size > 0)
    return memory


def timescales(memory: FloatArray, lag: int) -> FloatArray:
    """Implied timescales of autocorrelations at a lag; NaN where nothing is remembered, infinite where all is.

    >>> timescales(np.array([np.exp(-0.5), -0.1]), 5).tolist()
    [10.0, nan]
    """
    known = np.where(memory > 0, np.minimum(memory, 1.0), np.nan)
    with np.errstate(divide="ignore"):
        return np.asarray(-lag / np.log(known))


def _components(run: Run, store: Store, judged: NDArray[np.int64], pairs: Pairs, z: FloatArray) -> Components | None:
    """Components of the training rows, judged on pairs of others; None for rows that lack numbers."""
    lag, latents = run.settings.training.lag, run.settings.model.latents
    seen, others = (run.coded(held(store, run.variables, rows)) for rows in (run.train_rows, judged))
    if lag is None or seen.gaps is not None or others.gaps is not None:
        return None
    learned, codes = (coded.values.reshape(len(coded.values), -1).astype(np.float64) for coded in (seen, others))
    apart = pairs_apart(store, run.train_rows, lag, run.settings.training.group)
    found = tica(learned, apart, codes, lag, latents)
    memory = memories(found, pairs)
    return Components(memory, timescales(memory, lag), np.array([_correlations(found, member) for member in z]))


def tica(learned: FloatArray, apart: Pairs, codes: FloatArray, lag: int, components: int) -> FloatArray:
    """The slowest components of deeptime of some rows, as others have them, (rows, components).

    Args:
        learned: codes of the rows that they are fitted on, (rows, m).
        apart: places of those that lie a lag apart, (pairs, 2).
        codes: of the other rows, (rows, m).
        lag: K, in rows.
        components: how many.
    """
    decomposition = library("deeptime.decomposition", "md")
    centre, axes = leading(learned, apart, components)
    one, two = ((learned[apart[:, i]] - centre) @ axes.T for i in (0, 1))
    model = decomposition.TICA(lagtime=lag, dim=components, scaling=None).fit((one, two)).fetch_model()
    return np.asarray(model.transform((codes - centre) @ axes.T))


def _correlations(components: FloatArray, z: FloatArray) -> FloatArray:
    """Correlations without their sign, (components, latents); 0 for what is at rest."""
    x, y = (_standardised(values.astype(np.float64)) for values in (components, z))
    correlations: FloatArray = np.abs(x.T @ y) / len(x)
    return correlations


def _standardised(x: FloatArray) -> FloatArray:
    spread = x.std(0)
    standardised: FloatArray = (x - x.mean(0)) / np.where(spread > 0, spread, np.inf)
    return standardised
