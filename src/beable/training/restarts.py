r"""Members that the rate keeps from learning, started again with other first weights.

The state of Theorem 1 of Jacobsen & Duraisamy (2022): no latent has a rate, and the decoder gives the mean and the
variance of the data. A decoder that explains a share s of the variance of D outputs lies
:math:`\tfrac{D}{2} \log\tfrac{1}{1 - s}` nats below that level once its output variance has followed; one that is
learned by gradient steps may still be on its way there, so that members are judged by s itself: less than 1 % of the
variance of training rows is explained by samples of the latents, and no latent has a rate above 0.05 nats.

A member that is started again goes through all steps until then, and takes its place beside the others, whose bits
do not change. Its first weights come from the stream of member and attempt.
"""

from collections.abc import Callable, Sequence

from torch import Tensor

from beable.training.fit import Fit
from beable.training.settings import RunSettings, TrainingSettings
from beable.vae.settings import Constant

EXPLAINED, ACTIVE = 0.01, 0.05


def over_regularised(fit: Fit) -> Tensor:
    """Which members decode the mean of the training rows and have no latent in use, (members)."""
    return (fit.training_error(sampled=True) > 1 - EXPLAINED).cpu() & (fit.rates().amax(-1) < ACTIVE).cpu()


class Restarts:
    """Called after every step of a training: at one of them it starts members again.

    Args:
        settings: how often, and after how many regularised steps.
        reconstruction_steps: length of the phase before these.
        again: makes the training of some members, (numbers, attempt), at its first step.
    """

    def __init__(
        self, settings: TrainingSettings, reconstruction_steps: int, again: Callable[[Sequence[int], int], Fit]
    ) -> None:
        after = settings.steps if settings.restart_after is None else reconstruction_steps + settings.restart_after
        self.times, self.step, self.again = settings.restarts, min(after, settings.steps), again

    def __call__(self, fit: Fit) -> None:
        """Start members again where it is time, as often as is allowed."""
        if fit.step != self.step:
            return
        for attempt in range(1, self.times + 1):
            places = over_regularised(fit).nonzero()[:, 0]
            if not len(places):
                return
            other = self.again([fit.vae.members[k] for k in places.tolist()], attempt)
            while other.step < fit.step:
                other.advance()
            fit.take(places, other)
            fit.restarted[places] += 1


def settings_of(settings: RunSettings, members: Sequence[int]) -> RunSettings:
    """The settings of some of the members, with what differs from member to member.

    >>> from beable.training.settings import TrainingSettings
    >>> settings = RunSettings(training=TrainingSettings(members=3, learning_rate=(0.1, 0.2, 0.3)))
    >>> settings_of(settings, [2]).training.learning_rate
    (0.3,)
    """
    t, objective = settings.training, settings.objective
    chosen = {name: _of(getattr(t, name), members) for name in ("learning_rate", "rows")}
    training = t.model_copy(update=chosen | {"members": len(members), "restarts": 0})
    if isinstance(objective.beta, Constant):
        beta = objective.beta.model_copy(update={"beta": _of(objective.beta.by_member, members), "each": 1})
        objective = objective.model_copy(update={"beta": beta})
    return settings.model_copy(update={"training": training, "objective": objective})


def _of(values: object, members: Sequence[int]) -> object:
    """Numbers of these members, where each member has its own."""
    return tuple(values[k] for k in members) if isinstance(values, tuple) else values
