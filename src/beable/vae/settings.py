"""The settings of a VAE and of what its training minimises; nothing here imports torch before a training needs it."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from beable.errors import UsageError
from beable.settings import Names, SettingsModel, kind_or
from beable.vae.regulariser_settings import RegulariserSettings

if TYPE_CHECKING:
    from torch import Tensor

Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]
Above = Annotated[float, Field(gt=0)]


def _tensor(value: float | tuple[float, ...]) -> "Tensor":
    """Numbers in single precision."""
    import torch

    return torch.tensor(value, dtype=torch.float32)


class ModelSettings(SettingsModel):
    """The choices that make a VAE.

    Args:
        latents: number of latents n.
        prior: name of the prior.
        prior_options: its own options.
        conditions: names of factors of the data set that encoder and decoder are conditioned on, such as ["gravity"].
        network: "mlp" on any code, "conv" on fields, "dense-conv" on fields as Jacobsen & Duraisamy (2022) have it,
            "points" on particles: an encoder that does not see their order.
        width: hidden units of a layer ("mlp", "points").
        depth: number of hidden layers ("mlp", "points"); 0 leaves a linear VAE.
        hidden: hidden units of each layer of the encoder instead, mirrored in the decoder ("mlp").
        channels: channels after each convolution ("conv"), mirrored in the decoder.
        decoder_channels: channels before each convolution of the decoder instead.
        stride: 2 halves the grid with each convolution, 1 keeps it ("conv").
        pooled: whether the encoder's grid is halved by the largest of two numbers along each axis, behind a convolution
            that keeps it, in place of a stride of 2 ("conv").
        head: hidden units between convolutions and latents ("conv", "dense-conv"); four times the last channels by
            default, half the numbers of the coarsest grid ("dense-conv").
        blocks: layers of each dense block ("dense-conv"), an odd number of blocks: those before the middle one belong
            to the encoder, the others to the decoder.
        growth: channels that each layer of a dense block adds ("dense-conv").
        features: channels after the first convolution ("dense-conv").
        point: numbers that each particle has ("points").
        activation: name in ``nn.ACTIVATIONS``; "dense-conv" always has "relu".
        likelihood: "normal" or "bernoulli".
        variance: of the normal likelihood: "closed" (the mean squared error of the batch, Rybkin et al. 2021),
            "closed-channel" (the same for each channel), "scalar" or "channel" (learned), "pixel"
            (learned for each grid point and shared by the channels, as the source), "output" (learned for each
            number), "fixed".
        sigma: standard deviation of the outputs, in the code's units: where the variance is fixed, or where a learned
            one starts.
        squashed: whether the means of a normal likelihood pass a logistic function, for codes from 0 to 1; "softmax"
            makes all means of a row sum to one.
        floor: standard deviation added to that of the outputs, in squares and in the code's units, unless it is fixed.
        linear: whether encoder and decoder have a linear path.
        scaled: whether networks see the code in units of its typical size, each number in its own; "alike" takes the
            largest of these for all, so that small numbers stay small beside large ones; False leaves the code in its
            own units, as the source.
        bounded: whether the deviation of the latents is kept within bounds and starts small; False leaves the logarithm
            of their variance free, as the source.
        initial: range of the first weights, "fan-in" (± 1/√fan-in) or "xavier" (Glorot & Bengio 2010, biases zero).
        quantised: how many values each latent may take, learned with the rest (Hsu et al. 2023); None for any value.
            The rate then says nothing: set objective.beta to 0.
    """

    latents: int = Field(default=2, ge=1)
    prior: Literal["standard", "gaussian", "hierarchical", "mixture", "vamp"] = "standard"
    prior_options: dict[str, int | float | bool | list[float]] = Field(default={})
    conditions: Names = ()
    network: Literal["mlp", "conv", "dense-conv", "points"] = "mlp"
    width: int = Field(default=32, ge=1)
    depth: int = Field(default=2, ge=0)
    hidden: tuple[Positive, ...] | None = None
    channels: tuple[Positive, ...] = Field(default=(8, 16, 32), min_length=1)
    decoder_channels: tuple[Positive, ...] | None = Field(default=None, min_length=1)
    stride: Literal[1, 2] = 2
    pooled: bool = False
    head: tuple[Positive, ...] | None = None
    blocks: tuple[Positive, ...] = Field(default=(4, 6, 4), min_length=1)
    growth: int = Field(default=4, ge=1)
    features: int = Field(default=2, ge=1)
    point: int = Field(default=2, ge=1)
    activation: str = "silu"
    likelihood: Literal["normal", "bernoulli"] = "normal"
    variance: Literal["closed", "closed-channel", "scalar", "channel", "pixel", "output", "fixed"] = "closed"
    sigma: float = Field(default=1.0, gt=0)
    squashed: bool | Literal["softmax"] = False
    floor: float = Field(default=0.0, ge=0)
    linear: bool = True
    scaled: bool | Literal["alike"] = True
    bounded: bool = True
    initial: Literal["fan-in", "xavier"] = "fan-in"
    quantised: int | None = Field(default=None, ge=2)

    @model_validator(mode="after")
    def _blocks_with_a_middle(self) -> Self:
        if len(self.blocks) % 2 == 0:
            raise ValueError(f"{len(self.blocks)} dense blocks have no middle one: give an odd number of blocks")
        return self

    @model_validator(mode="after")
    def _pooling_halves(self) -> Self:
        if self.pooled and (self.network, self.stride) != ("conv", 2):
            raise ValueError("model.pooled halves the grid of convolutions: give network 'conv' and stride 2 with it")
        return self

    @model_validator(mode="after")
    def _pseudo_inputs_without_conditions(self) -> Self:
        if self.prior == "vamp" and self.conditions:
            raise ValueError("pseudo-inputs have no conditions: give another prior than 'vamp', or no conditions")
        return self

    @model_validator(mode="after")
    def _floor_under_each_output(self) -> Self:
        if self.variance == "output" and not self.floor:
            raise ValueError("an output that never varies has no likelihood: give model.floor with variance 'output'")
        return self

    @property
    def layers(self) -> list[int]:
        """Hidden units of each layer of a dense encoder."""
        return [self.width] * self.depth if self.hidden is None else list(self.hidden)


class ParticleTerms(SettingsModel):
    """The choices of a penalty on decoded particles.

    Args:
        box: L, side of the box, in σ.
        dimensions: numbers of a particle, the last one up.
        core: r_c, distance below which a pair pays, in σ.
        core_weight: w_c, in nats per squared distance.
        wall_weight: w_b, in nats per squared distance.
        margin: δ, distance from a wall below which a particle pays.
        matching: weight of M; 0 for none.
        every: steps between two that count M.
        rows: rows of a batch at whose conditions samples of the prior are decoded.
        ramp: share of the steps over which the weight rises.
    """

    box: float = Field(gt=0)
    dimensions: int = Field(default=2, ge=1)
    core: float = Field(default=1.0, gt=0)
    core_weight: float = Field(default=30.0, ge=0)
    wall_weight: float = Field(default=400.0, ge=0)
    margin: float = Field(default=0.05, ge=0)
    matching: float = Field(default=4.0, ge=0)
    every: int = Field(default=2, ge=1)
    rows: int = Field(default=128, ge=1)
    ramp: float = Field(default=0.3, ge=0, le=1)

    def weight(self, step: int, steps: int) -> float:
        """Share of the full weight at a step of a training."""
        return min(1.0, step / (self.ramp * steps)) if self.ramp else 1.0


class _Beta(SettingsModel):
    def start(self, members: int) -> "Tensor":
        """β of each member before the first regularised step."""
        return self.value(0).expand(members).clone()

    def update(self, beta: "Tensor", step: int, distortion: "Tensor") -> "Tensor":
        """β of each member after ``step`` regularised steps, given the last batch's weighted distortion."""
        return self.value(step).expand(beta.shape).clone()

    def value(self, step: int) -> "Tensor":
        """β as a function of the number of regularised steps taken, one number or one a member."""
        raise AssertionError(f"{type(self).__name__} has no value of its own: it follows the distortion")


