"""One training loop, to be read in one sitting.

Everything it does at a step is a function of (settings, data, step) and of the state that it saves, so a training
that was stopped anywhere and taken up again ends with the same bits as one that was not.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import cos, pi

import torch
from torch import Tensor

from beable.errors import DivergedError
from beable.training.ensemble import Batches, first_rows
from beable.training.settings import TrainingSettings
from beable.vae.distributions import Noise
from beable.vae.objectives import Loss, elbo, weights
from beable.vae.physical_terms import ParticlePenalty
from beable.vae.settings import ObjectiveSettings
from beable.vae.vae import VAE, Rows

Progress = Callable[[int, int], None]
RECORD_ROWS = 512
HELD_ROWS = 512
SETTLE_ROWS = 4096


@dataclass
class History:
    """Terms by name at recorded steps.

    Args:
        steps: the recorded steps.
        terms: each name's values at them, (members): "train/distortion", "held/rate/z", "beta", ...
    """

    steps: list[int] = field(default_factory=list)
    terms: dict[str, list[Tensor]] = field(default_factory=dict)

    def append(self, step: int, terms: dict[str, Tensor]) -> None:
        self.steps.append(step)
        for name, value in terms.items():
            self.terms.setdefault(name, []).append(value.detach().clone())


@dataclass
class Best:
    """Each member's parameters at its lowest held-out loss."""

    loss: Tensor
    record: int
    parameters: list[Tensor]


