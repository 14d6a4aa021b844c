"""How the members of an arm fared against the factors of its own data, beside the ceiling of their dependence."""

from collections.abc import Sequence
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.datasets.store import Store
from beable.metrics.disentanglement import s_d
from beable.metrics.separation import separation
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.training.data import Prepared, learnable, prepare, read
from beable.training.run import representation_choice, settled
from beable.training.settings import RunSettings
from beable.training.start import linear_starts

NEAR = 0.95  # share of the ceiling
CLOSE = 5.0  # degrees off the factors, which one random rotation of two factors in nine keeps within
METHODS = {
    "total-correlation": "β-TCVAE",
    "factor": "FactorVAE",
    "mmd": "InfoVAE",
    "hausdorff": "Hausdorff support",
}
STARTS = {"ica": "ICA start", "pca": "PCA start", "support": "support start", "random": "random start"}


class Fared(NamedTuple):
    """What became of one arm.

    Args:
        label: of the arm.
        data: name of its data set.
        law: of the factors, in words.
        method: what tells it from others.
        trained: whether it is a VAE, and not its start alone.
        ceiling: S_D of the factors against themselves on the rows judged.
        share: S_D of each member over the ceiling.
        angle: of each member off the factors, root mean square over latents, degrees; 90 where there is none.
        answers: whether each factor is in a latent of its own: yes, no, cannot be told.
        mark: angle that passes, degrees.
        error: relative squared error of each member: on training rows of a VAE, on the rows judged of a start alone.
        cpu_seconds: of all members.
    """

    label: str
    data: str
    law: str
    method: str
    trained: bool
    ceiling: float
    share: NDArray[np.float64]
    angle: NDArray[np.float64]
    answers: list[str]
    mark: float
    error: NDArray[np.float64]
    cpu_seconds: float

    @property
    def near(self) -> NDArray[np.bool_]:
        """Members near the ceiling whose latents are close to the factors.

        S_D alone would not do: with dependent factors some turned latents score above the ceiling.
        """
        return (self.share >= NEAR) & (self.angle <= CLOSE)

    @property
    def members(self) -> int:
        """How many."""
        return len(self.angle)

    def as_json(self) -> dict[str, Any]:
        """Every number; lists hold one a member."""
        return self._asdict() | {"near": self.near}


def fared(context: Context, arm: Arm) -> Fared:
    """An arm judged on the rows that it held out."""
    store, settings = context.data_of(arm), context.study.settings(arm)
    begun = process_time()
    if arm.kind == "linear":
        codes, rows, error = _linear(settings, store)
        spent = process_time() - begun
    else:
        codes, rows, error, spent = _trained(context, arm, store)
    factors = store.factor_values[rows]
    ceiling = s_d(factors, factors).score
    found = [separation(z, factors) for z in codes]
    return Fared(
        arm.label,
        arm.data or "data",
        law_words(store),
        _method(settings, arm.kind == "vae"),
        arm.kind == "vae",
        ceiling,
        np.array([s_d(z, factors).score for z in codes]) / ceiling,
        np.array([np.nan_to_num(s.angle, nan=90.0) for s in found]),
        [s.verdict.word for s in found],
        found[0].mark,
        error,
        spent,
    )


def _trained(
    context: Context, arm: Arm, store: Store
) -> tuple[Sequence[NDArray[np.floating]], NDArray[np.int64], NDArray[np.float64], float]:
    run = context.run(arm)
    snapshots = read(store, run.variables, run.held_rows, run.conditions)
    error = run.metadata["training_error"]
    return list(run.encode(snapshots).mean), run.held_rows, np.asarray(error, np.float64), run.cpu_seconds


def _linear(
    settings: RunSettings, store: Store
) -> tuple[Sequence[NDArray[np.floating]], NDArray[np.int64], NDArray[np.float64]]:
    data, settings = leading(settings, store)
    t, n = settings.training, settings.model.latents
    train, held = (part.values.reshape(len(part.values), -1).astype(np.float64) for part in (data.train, data.held))
    paths = [p for p in linear_starts(t.start, train, n, range(t.members), t.seed) if p is not None]
    codes = [(held - p.offset) @ p.forward for p in paths]
    spread = ((held - held.mean(0)) ** 2).sum()
    error = [((held - p.offset - z @ p.back) ** 2).sum() / spread for p, z in zip(paths, codes, strict=True)]
    return codes, data.held_rows, np.array(error)


def leading(settings: RunSettings, store: Store) -> tuple[Prepared, RunSettings]:
    """The coded rows that an arm would see, and its settings settled."""
    settings = settled(settings, store)
    names = learnable(store, settings.variables)
    return prepare(store, names, *representation_choice(settings), settings.training), settings


def law_words(store: Store) -> str:
    """The law of the factors in words.

    >>> from types import SimpleNamespace
    >>> law_words(SimpleNamespace(settings={"factors": "correlated-mixture", "sign_agreement": 0.8, "modes": 2}))
    'mixture, signs agree in 80 %'
    """
    s = store.settings
    if s["factors"] == "correlated-mixture":
        return f"mixture, signs agree in {100 * s['sign_agreement']:.0f} %"
    if s["factors"] == "correlated-gaussian":
        return f"normal, correlation {s['covariance'][0][1]:g}"
    return f"{s['factors']}, {s['modes']} factors"


def _method(settings: RunSettings, trained: bool) -> str:
    if not trained:
        return {"ica": "ICA alone", "pca": "PCA alone", "support": "support alone"}[settings.training.start]
    if settings.objective.regulariser is not None:
        return METHODS[settings.objective.regulariser.kind]
    if settings.model.quantised is not None:
        return "quantised latents"
    return STARTS.get(settings.training.start, settings.training.start)


def all_near(arms: Sequence[Fared]) -> tuple[int, int]:
    """Members near the ceiling over some arms, and all of them."""
    return sum(int(a.near.sum()) for a in arms), sum(a.members for a in arms)