class Constant(_Beta):
    """The same β always; a list gives each member its own, or each so many members in turn.

    Args:
        beta: weight of the rate; 1 is the evidence lower bound.
        each: members in turn that each β of a list is given to.
    """

    kind: Literal["constant"] = "constant"
    beta: NotNegative | tuple[NotNegative, ...] = 1.0
    each: int = Field(default=1, ge=1)

    @property
    def by_member(self) -> float | tuple[float, ...]:
        """One β for all members, or one for each."""
        if isinstance(self.beta, float):
            return self.beta
        return tuple(beta for beta in self.beta for _ in range(self.each))

    def start(self, members: int) -> "Tensor":
        """β of each member.

        Raises:
            UsageError: a list that is not of so many numbers.
        """
        stated = self.value(0)
        if stated.ndim and len(stated) != members:
            raise UsageError(f"beta has {len(stated)} numbers for {members} members: give one number, or one a member")
        return super().start(members)

    def value(self, step: int) -> "Tensor":
        return _tensor(self.by_member)


class Ramp(_Beta):
    """β from ``start_beta`` to ``beta`` in equal increments over ``steps``."""

    kind: Literal["linear"] = "linear"
    beta: NotNegative = 1.0
    start_beta: NotNegative = 0.0
    steps: int = Field(default=1000, ge=1)

    def value(self, step: int) -> "Tensor":
        return _tensor(self.start_beta + (self.beta - self.start_beta) * min(1.0, step / self.steps))


