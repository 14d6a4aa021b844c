"""The settings of the Lennard-Jones fluid."""

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from beable.settings import Number, Positive, Positives, SettingsModel, Share, Truth, Whole, listed

NotNegative = Annotated[Number, Field(ge=0)]

#: how far from 1 a temperature, a box, or the energy of a particle that falls through it beside kT, may be
LARGEST, COLDEST = 1e6, 1e-9
#: weight of a particle over the height of the box, in units of the temperature
DEEPEST = 1e9
#: sweeps and rows of a chain; thirty particles take a day for so many sweeps
LONGEST = 10**9

#: how the Padova study sampled: restart from a random configuration, short, small steps
SOURCE_PROTOCOL: dict[str, Any] = {"protocol": "restart", "sweeps": 2500, "step": 0.2, "teleport": 0.0}


def absurd(gravity: float, temperature: float, box: float) -> str:
    """Why nothing but rounding is left of a fluid; empty where something is.

    >>> absurd(0.4, 0.75, 10.0), absurd(0.4, 0.75, 1e9)
    ('', 'box must be from 1e-06 to 1e+06 in reduced units, not 1e+09')
    """
    for name, value, least in (("box", box, 1 / LARGEST), ("temperature", temperature, COLDEST)):
        if not least <= value <= LARGEST:
            return f"{name} must be from {least:g} to {LARGEST:g} in reduced units, not {value:g}"
    if gravity * box > DEEPEST * temperature:
        return (
            f"gravity {gravity:g} leaves all particles on the floor at temperature {temperature:g}: give at most "
            f"{DEEPEST * temperature / box:g}"
        )
    return ""


class GravityRange(SettingsModel):
    """A range that each chain draws its gravity from."""

    low: NotNegative = Field(description="Lowest gravity, instead of a list; each chain draws its own.")
    high: NotNegative = Field(description="Highest gravity, instead of a list.")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"gravity must have low less than high, not {self.low:g} and {self.high:g}")
        return self


class BondSettings(SettingsModel):
    """Bonds between neighbours of a chain of all particles."""

    stiffness: Positive = Field(
        30.0, ge=1e-6, le=1e6, description="Stiffness of the bonds of a chain, in epsilon per sigma squared."
    )
    length: Annotated[Number, Field(ge=1, le=1e6)] = Field(
        1.5, description="Length at which a bond breaks, in sigma; below 1 neighbours would overlap."
    )


Levels = Annotated[tuple[NotNegative, ...], BeforeValidator(listed), Field(min_length=1)]
Gravity = Annotated[
    Annotated[Levels, Tag("levels")] | Annotated[GravityRange, Tag("range")],
    Discriminator(lambda value: "range" if isinstance(value, Mapping | GravityRange) else "levels"),
]


class LennardJonesSettings(SettingsModel):
    """All that defines a fluid under gravity, in reduced units, and how it is sampled."""

    headings: ClassVar = {
        "Factors": ("gravity", "temperature", "box"),
        "Sampling": ("moves", "step", "teleport", "protocol", "sweeps", "samples", "spacing", "start"),
    }

    particles: Whole = Field(30, ge=1, le=10**7, description="Number N of particles.")
    dimensions: Literal[2, 3] = Field(2, description="Dimensions of the box; the last points up.")
    box: Positives = Field((10.0,), description="Side of the box, in sigma; several are given to chains in turn.")
    temperature: Positives = Field(
        (0.75,), description="Temperature T = kT/epsilon; several are given to chains in turn."
    )
    gravity: Gravity = Field(
        (0.1, 0.4, 0.7, 1.0), description="Gravity gamma = m g sigma/epsilon; several are given to chains in turn."
    )
    potential: str = Field(
        "lennard-jones",
        description="Pair potential: lennard-jones, fake, none, or module:function of a numba function of r squared.",
    )
    cutoff: Annotated[Positive, Field(ge=0.1, le=LARGEST)] | None = Field(
        3.0, description="Distance from which pairs do not interact, in sigma; none for no cut-off."
    )
    shift: Truth = Field(False, description="Shift the potential to zero at the cut-off.")
    bonds: BondSettings | None = Field(None, description="Bonds between neighbours of a chain.")
    walls: Literal["keep", "mirror", "reject", "periodic"] = Field(
        "keep",
        description="What becomes of a move out of the box: a coordinate keeps its old value (keep), is reflected "
        "(mirror), the move is rejected (reject), or it comes back on the other side (periodic).",
    )
    moves: Literal["sweep", "random"] = Field("sweep", description="Particles in turn (sweep), or drawn at random.")
    step: Annotated[Positive, Field(ge=1e-6)] | None = Field(
        None, description="Largest displacement along an axis, in sigma; tuned where none is given."
    )
    teleport: Share | None = Field(
        None, description="Probability of a move to anywhere; what relaxes fastest where none is given."
    )
    protocol: Literal["long-run", "restart", "source"] = Field(
        "long-run",
        description="Several rows of a long run, a restart for each row, or the Padova study's own short restart.",
    )
    sweeps: Whole = Field(
        3000,
        ge=2,
        le=LONGEST,
        description="Moves of each particle before the first row of a chain; strong gravity needs more, 10,000 at 3; "
        "2500 with the protocol of the source.",
    )
    samples: Whole = Field(8, ge=1, le=LONGEST, description="Rows of a chain, in a long run; a restart has one.")
    spacing: Annotated[Whole, Field(ge=1, le=LONGEST)] | Literal["auto"] = Field(
        600, description="Sweeps between rows of a chain, in a long run; auto measures what is needed."
    )
    start: Literal["random", "lattice", "chain"] | None = Field(
        None, description="Where chains begin; random where nothing is given, and chain with bonds."
    )

    @classmethod
    def completed(cls, tree: dict[str, Any]) -> dict[str, Any]:
        """The protocol of the source in numbers."""
        if tree.get("protocol") != "source":
            return tree
        return SOURCE_PROTOCOL | {name: value for name, value in tree.items() if name != "protocol"}

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        for name in ("box", "temperature", "gravity"):
            levels = getattr(self, name)
            if isinstance(levels, tuple) and len(set(levels)) < len(levels):
                raise ValueError(f"{name} must be a number or several different ones, not {list(levels)}")
        self._refuse_absurd()
        if self.shift and self.cutoff is None:
            raise ValueError("shift needs a cut-off: give cutoff, or leave shift out")
        if self.protocol == "restart":
            self._check_restart()
        return self

    def _refuse_absurd(self) -> None:
        """Refuse numbers at which nothing but rounding is left of the fluid."""
        gravity = (self.gravity.low, self.gravity.high) if isinstance(self.gravity, GravityRange) else self.gravity
        systems = product(gravity, self.temperature, self.box)
        for system in sorted(systems, key=lambda s: s[0] * s[2] / s[1], reverse=True):
            if reason := absurd(*system):
                raise ValueError(reason)

    def _check_restart(self) -> None:
        """Refuse what only a long run has, but for the numbers that a record holds."""
        own = {"samples": 1, "spacing": self.sweeps - self.sweeps // 2}
        for name, value in own.items():
            if name in self.model_fields_set and getattr(self, name) != value:
                raise ValueError(f"{name} is for long runs: leave it out, or choose the protocol long-run")
