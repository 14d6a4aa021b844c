"""How far the latents of every member of an arm are turned from the factors, at which noise of the outputs."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.analysis.levels import over_regularised
from beable.metrics.alignment import rotation_angle
from beable.metrics.separation import separation
from beable.studies.context import Context
from beable.studies.study import Arm
from beable.training.data import read

Floats = NDArray[np.float64]
AXIS, DIAGONAL = 10.0, 35.0


class Turns(NamedTuple):
    """What became of the members of one arm.

    Args:
        label: of the arm.
        prior: its name.
        data: name of the data set.
        angle: of the best rotation from the factors to the latents in degrees, (members).
        fit: share of the latents that a rotation of the factors explains, (members).
        disentangled, over_regularised: "yes", "no" or "cannot be told", one a member.
        sigma: deviation of the outputs in their own unit, geometric mean over them, median over members.
        width: deviation of the posterior over that of all latents, median over members.
        steps: of the training.
        cpu_seconds: of all members together.
        restarted: how often each member was started again.
    """

    label: str
    prior: str
    data: str
    angle: Floats
    fit: Floats
    disentangled: list[str]
    over_regularised: list[str]
    sigma: float
    width: float
    steps: int
    cpu_seconds: float
    restarted: list[int]

    @property
    def found(self) -> int:
        """Members whose latents are the factors."""
        return self.disentangled.count("yes")

    @property
    def members(self) -> int:
        return len(self.disentangled)

    @property
    def share(self) -> tuple[int, int]:
        """Members whose latents are the factors, of how many."""
        return self.found, self.members

    @property
    def share_near(self) -> tuple[int, int]:
        """Members at most 10 degrees from the factors, as one sees them in a scatter plot, of how many."""
        return self.near_axes, self.members

    @property
    def near_axes(self) -> int:
        """Members at most 10 degrees from the factors."""
        return int((self.angle < AXIS).sum())

    @property
    def near_diagonal(self) -> int:
        """Members within 10 degrees of the diagonal between two factors."""
        return int((self.angle > DIAGONAL).sum())


def turns(context: Context, arm: Arm) -> Turns:
    """An arm on the rows that it held out; whether it is over-regularised on those that it was trained on."""
    run, store = context.run(arm), context.data_of(arm)
    held = read(store, run.variables, run.held_rows, run.conditions)
    codes, factors = run.encode(held), store.factor_values[run.held_rows]
    spread = np.maximum(codes.mean.std(1), np.finfo(np.float32).tiny)
    judged = [rotation_angle(z, factors) for z in codes.mean]
    over = over_regularised(run, read(store, run.variables, run.train_rows, run.conditions))
    return Turns(
        arm.label,
        run.settings.model.prior,
        arm.data or "data",
        np.array([r.score for r in judged], np.float64),
        np.array([r.fit for r in judged], np.float64),
        [separation(z, factors).verdict.word for z in codes.mean],
        [v.word for v in over],
        float(np.median(np.exp(0.5 * run.vae.decoder.output_log_variance.detach().mean(-1).numpy()))),
        float(np.median(codes.std.mean(1) / spread)),
        int(run.metadata["steps"]),
        run.cpu_seconds,
        run.restarted,
    )


def all_turns(context: Context, role: str) -> dict[str, Turns]:
    """The arms in a role by name."""
    return {arm.name: turns(context, arm) for arm in context.arms(role)}