class Cyclical(_Beta):
    """β rises to ``beta`` over the first part of each period and stays there for the rest (Fu et al. 2019)."""

    kind: Literal["cyclical"] = "cyclical"
    beta: NotNegative = 1.0
    period: int = Field(default=1000, ge=1)
    rising: float = Field(default=0.5, gt=0, le=1)

    def value(self, step: int) -> "Tensor":
        return _tensor(self.beta * min(1.0, (step % self.period) / self.period / self.rising))


class Saturating(_Beta):
    r"""The Lennard-Jones study's rule for images: a ramp that saturates, to a level that itself grows.

    .. math:: \beta_e = \Big(1 - \frac{1}{1 + e/e_0}\Big)(\beta + g e)

    with e the number of epochs, each of ``epoch`` steps.
    """

    kind: Literal["saturating"] = "saturating"
    beta: NotNegative = 0.5
    growth: NotNegative = 0.0005
    epochs: float = Field(default=10.0, gt=0)
    epoch: int = Field(default=100, ge=1)

    def value(self, step: int) -> "Tensor":
        e = step // self.epoch
        return _tensor((1 - 1 / (1 + e / self.epochs)) * (self.beta + self.growth * e))


class Feedback(_Beta):
    r"""The source's rule: β follows the distortion L on the scale of the objective, and never exceeds one.

    .. math:: \beta \leftarrow \min\big(1, \beta \exp(\nu f L)\big), \qquad
        f = \tanh(\tau(\beta - 1)) \text{ if } L \le 0, \text{ else } -1

    Klushyn et al. (2019) without the constraint, as in the code of Jacobsen & Duraisamy. β grows only while L is
    negative, which depends on the units of the data and on the scale.
    """

    kind: Literal["feedback"] = "feedback"
    start_beta: float = Field(default=1e-9, gt=0)
    nu: float = Field(default=0.005, gt=0)
    tau: float = Field(default=1.0, gt=0)

    def start(self, members: int) -> "Tensor":
        return _tensor(self.start_beta).expand(members).clone()

    def update(self, beta: "Tensor", step: int, distortion: "Tensor") -> "Tensor":
        force = (self.tau * (beta - 1)).tanh().where(distortion <= 0, -1.0)
        return (beta * (self.nu * force * distortion).exp()).clamp(max=1.0)


class SubPrior(SettingsModel):
    r"""A weight of its own for the lower rate of a hierarchical prior, the source's scheduler of App. B.

    The rate is :math:`R_z + \beta_\xi R_\xi`, and :math:`\beta_\xi` follows the rule of `Feedback` without its bound,
    with :math:`L = E \log p(z|\xi)`, whose sign is the opposite of the distortion's, as in the source's code. There
    the whole rate counts by the first β in the reconstruction phase too, so that the prior learns before it is felt.

    Args:
        start_beta: weight before the first regularised step.
        nu, tau: of the rule.
    """

    start_beta: float = Field(default=1e-8, gt=0)
    nu: float = Field(default=0.005, gt=0)
    tau: float = Field(default=1.0, gt=0)

    def start(self, members: int) -> "Tensor":
        """The weight of each member at first."""
        return _tensor(self.start_beta).expand(members).clone()

    def update(self, beta: "Tensor", log_prior: "Tensor") -> "Tensor":
        """The weight of each member after a regularised step, given the last batch's mean of log p(z|ξ)."""
        force = (self.tau * (beta - 1)).tanh().where(log_prior <= 0, -1.0)
        return beta * (self.nu * force * log_prior).exp()


BetaRule = Annotated[
    Annotated[Constant, Tag("constant")]
    | Annotated[Ramp, Tag("linear")]
    | Annotated[Cyclical, Tag("cyclical")]
    | Annotated[Saturating, Tag("saturating")]
    | Annotated[Feedback, Tag("feedback")],
    Discriminator(kind_or("constant")),
]


