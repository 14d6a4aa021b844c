"""The settings of a training, and of a run as a whole."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from beable.representations.settings import AutoSettings, RepresentationSettings
from beable.settings import Names, SettingsModel
from beable.vae.settings import ModelSettings, ObjectiveSettings

RECORDS = 50
Step = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class TrainingSettings(SettingsModel):
    """The choices that make a training.

    Args:
        members: number K of members.
        steps: number of gradient steps.
        batch: rows in a batch; none takes all.
        learning_rate: learning rate of Adam; a list gives each member its own.
        records: how often the terms are noted on rows of either side, at most; a network that is slow beside its number
            of steps takes longer to record than to train.
        decay: "cosine" lowers it to a hundredth along half a cosine, "none" keeps it.
        drops: steps at which the learning rate drops, each with the share of the first rate from there on, such as
            [[47200, 0.2]]; with decay "none".
        clip: largest norm of a member's gradient, per output and row; None leaves it.
        weight_decay: share of the weights that each step takes away, times the learning rate (Loshchilov & Hutter
            2019).
        start: what the linear paths are set to at first: "ica", independent components; "pca", principal ones;
            "support", latents whose support is a product, for factors that depend on each other but come in all
            combinations; "tica", the slowest directions, see lag; "random"; "mixed" gives members ICA, PCA and random
            weights in turn, so that what they agree on does not come from the start.
        lag: a number of rows, in their order: training starts from the directions that change least over so many
            ("tica"), so that the first latent is the slow coordinate. Pairs never cross trajectories, which group, or a
            label named trajectory, run, simulation or replica, tells apart.
        bootstrap: whether each member trains on rows of its own, drawn with replacement.
        seed: seed of everything random in the training.
        held_out: share, or number, of rows that training never sees; whole groups or blocks as near to it as they come.
        shuffle: draw those at random; otherwise they are the last ones.
        group: names of factors; rows that share the values of all of them, such as those of a trajectory, are held out
            together or not at all.
        blocks: number of blocks of neighbours that the rows are cut into, in their order; whole blocks are held out.
        rows: how many of the training rows each member sees; None for all.
        patience: records for which every member's held-out loss may fail to improve while its training
            loss goes on falling, over 200 steps at least; then training stops. none goes to the last step.
        restarts: times that a member which the rate keeps from learning is started again with other first weights.
        restart_after: regularised steps after which members are judged for that; none judges at the last step.
        keep: which parameters each member keeps, those of its "best" held-out record or of the "last" step.
        device: "cpu", "cuda" (a graphics processor), or "auto" for the latter where PyTorch finds one.
    """

    members: int = Field(default=16, ge=1)
    steps: int = Field(default=4000, ge=1)
    batch: int | None = Field(default=128, ge=1)
    learning_rate: Positive | tuple[Positive, ...] = 3e-3
    records: int = Field(default=RECORDS, ge=1)
    decay: Literal["cosine", "none"] = "cosine"
    drops: tuple[tuple[Step, Positive], ...] = ()
    clip: float | None = Field(default=None, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    start: Literal["ica", "pca", "support", "random", "mixed", "tica"] = "ica"
    lag: int | None = Field(default=None, ge=1)
    bootstrap: bool = False
    seed: int = Field(default=0, ge=0)
    held_out: float = Field(default=0.25, gt=0)
    shuffle: bool = True
    group: Names = ()
    blocks: int | None = Field(default=None, ge=2)
    rows: tuple[int, ...] | None = None
    patience: int | None = Field(default=10, ge=1)
    restarts: int = Field(default=0, ge=0)
    restart_after: int | None = Field(default=None, ge=1)
    keep: Literal["best", "last"] = "best"
    device: Literal["cpu", "cuda", "auto"] = "cpu"

    @model_validator(mode="before")
    @classmethod
    def _a_lag_is_a_start(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        lag, start = given.get("lag"), given.get("start")
        if lag is not None and start not in (None, "tica"):
            raise ValueError(f"training.lag starts from the slowest directions, training.start is {start!r}: give one")
        if lag is None and start == "tica":
            raise ValueError("training.start 'tica' needs a lag in rows: give training.lag (--lag)")
        return given if lag is None else {**given, "start": "tica"}

    @model_validator(mode="after")
    def _one_rate_a_member(self) -> Self:
        if isinstance(self.learning_rate, tuple) and len(self.learning_rate) != self.members:
            raise ValueError(f"{len(self.learning_rate)} learning rates for {self.members} members")
        return self

    @model_validator(mode="after")
    def _every_step_before_a_restart(self) -> Self:
        if self.restarts and self.patience is not None:
            raise ValueError("training.restarts judges after so many steps: give training.patience 'none'")
        return self

    @model_validator(mode="after")
    def _one_way_to_hold_out(self) -> Self:
        if self.group and self.blocks is not None:
            raise ValueError("training.group and training.blocks both say which rows stay together: give one of them")
        return self

    @model_validator(mode="after")
    def _one_way_to_lower_the_rate(self) -> Self:
        if self.drops and self.decay != "none":
            raise ValueError("training.drops and training.decay both lower the learning rate: give decay 'none'")
        if list(self.drops) != sorted(self.drops):
            raise ValueError("training.drops are not in the order of their steps")
        return self

    def share_of_rate(self, step: int) -> float:
        """Share of the first learning rate that is left at a step by `drops`.

        >>> training = TrainingSettings(decay="none", drops=((100, 0.2), (200, 0.1)))
        >>> [training.share_of_rate(step) for step in (99, 100, 300)]
        [1.0, 0.2, 0.1]
        """
        return next((share for first, share in reversed(self.drops) if step >= first), 1.0)

    @property
    def record_every(self) -> int:
        """Steps between two records of the history.

        >>> TrainingSettings(steps=1000).record_every, TrainingSettings(steps=1000, records=4).record_every
        (20, 250)
        """
        return max(1, self.steps // self.records)


class RunSettings(SettingsModel):
    """All the choices of a training.

    Args:
        variables: names of the variables to learn from; all fields by default, or all numbers where there are none.
        representation: what a snapshot becomes before the model sees it, with settings of its own, such as
            {"kind": "modes", "energy": 0.999}; "auto" lets the variables decide: coordinates of particles, a table of
            numbers that lie on no grid, modes of fields.
        model: the VAE.
        objective: what is minimised.
        training: how.
    """

    variables: Names | None = None
    representation: RepresentationSettings = AutoSettings()
    model: ModelSettings = ModelSettings()
    objective: ObjectiveSettings = ObjectiveSettings()
    training: TrainingSettings = TrainingSettings()

    @model_validator(mode="after")
    def _a_latent_for_each_label(self) -> Self:
        if (labels := self.objective.labels) is None:
            return self
        if len(labels.names) > self.model.latents:
            raise ValueError(
                f"labelled factors ({', '.join(labels.names)}) are more than model.latents, {self.model.latents}: "
                "name fewer in objective.labels.names (--labels) or set model.latents (--latents) to more"
            )
        if both := [name for name in (*labels.names, labels.known) if name in self.model.conditions]:
            raise ValueError(
                f"{both[0]} is in objective.labels and in model.conditions: what the model is told it need not find, "
                "name it in one of them"
            )
        for name in ("number", "noise"):
            labels.by_member(name, self.training.members)
        return self

    @model_validator(mode="after")
    def _what_goes_together(self) -> Self:
        for name in ("labels", "regulariser"):
            if getattr(self.objective, name) is not None and self.training.restarts:
                raise ValueError(f"training.restarts cannot start objective.{name} again: leave out one of them")
        if self.objective.labels is not None and self.model.quantised is not None:
            raise ValueError("labels are densities, model.quantised leaves none: leave out one of them")
        return self
