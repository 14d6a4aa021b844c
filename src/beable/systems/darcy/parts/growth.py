"""Does a dense network of larger growth learn more, and converge less often? Figure 4 of the source, at a smaller size.

The number of parameters of the source's network follows from its shapes alone and is counted without making it.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from beable.console.numbers import number
from beable.studies.claims import DIFFERS, REPRODUCED, UNTOLD, Claim
from beable.studies.context import Context
from beable.systems.darcy.parts.members import Members, members
from beable.training.run import Run
from beable.vae.dense import DenseShape
from beable.vae.distributions import Noise
from beable.vae.priors import make_prior

#: fields of the source, growths of its study, its stated counts, and readings with five blocks that come near them
FIELDS, GROWTHS, STATED, ADDED = (3, 65, 65), (1, 2, 4, 8, 16), 800_000, 0.048
FIVE = ((3, 4, 6, 4, 3), (4, 4, 4, 4, 4))
NEAR = 0.05
WIDE, RANKS = 1.96, 1.03  # of an interval of a rank correlation (Fieller 1957)


@dataclass(frozen=True)
class Growth:
    """Networks of several growths, and the small network on modes.

    Args:
        arms: members by growth.
        trained: parameters of a member trained here, by growth.
        full: parameters of the source's network by growth.
        five: those of readings with five blocks.
        prior: parameters that the hierarchical prior adds, as coded and as stated.
        seconds: CPU seconds a member, by growth.
        modes, modes_parameters, modes_seconds: the same of the network on modes.
        grid, rows, steps, blocks: the size of the trainings of dense networks.
    """

    arms: dict[int, Members]
    trained: dict[int, int]
    full: dict[int, int]
    five: dict[str, int]
    prior: tuple[int, int]
    seconds: dict[int, float]
    modes: Members
    modes_parameters: int
    modes_seconds: float
    grid: int
    rows: int
    steps: int
    blocks: list[int]

    def as_json(self) -> dict[str, Any]:
        """Every number."""
        arms = {
            str(g): m.as_json() | {"parameters": self.trained[g], "cpu_seconds_per_member": self.seconds[g]}
            for g, m in self.arms.items()
        }
        modes = self.modes.as_json() | {
            "parameters": self.modes_parameters,
            "cpu_seconds_per_member": self.modes_seconds,
        }
        counts = {"full": {str(g): n for g, n in self.full.items()}, "five_blocks": self.five}
        size = {"grid": self.grid, "rows": self.rows, "steps": self.steps, "blocks": self.blocks}
        return {"growth": arms, "modes": modes, "prior": list(self.prior), **counts, **size}

    @property
    def ratio(self) -> float:
        """CPU seconds of the dense network of least error over those of the network on modes."""
        best = min(self.arms, key=lambda g: float(np.median(self.arms[g].error)))
        return self.seconds[best] / self.modes_seconds

    @property
    def claims(self) -> list[Claim]:
        """What the source says of its network."""
        return [self._loss(), self._convergence(), self._disentangled(), self._parameters(), self._added()]

    def _loss(self) -> Claim:
        growth, loss = self._pairs([m.distortion for m in self.arms.values()])
        rho, interval = ranks(growth, loss)
        verdict = REPRODUCED if interval[1] < 0 else DIFFERS if interval[0] > 0 else UNTOLD
        middle = ", ".join(f"{g}: {number(np.median(m.distortion))}" for g, m in self.arms.items())
        evidence = f"median test loss in nats a pixel by growth {middle}; rank correlation over {len(loss)} trainings"
        words = "the loss falls with the growth rate (4.1)"
        return Claim("4", words, "falls", f"rank correlation {number(rho)}", interval, verdict, evidence)

    def _convergence(self) -> Claim:
        learned = [1.0 - np.array(m.over_regularised) for m in self.arms.values()]
        growth, hits = self._pairs(learned)
        rho, interval = ranks(growth, hits)
        verdict = REPRODUCED if interval[1] < 0 else DIFFERS if interval[0] > 0 else UNTOLD
        counts = ", ".join(f"{g}: {int(h.sum())} of {len(h)}" for g, h in zip(self.arms, learned, strict=True))
        evidence = f"trainings that learned more than the mean of the data, by growth {counts}"
        words = "the probability of convergence falls with the growth rate (4.1)"
        return Claim("4", words, "falls", f"rank correlation {number(rho)}", interval, verdict, evidence)

    def _disentangled(self) -> Claim:
        best = {g: float(m.angle.min()) for g, m in self.arms.items()}
        found = sum(bool(m.found.hits) for m in self.arms.values())
        trials = sum(len(m.angle) for m in self.arms.values())
        verdict = REPRODUCED if found == len(best) else UNTOLD
        evidence = "least angle off the factors by growth " + ", ".join(f"{g}: {a:.1f}°" for g, a in best.items())
        evidence += f", over {trials} trainings; normal factors leave it to luck"
        words = "at each growth rate a disentangled representation was observed (4.1)"
        return Claim("4", words, "at each", f"at {found} of {len(best)}", None, verdict, evidence)

    def _parameters(self) -> Claim:
        near = [name for name, n in self.five.items() if abs(n / STATED - 1) < NEAR]
        verdict = REPRODUCED if abs(self.full[4] / STATED - 1) < NEAR else DIFFERS
        fits = f"five blocks of {near[0]} layers have {self.five[near[0]]:,}" if near else "no reading comes near"
        evidence = f"the released code's network of growth 4 has {self.full[4]:,}; {fits}"
        words = "the network has around 800,000 parameters (4.3)"
        return Claim("3", words, "around 800,000", f"{self.full[4]:,}", None, verdict, evidence)

    def _added(self) -> Claim:
        coded, stated = self.prior
        ours = 100 * coded / self.full[4]
        readings = {name: 100 * coded / n for name, n in self.five.items()}
        name = min(readings, key=lambda n: abs(readings[n] - ADDED))
        verdict = REPRODUCED if abs(ours / ADDED - 1) < NEAR else DIFFERS
        evidence = (
            f"{coded} parameters as coded ({stated} as stated) are {number(ours)} % of the released code's network, "
            f"{number(readings[name])} % of one with five blocks of {name} layers"
        )
        words = "the hierarchical prior adds 0.048 % of parameters (5.2)"
        return Claim("19", words, "0.048 %", f"{number(ours)} %", None, verdict, evidence)

    def _pairs(self, values: list[Any]) -> tuple[Any, Any]:
        growth = np.concatenate([np.full(len(v), g) for g, v in zip(self.arms, values, strict=True)])
        return growth, np.concatenate(values)


def ranks(x: Any, y: Any) -> tuple[float, tuple[float, float]]:
    """Spearman's rank correlation and its 95 % interval; 0 and all of −1 to 1 where one of them is constant.

    >>> rho, (low, high) = ranks(np.arange(20), -np.arange(20))
    >>> round(rho, 2), bool(high < -0.9)
    (-1.0, True)
    """
    if np.ptp(x) == 0 or np.ptp(y) == 0 or len(x) < 4:
        return 0.0, (-1.0, 1.0)
    rho = float(np.clip(spearmanr(x, y).statistic, -0.9999, 0.9999))
    reach = WIDE * RANKS / np.sqrt(len(x) - 3)
    return rho, (float(np.tanh(np.arctanh(rho) - reach)), float(np.tanh(np.arctanh(rho) + reach)))


def parameters(shape: tuple[int, ...], blocks: tuple[int, ...] = (4, 6, 4), growth: int = 4, latents: int = 2) -> int:
    """Parameters of a VAE of dense networks with one variance for each grid point, counted from its shapes.

    Args:
        shape: channels and grid.
        blocks: layers of each block.
        growth: channels that a layer adds.
        latents: number of latents n.

    >>> parameters((3, 65, 65)), parameters((3, 65, 65), (3, 4, 6, 4, 3))
    (7996642, 779582)
    """
    d = DenseShape(shape, blocks, growth)
    channels, grid = shape[0], shape[1:]
    encoder, c = channels * d.first * 49, d.first
    for layers in d.down:
        encoder += _block(c, layers, growth)
        c = (c + layers * growth) // 2
        encoder += 2 * c + 9 * c * c
    coarse = prod(d.coarsest)
    half = coarse // 2
    encoder += (coarse + 1) * half + (half + 1) * latents
    decoder = (latents + 1) * half + (half + 1) * coarse
    for i, layers in enumerate(d.up):
        decoder += _block(c, layers, growth)
        c = (c + layers * growth) // 2
        last = i == len(d.up) - 1
        decoder += 2 * c + (16 * c * channels if last else 9 * c * c)
    return 2 * encoder + decoder + 25 * channels**2 + prod(grid)


def _block(inputs: int, layers: int, growth: int) -> int:
    """Normalisation and kernels of a dense block, and of the layer that halves its channels."""
    wide = inputs + layers * growth
    inside = sum(2 * c + 9 * c * growth for c in range(inputs, wide, growth)) if growth else 0
    return inside + 2 * wide + wide * (wide // 2)


def added(latents: int = 2) -> tuple[int, int]:
    """Parameters that the hierarchical prior adds, as the source's code has it and as its text says."""
    coded, stated = (
        sum(p.numel() for p in make_prior("hierarchical", latents, Noise(0, [0], "start"), rectified=r).parameters())
        for r in (True, False)
    )
    return coded, stated


def growth(context: Context) -> Growth:
    """Networks of every growth, and the network on modes, on the rows that they held out."""
    found, counts, seconds = {}, {}, {}
    for arm in context.arms("dense"):
        run = context.run(arm)
        g = run.settings.model.growth
        found[g] = members(context, arm, run)
        counts[g], seconds[g] = _size(run), run.cpu_seconds / run.members
    modes = context.run(context.arm("modes"))
    return Growth(
        found,
        counts,
        {g: parameters(FIELDS, growth=g) for g in GROWTHS},
        {"-".join(map(str, blocks)): parameters(FIELDS, blocks) for blocks in FIVE},
        added(),
        seconds,
        members(context, context.arm("modes"), modes),
        _size(modes),
        modes.cpu_seconds / modes.members,
        int(context.data_of(context.arm("modes")).settings["grid"]),
        len(run.train_rows),
        int(run.metadata["steps"]),
        list(run.settings.model.blocks),
    )


def _size(run: Run) -> int:
    """Parameters of a member."""
    return sum(p.numel() for p in run.vae.parameters()) // run.members