class OutputNoise(SettingsModel):
    """Noise on decoded numbers in training that fades, as the Lennard-Jones study adds to images.

    Its deviation is ``std`` / (1 + e/``epochs``) at epoch e of ``epoch`` steps, in the code's units.
    """

    std: float = Field(default=0.05, gt=0)
    epochs: float = Field(default=10.0, gt=0)
    epoch: int = Field(default=100, ge=1)

    def at(self, step: int) -> float:
        """Its deviation at a step."""
        return self.std / (1 + step // self.epoch / self.epochs)


class LabelSettings(SettingsModel):
    """Labels: factors whose values are known for some of the training rows, so that latents can be told to be them.

    Args:
        names: factors that are known for some training rows, in the order of the latents that they set; further latents
            stay free.
        number: how many training rows have labels, the first so many of a random order; a list gives members their own,
            each number to so many members in turn as there are draws. none takes all whose labels are known.
        draws: random orders of the training rows that members take in turn.
        known: name of a factor that is 1 in rows whose labels are known and 0 in the others; in all rows by default.
        weight: weight of the labels beside the distortion of one pixel, or column of a table, on any scale of the
            objective. 1 is that of Jacobsen & Duraisamy; one over the number of pixels gives a nat of a label the
            weight of any other nat.
        noise: standard deviation of noise that is put on the labels, in units of their spread; a list gives members
            their own, as with the number.
        rule: "labels" is the negative log density of the labels under the encoder, equation 29 of Jacobsen &
            Duraisamy (2022); "density" their equation 28, which has no lower bound, as a control.
        centre: centre of each factor, in its own unit, where it is known beforehand; that of the labels by default.
        spread: its standard deviation, likewise. Labelled latents are factors less their centre, over their spread.
        batch: labelled rows in a step; none takes all.
    """

    names: Names = ()
    number: Positive | tuple[Positive, ...] | None = None
    draws: int = Field(default=1, ge=1)
    known: str | None = None
    weight: float = Field(default=1.0, ge=0)
    noise: NotNegative | tuple[NotNegative, ...] = 0.0
    rule: Literal["labels", "density"] = "labels"
    centre: tuple[float, ...] | None = None
    spread: tuple[Above, ...] | None = None
    batch: int | None = Field(default=64, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.names:
            raise ValueError(
                "objective.labels.names is missing: set it to the factors that rows have labels of (--labels)"
            )
        if self.number is None and self.known is None:
            raise ValueError(
                "objective.labels.number is missing: set it to how many training rows have labels (--labelled), or "
                "objective.labels.known to the factor that says which rows have"
            )
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"objective.labels.names ({', '.join(self.names)}) has a factor twice: name each once")
        for name in ("centre", "spread"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.names):
                raise ValueError(
                    f"objective.labels.{name} has {len(values)} numbers for {len(self.names)} labelled factors: "
                    "give one for each"
                )
        return self

    @property
    def least(self) -> int:
        """The fewest labelled rows whose centre and spread can be told."""
        return 1 if self.centre is not None and self.spread is not None else 2

    def by_member(self, name: str, members: int) -> list[float] | list[None]:
        """A setting that may be a list, for each member.

        Args:
            name: of the setting, "number" or "noise".
            members: how many.

        Raises:
            UsageError: a list of another length than the members over the draws.

        >>> LabelSettings(names=("a",), number=(2, 8), draws=2).by_member("number", 4)
        [2, 2, 8, 8]
        """
        value = getattr(self, name)
        if not isinstance(value, tuple):
            return [value] * members
        if len(value) * self.draws != members:
            raise UsageError(
                f"objective.labels.{name} has {len(value)} numbers and {self.draws} draws of each for {members} "
                f"members: set training.members to {len(value) * self.draws}"
            )
        return [one for one in value for _ in range(self.draws)]


class ObjectiveSettings(SettingsModel):
    """The choices that make an objective.

    Args:
        beta: a rule: constant, linear, cyclical, saturating or feedback.
        scale: "nats", or "jacobsen" or "bordin" for a source's weights; "jacobsen-equal" averages the rate over latents
            for every prior, where the source's code sums that of its hierarchical one.
        reconstruction_steps: length of a first phase without the rate.
        sub_prior: rule of a weight for the lower rate of the hierarchical prior; None for none. With beta of kind
            "feedback".
        output_noise: noise on decoded numbers; None for none.
        particles: penalty on decoded particles that overlap or leave their box; None for none.
        labels: factors that are known for some of the training rows; None for none.
        regulariser: a term beside the rate that asks for latents without dependence: total-correlation, factor, mmd or
            hausdorff; None for none. It is weighed as the rate is, but for β.
    """

    beta: BetaRule = Constant()
    scale: Literal["nats", "jacobsen", "jacobsen-equal", "bordin"] = "nats"
    reconstruction_steps: int = Field(default=0, ge=0)
    sub_prior: SubPrior | None = None
    output_noise: OutputNoise | None = None
    particles: ParticleTerms | None = None
    labels: LabelSettings | None = None
    regulariser: RegulariserSettings | None = None

    @model_validator(mode="after")
    def _weight_that_grows(self) -> Self:
        if self.sub_prior is not None and not isinstance(self.beta, Feedback):
            raise ValueError("objective.sub_prior counts in the first phase too: give beta the kind 'feedback'")
        return self
