"""The settings of terms that an objective may have beside the rate, each named after what it penalises."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from beable.settings import SettingsModel, kind_or

Weight = Annotated[float, Field(ge=0)]


class TotalCorrelation(SettingsModel):
    """Dependence of the latents, estimated within a batch, as β-TCVAE charges it beside the rate (Chen et al. 2018).

    Args:
        weight: of the total correlation in nats, beside that which the rate holds: the source's β less one.
    """

    kind: Literal["total-correlation"] = "total-correlation"
    weight: Weight = 5.0


class Factor(SettingsModel):
    """The same, by a network that tells latents from latents of shuffled rows, as FactorVAE (Kim & Mnih 2018).

    Args:
        weight: γ, of the total correlation in nats.
        width: hidden units of a layer of that network.
        depth: number of its hidden layers.
        learning_rate: of that network, by Adam.
    """

    kind: Literal["factor"] = "factor"
    weight: Weight = 10.0
    width: int = Field(default=64, ge=1)
    depth: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)


class MMD(SettingsModel):
    """Distance of the latents of a batch from samples of the prior, as InfoVAE (Zhao, Song & Ermon 2019).

    Args:
        weight: of the squared maximum mean discrepancy; with a small β of the rate it takes the place of that.
    """

    kind: Literal["mmd"] = "mmd"
    weight: Weight = 100.0


class Hausdorff(SettingsModel):
    """Distance of the support of the latents from a product, within a batch (Roth et al. 2023).

    Args:
        weight: of the sum over pairs of latents.
    """

    kind: Literal["hausdorff"] = "hausdorff"
    weight: Weight = 10.0


RegulariserSettings = Annotated[
    Annotated[TotalCorrelation, Tag("total-correlation")]
    | Annotated[Factor, Tag("factor")]
    | Annotated[MMD, Tag("mmd")]
    | Annotated[Hausdorff, Tag("hausdorff")],
    Discriminator(kind_or("total-correlation")),
]
