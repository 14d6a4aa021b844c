"""One training loop, to be read in one sitting.

Everything it does at a step is a function of (settings, data, step) and of the state that it saves, so a training
that was stopped anywhere and taken up again ends with the same bits as one that was not.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor

from beable.console.progress import Progress, told
from beable.errors import DivergedError, UsageError
from beable.training.adam import Adam, share_left
from beable.training.device import device_named, moved
from beable.training.ensemble import Batches, spread_rows
from beable.training.labels import LabelBatches
from beable.training.settings import TrainingSettings
from beable.vae.distributions import Noise
from beable.vae.labels import LabelBatch, lost
from beable.vae.objectives import Loss, elbo, weights
from beable.vae.physical_terms import ParticlePenalty
from beable.vae.regularisers import Regulariser, make_regulariser
from beable.vae.settings import ObjectiveSettings
from beable.vae.vae import VAE, Rows

RECORD_ROWS = 512
HELD_ROWS = 512
SETTLE_ROWS = 4096
FEWEST_PATIENT_STEPS = 200  # short trainings are recorded at every step or two, and momentum carries past a minimum


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
            self.terms.setdefault(name, []).append(value.detach().cpu().clone())


@dataclass
class Best:
    """Each member's parameters at its lowest held-out loss, among records of the same objective.

    Args:
        loss: that loss, with the rate of training rows, (members).
        objective: β and the share of the physical terms there, (2, members); losses of others cannot be compared.
        records: which record it was, counted from 1, (members); 0 before the first one.
        training: loss of training rows there, (members).
        since: sum of that loss over the records since then, (members).
        over: whether the member has lost patience, so that a better record is no longer looked for, (members).
        parameters: those kept, and running statistics behind them.
    """

    loss: Tensor
    objective: Tensor
    records: Tensor
    training: Tensor
    since: Tensor
    over: Tensor
    parameters: list[Tensor]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a checkpoint."""
        named = {name: value for name, value in vars(self).items() if name != "parameters"}
        return named | {str(i): p for i, p in enumerate(self.parameters)}