class Fit:
    """A training under way.

    Args:
        vae: the ensemble; trained in place.
        batches: training rows.
        held: held-out rows, (members, rows, ...).
        objective: what is minimised.
        settings: how.
        penalty: on decoded particles, if the objective has one.
    """

    def __init__(
        self,
        vae: VAE,
        batches: Batches,
        held: Rows,
        objective: ObjectiveSettings,
        settings: TrainingSettings,
        penalty: ParticlePenalty | None = None,
    ) -> None:
        self.vae, self.batches, self.held = vae, batches, held
        self.objective, self.settings, self.penalty = objective, settings, penalty
        self.parameters = list(vae.parameters())
        rates = torch.tensor(settings.learning_rate).expand(len(vae.members))
        self.base_rate, self.relative_rate = float(rates.max()), rates / rates.max()
        self.adam = torch.optim.Adam(self.parameters, lr=self.base_rate, fused=True)
        self.beta = objective.beta.start(len(vae.members))
        self.step, self.history, self.best = 0, History(), None if settings.patience is None else self._first_best()

    def _first_best(self) -> Best:
        return Best(torch.full((len(self.vae.members),), torch.inf), 0, [p.detach().clone() for p in self.parameters])

    def run(self, save: Callable[["Fit"], None] | None = None, progress: Progress | None = None) -> None:
        """Train to the last step.

        Args:
            save: called after every step with this object; decides itself whether to write.
            progress: called with steps done and steps in all.

        Raises:
            DivergedError: a member's loss or parameter is no longer finite.
        """
        while self.step < self.settings.steps and not self._patience_lost():
            self._advance()
            if save:
                save(self)
            if progress:
                progress(self.step, self.settings.steps)
        self._take_best()
        self._fix_variance()
        if not self.finite():
            self._refuse_nonsense(self._loss(self.held))
            raise DivergedError(
                f"a parameter is not finite after step {self.step}: lower training.learning_rate or set training.clip"
            )

    def finite(self) -> bool:
        """Whether every parameter is a number, so that the state is worth keeping."""
        return all(bool(torch.isfinite(p).all()) for p in self.parameters)

    def _advance(self) -> None:
        loss = self._loss(self.batches.at(self.step))
        self._refuse_nonsense(loss)
        self.adam.param_groups[0]["lr"] = self._learning_rate()
        self.adam.zero_grad()
        torch.autograd.backward(loss.total.sum())
        self._clip()
        self._update()
        if self._regularised:
            distortion = loss.distortion.detach() * weights(self.vae, self.objective.scale).distortion
            self.beta = self.objective.beta.update(self.beta, self.regularised_steps + 1, distortion)
        self.step += 1
        if self.step % self.settings.record_every == 0 or self.step == self.settings.steps:
            self._record()

    @property
    def regularised_steps(self) -> int:
        """Steps taken with the rate in the objective."""
        return max(0, self.step - self.objective.reconstruction_steps)

    @property
    def _regularised(self) -> bool:
        return self.step >= self.objective.reconstruction_steps

    def _loss(self, rows: Rows) -> Loss:
        noise = Noise(self.settings.seed, self.vae.members, "noise", self.step)
        output_std = self.objective.output_noise.at(self.step) if self.objective.output_noise else 0.0
        match = self.penalty is not None and self.step % self.penalty.settings.every == 0
        return self._elbo(rows, noise, output_std, match=match)

    def _elbo(self, rows: Rows, noise: Noise, output_std: float = 0.0, *, match: bool = True) -> Loss:
        return elbo(
            self.vae,
            rows,
            self.beta,
            noise,
            scale=self.objective.scale,
            regularise=self._regularised,
            output_std=output_std,
            penalty=self.penalty,
            penalty_weight=self.penalty.settings.weight(self.step, self.settings.steps) if self.penalty else 0.0,
            match=match,
        )

    def _learning_rate(self) -> float:
        if self.settings.decay == "none":
            return self.base_rate
        return self.base_rate * (0.01 + 0.99 * 0.5 * (1 + cos(pi * self.step / self.settings.steps)))

    def _clip(self) -> None:
        if self.settings.clip is None:
            return
        squares = [p.grad.flatten(1).square().sum(1) for p in self.parameters if p.grad is not None]
        norm = torch.stack(squares).sum(0).sqrt() / float(self.vae.decoder.dimension.sum())
        factor = (self.settings.clip / norm).clamp(max=1.0)
        for p in self.parameters:
            if p.grad is not None:
                p.grad.mul_(_by_member(factor, p))

    def _update(self) -> None:
        """One step of Adam; its update is linear in the learning rate, so a member's own rate scales the update."""
        if bool((self.relative_rate == 1).all()):
            self.adam.step()
            return
        before = [p.detach().clone() for p in self.parameters]
        self.adam.step()
        with torch.no_grad():
            for old, p in zip(before, self.parameters, strict=True):
                p.copy_(torch.lerp(old, p, _by_member(self.relative_rate, p)))

    def _refuse_nonsense(self, loss: Loss) -> None:
        bad = ~torch.isfinite(loss.total)
        if not bool(bad.any()):
            return
        k = int(bad.int().argmax())
        terms = ", ".join(f"{name} = {float(v[k].detach()):.4g}" for name, v in loss.terms.items())
        raise DivergedError(
            f"member {self.vae.members[k]}: the loss is not finite at step {self.step} ({terms}): "
            f"lower training.learning_rate (now {self._learning_rate():.3g}) or set training.clip; "
            "the last checkpoint before it is kept"
        )

    @torch.no_grad()
    def _record(self) -> None:
        terms: dict[str, Tensor] = {"beta": self.beta if self.regularised_steps else torch.zeros_like(self.beta)}
        noise = Noise(self.settings.seed, self.vae.members, "evaluation", self.step)
        held = Loss(self.beta, {})
        for name, rows in (("train", self.batches.everything(RECORD_ROWS)), ("held", first_rows(self.held, HELD_ROWS))):
            held = self._elbo(rows, noise)
            terms |= {f"{name}/{term}": value for term, value in held.terms.items()}
        self.history.append(self.step, terms)
        if self.best is not None and self._regularised:
            self._keep_best(self.best, held.total)

    def _keep_best(self, best: Best, total: Tensor) -> None:
        better = total < best.loss
        if bool(better.any()):
            best.record = len(self.history.steps)
        best.loss = torch.where(better, total, best.loss)
        for kept, p in zip(best.parameters, self.parameters, strict=True):
            kept.copy_(torch.where(_by_member(better, p), p, kept))

    def _patience_lost(self) -> bool:
        if self.best is None or self.settings.patience is None or not self.regularised_steps:
            return False
        return len(self.history.steps) - self.best.record >= self.settings.patience

    @torch.no_grad()
    def _take_best(self) -> None:
        if self.best is not None and bool(torch.isfinite(self.best.loss).any()):
            for kept, p in zip(self.best.parameters, self.parameters, strict=True):
                p.copy_(kept)

    @torch.no_grad()
    def _fix_variance(self) -> None:
        """Fix a closed-form output variance at its value over the training rows, or many of them."""
        decoder = self.vae.decoder
        if not decoder.closed_form:
            return
        rows = self.batches.everything(SETTLE_ROWS)
        noise = Noise(self.settings.seed, self.vae.members, "evaluation", self.settings.steps + 1)
        z = self.vae.encoder(rows.values, rows.conditions).sample(noise)
        decoder.log_variance.copy_(decoder.closed_log_variance(decoder.location(z, rows.conditions), rows))


def _by_member(values: Tensor, like: Tensor) -> Tensor:
    """(members) shaped to broadcast over a parameter whose first axis is the members."""
    return values.view(-1, *[1] * (like.ndim - 1))