class Fit:
    """A training under way.

    Args:
        vae: the ensemble; trained in place.
        batches: training rows.
        held: held-out rows, (members, rows, ...).
        objective: what is minimised.
        settings: how.
        penalty: on decoded particles, if the objective has one.
        labels: labelled rows, if the objective has them.
    """

    def __init__(
        self,
        vae: VAE,
        batches: Batches,
        held: Rows,
        objective: ObjectiveSettings,
        settings: TrainingSettings,
        penalty: ParticlePenalty | None = None,
        labels: LabelBatches | None = None,
    ) -> None:
        self.device = device_named(settings.device)
        if penalty is not None and self.device.type != "cpu":
            raise UsageError("a penalty on particles is computed on the processor: set training.device = 'cpu'")
        self.vae, self.batches, self.held = vae.to(self.device), batches, moved(held, self.device)
        self.batches.rows = moved(self.batches.rows, self.device)
        self.objective, self.settings, self.penalty, self.labels = objective, settings, penalty, labels
        self.vae.eval()  # but for the steps of training, so that rows do not depend on those beside them
        self.parameters, self.normalises = list(vae.parameters()), bool(vae.statistics)
        rates = torch.tensor(settings.learning_rate).expand(len(vae.members))
        self.base_rate, self.relative_rate = float(rates.max()), (rates / rates.max()).to(self.device)
        self.adam = Adam(self.parameters)
        self.regulariser = self._regulariser()
        self.rival_adam = Adam(list(self.regulariser.parameters()) if self.regulariser else [])
        self.beta = objective.beta.start(len(vae.members)).to(self.device)
        self.sub_beta = objective.sub_prior.start(len(vae.members)).to(self.device) if objective.sub_prior else None
        self.restarted = torch.zeros(len(vae.members), dtype=torch.int64)
        self.step, self.history, self.best = 0, History(), self._first_best()

    def _regulariser(self) -> Regulariser | None:
        noise = Noise(self.settings.seed, self.vae.members, "start", 2)
        latents, choice = self.vae.encoder.latents, self.objective.regulariser
        made = make_regulariser(choice, latents, self.batches.counts, noise)
        return made.to(self.device) if made is not None else None

    def _first_best(self) -> Best:
        members = len(self.vae.members)
        worst, nothing = (torch.full((members,), at, device=self.device) for at in (torch.finfo().max, 0.0))
        kept = [p.detach().clone() for p in self.kept]
        first = torch.full((2, members), -1.0, device=self.device)  # no objective's
        return Best(worst, first, nothing.long(), worst.clone(), nothing.clone(), nothing.bool(), kept)

    @property
    def kept(self) -> list[Tensor]:
        """What makes a member: parameters, and running statistics where it has them."""
        return [*self.parameters, *self.vae.statistics]

    def run(self, save: Callable[["Fit"], None] | None = None, progress: Progress | None = None) -> None:
        """Train to the last step, or until all members over-fit, and keep each member's best parameters.

        Args:
            save: called after every step with this object; decides itself whether to write.
            progress: called with steps done and steps in all.

        Raises:
            DivergedError: a member's loss or parameter is no longer finite.
        """
        while self.step < self.settings.steps and not bool(self.best.over.all()):
            self.advance()
            if save:
                save(self)
            if progress:
                self._tell(progress)
        self._take_best()
        self._fix_variance()
        if not self.finite():
            self._refuse_nonsense(self._loss(self.held))
            raise DivergedError(
                f"a parameter is not finite after step {self.step}: lower training.learning_rate or set training.clip"
            )

    @torch.no_grad()
    def take(self, places: Tensor, other: "Fit") -> None:
        """Put all members of another training at the same step in the places of members of this one."""
        to = places.to(self.device)
        pairs = [(self.beta, other.beta), *zip(self.kept, other.kept, strict=True)]
        if self.sub_beta is not None and other.sub_beta is not None:
            pairs.append((self.sub_beta, other.sub_beta))
        for mine, theirs in zip(self.adam.state, other.adam.state, strict=True):
            pairs += [(mine[name], theirs[name]) for name in mine if name != "step"]  # that of Adam is common to all
        pairs += [(t, other.best.tensors[name]) for name, t in self.best.tensors.items() if name != "objective"]
        self.best.objective[:, to] = other.best.objective
        for ours, others in pairs:
            ours[to] = others
        for name, values in self.history.terms.items():
            for at, value in zip(values, other.history.terms[name], strict=True):
                at[places] = value

    def _tell(self, progress: Progress) -> None:
        """Steps done, and at a record the median member's error on held-out rows."""
        if told(progress).shows and self.history.steps and self.history.steps[-1] == self.step:
            error = self._relative_error(spread_rows(self.held, HELD_ROWS)).nanmedian()
            told(progress).note(f"error {float(error):.2g}")
        progress(self.step, self.settings.steps)

    def finite(self) -> bool:
        """Whether every parameter is a number, so that the state is worth keeping."""
        return all(bool(torch.isfinite(p).all()) for p in self.parameters)

    def advance(self) -> None:
        """Take one step."""
        if self.normalises:  # setting the mode of every layer takes a tenth of a small network's step
            self.vae.train()
        rows = self.batches.at(self.step)
        loss = self._loss(rows)
        self._refuse_nonsense(loss)
        self.adam.zero_grad()
        torch.autograd.backward(loss.total.sum())
        if self.normalises:
            self.vae.eval()
        self._clip()
        self._update()
        self._teach(rows)
        if self._regularised:
            distortion = loss.distortion.detach() * weights(self.vae, self.objective.scale).distortion
            self.beta = self.objective.beta.update(self.beta, self.regularised_steps + 1, distortion).to(self.device)
            if self.objective.sub_prior and self.sub_beta is not None:
                self.sub_beta = self.objective.sub_prior.update(self.sub_beta, loss.terms["log_prior"].detach())
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
        labels = self.labels.at(self.step, self.batches.rows) if self.labels else None
        return self._elbo(rows, noise, output_std, match=match, labels=labels)

    def _elbo(
        self,
        rows: Rows,
        noise: Noise,
        output_std: float = 0.0,
        *,
        match: bool = True,
        labels: LabelBatch | None = None,
    ) -> Loss:
        return elbo(
            self.vae,
            rows,
            self.beta,
            noise,
            scale=self.objective.scale,
            regularise=self._regularised or self.sub_beta is not None,
            sub_beta=self.sub_beta,
            output_std=output_std,
            penalty=self.penalty,
            penalty_weight=self._penalty_weight,
            match=match,
            labels=labels,
            regulariser=self.regulariser,
        )

    @property
    def _penalty_weight(self) -> float:
        return self.penalty.settings.weight(self.step, self.settings.steps) if self.penalty else 0.0

    @torch.no_grad()
    def rates(self) -> Tensor:
        """Mean rate of each latent on training rows, at most as many as a record has, in nats, (members, latents)."""
        rows = self.batches.spread(RECORD_ROWS)
        noise = Noise(self.settings.seed, self.vae.members, "evaluation")
        q = self.vae.encoder(rows.values, rows.conditions)
        terms = self.vae.prior.rate(q, q.sample(noise), self.vae.encoder, noise)
        return torch.stack(list(terms.values())).sum(0).mean(1)

    def _learning_rate(self) -> float:
        if self.settings.decay == "none":
            return self.base_rate * self.settings.share_of_rate(self.step)
        return self.base_rate * share_left(self.step, self.settings.steps)

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
        self._decay()
        if bool((self.relative_rate == 1).all()):
            self.adam.step(self._learning_rate())
            return
        before = [p.detach().clone() for p in self.parameters]
        self.adam.step(self._learning_rate())
        with torch.no_grad():
            for old, p in zip(before, self.parameters, strict=True):
                p.copy_(torch.lerp(old, p, _by_member(self.relative_rate, p)))

    @torch.no_grad()
    def _decay(self) -> None:
        """Take a share of the weights away, by each member's own rate."""
        if not self.settings.weight_decay:
            return
        left = 1 - self._learning_rate() * self.relative_rate * self.settings.weight_decay
        for name, p in self.vae.named_parameters():
            if name.endswith("weight"):
                p.mul_(_by_member(left, p))

    def _teach(self, rows: Rows) -> None:
        """One step of the regulariser's own network, on latents of the batch."""
        if self.regulariser is None or not self.rival_adam.parameters or not self._regularised:
            return
        noise = Noise(self.settings.seed, self.vae.members, "noise", self.settings.steps + 1 + self.step)
        with torch.no_grad():
            z = self.vae.encoder(rows.values, rows.conditions).sample(noise)
        self.rival_adam.zero_grad()
        torch.autograd.backward(self.regulariser.own_loss(z, noise).sum())
        self.rival_adam.step(self.regulariser.settings.learning_rate)

    def _refuse_nonsense(self, loss: Loss) -> None:
        if self.objective.labels and (said := lost(self.objective.labels, loss.terms, self.vae.members)):
            raise DivergedError(f"{said} (step {self.step})")
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
        """Note the terms on rows of either side, with the same noise each time, so that only parameters differ."""
        terms: dict[str, Tensor] = {"beta": self.beta if self.regularised_steps else torch.zeros_like(self.beta)}
        if self.sub_beta is not None:
            terms["sub_beta"] = self.sub_beta
        noise = Noise(self.settings.seed, self.vae.members, "evaluation")
        rows = {"train": self.batches.spread(RECORD_ROWS), "held": spread_rows(self.held, HELD_ROWS)}
        known = {"train": self.labels.spread(RECORD_ROWS, self.batches.rows)} if self.labels else {}
        losses = {name: self._elbo(part, noise, labels=known.get(name)) for name, part in rows.items()}
        for name, loss in losses.items():
            terms |= {f"{name}/{term}": value for term, value in loss.terms.items()}
        self.history.append(self.step, terms)
        if self._regularised:
            self._keep_best(losses["train"].total, self._judged(**losses))

    def _judged(self, train: Loss, held: Loss) -> Tensor:
        """Held-out loss with the rate of training rows, and with what their labels cost, (members).

        The encoder gives a held-out row far from all others a rate of hundreds of nats; β times that would prefer
        records from before a large β had its effect.
        """
        w, labels = weights(self.vae, self.objective.scale), self.objective.labels
        loss = held.total + self.beta * w.rate * (train.rate - held.rate)
        return loss + w.labels * labels.weight * train.terms["labels"] if labels and self.labels else loss

    def first_record(self) -> dict[str, Tensor]:
        """What a record would hold now, by name; nothing is kept of it."""
        probe = copy(self)
        probe.history, probe.best = History(), self._first_best()
        probe._record()
        return {name: values[0] for name, values in probe.history.terms.items()}

    def _keep_best(self, training: Tensor, held: Tensor) -> None:
        """Take parameters of members that improved, or whose objective is another one than that of their best."""
        best = self.best
        objective = torch.stack([self.beta, torch.full_like(self.beta, self._penalty_weight)])
        better = ((held < best.loss) | (objective != best.objective).any(0)) & torch.isfinite(held) & ~best.over
        best.loss, best.training = torch.where(better, held, best.loss), torch.where(better, training, best.training)
        best.since = torch.where(better, torch.zeros_like(training), best.since + training)
        best.records = torch.where(better, len(self.history.steps), best.records)
        best.objective = torch.where(better, objective, best.objective)
        best.over = best.over | self._out_of_patience()
        for kept, p in zip(best.parameters, self.kept, strict=True):
            kept.copy_(torch.where(_by_member(better, p), p, kept))

    def _out_of_patience(self) -> Tensor:
        """Which members have over-fitted for so long; one on a plateau, or at rest, does not learn by heart."""
        waited = len(self.history.steps) - self.best.records
        falling = self.best.since < waited * self.best.training
        shortest = max(self.settings.patience or torch.inf, FEWEST_PATIENT_STEPS / self.settings.record_every)
        return falling & (waited >= shortest)

    @torch.no_grad()
    def _take_best(self) -> None:
        """Put the best parameters in place; a training too short for a record of the whole objective has none."""
        if self.settings.keep == "last":
            return
        found = self.best.records > 0
        for kept, p in zip(self.best.parameters, self.kept, strict=True):
            p.copy_(torch.where(_by_member(found, p), kept, p))

    def best_steps(self) -> list[int]:
        """Step of the record with each member's least held-out loss; the last step without records."""
        return [self.history.steps[record - 1] if record else self.step for record in self.best.records.tolist()]

    def kept_steps(self) -> list[int]:
        """Step whose parameters each member keeps."""
        return self.best_steps() if self.settings.keep == "best" else [self.step] * len(self.vae.members)

    @torch.no_grad()
    def training_error(self, sampled: bool = False) -> Tensor:
        """Relative error of decoded training rows, at most as many as a record has, (members).

        Args:
            sampled: decode a sample of the latents instead of their mean, as the distortion does.
        """
        noise = Noise(self.settings.seed, self.vae.members, "evaluation") if sampled else None
        return self._relative_error(self.batches.spread(RECORD_ROWS), noise)

    @torch.no_grad()
    def _relative_error(self, rows: Rows, noise: Noise | None = None) -> Tensor:
        """Relative error of decoded rows, (members)."""
        q = self.vae.encoder(rows.values, rows.conditions)
        location = self.vae.decoder.location(q.sample(noise) if noise else q.mean, rows.conditions)
        location = self.vae.decoder.means(location)
        values, left = rows.values.double(), rows.residual_energy.double().sum((1, 2))
        if rows.gaps is not None:
            off, spread = (rows.misfit(at).double().square().sum((1, 2)) + left for at in (location, rows.centre))
            return off / spread
        spread = (values - values.mean(1, keepdim=True)).square().sum((1, 2)) + left
        return ((location - values).square().sum((1, 2)) + left) / spread

    @torch.no_grad()
    def _fix_variance(self) -> None:
        """Fix a closed-form output variance at its value over the training rows, or many of them."""
        decoder = self.vae.decoder
        if not decoder.closed_form:
            return
        rows = self.batches.spread(SETTLE_ROWS)
        noise = Noise(self.settings.seed, self.vae.members, "evaluation", self.settings.steps + 1)
        z = self.vae.encoder(rows.values, rows.conditions).sample(noise)
        decoder.log_variance.copy_(decoder.closed_log_variance(decoder.location(z, rows.conditions), rows))


def _by_member(values: Tensor, like: Tensor) -> Tensor:
    """(members) shaped to broadcast over a parameter whose first axis is the members."""
    return values.view(-1, *[1] * (like.ndim - 1))
