"""The settings of the packing simulator."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from beable.settings import Number, Positive, Positives, Rows, SettingsModel, Whole, listed

#: spheres of a bed: most that can be packed, fewest that mean something
MOST, LEAST = 5_000_000, 2000
#: coarse spheres that must lie in the bulk of a bed
COARSE = 30


def _ends(value: Any) -> Any:
    """Both ends of a range of one value."""
    ends = listed(value)
    if len(ends) not in (1, 2):
        raise PydanticCustomError("ends", "must be a lowest and a highest value")
    return [*ends, *ends] if len(ends) == 1 else ends


NotNegative = Annotated[Number, Field(ge=0)]


class PackingSettings(SettingsModel):
    """All that defines a table of packings of powders; sizes may have any unit, packing fractions have none."""

    headings: ClassVar = {"Factors": ("median", "spread", "sampling", "table")}

    components: Whole = Field(3, ge=1, le=20, description="Number k of components.")
    median: Annotated[tuple[Positive, Positive], BeforeValidator(_ends)] = Field(
        (1.0, 8.0), description="Lowest and highest mass-median diameter; log-uniform between them."
    )
    spread: Annotated[tuple[NotNegative, NotNegative], BeforeValidator(_ends)] = Field(
        (0.05, 0.4), description="Lowest and highest standard deviation of ln d by mass; uniform between them."
    )
    truncation: Positive = Field(2.0, description="Sizes lie within so many spreads of the median, in ln d.")
    densities: Positives = Field((1.0,), description="Densities of the components, one for all or one each.")
    min_coarse_spheres: Whole = Field(
        80, ge=COARSE, description="Coarsest spheres in the measured part of each bed: accuracy, for time."
    )
    max_spheres: Whole = Field(
        1_000_000, ge=LEAST, le=MOST, description="Spheres that a powder may need; a row that needs more fails."
    )
    sampling: Literal["sobol", "uniform", "table"] = Field(
        "sobol",
        description="How powders are chosen: a Sobol sequence, which fills the space evenly, independent draws, or a "
        "table; table where one is given.",
    )
    table: Rows | None = Field(
        None, description="A powder a row: medians and spreads in turn, component by component, then mass fractions."
    )

    @classmethod
    def completed(cls, tree: dict[str, Any]) -> dict[str, Any]:
        """A table is sampled where one is given."""
        return {"sampling": "table"} | tree if tree.get("table") is not None else tree

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        for name in ("median", "spread"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must be a lowest and a highest value, not {low:g} and {high:g}")
        if len(self.densities) not in (1, self.components):
            raise ValueError(f"densities must be one number, or {self.components}, one a component")
        if (self.table is None) == (self.sampling == "table"):
            raise ValueError("a table and the sampling 'table' go together: give both or neither")
        return self


class PackSettings(SettingsModel):
    """A powder to drop, and the bed that it makes."""

    components: tuple[dict[str, Any], ...] = Field(
        min_length=1, description="Sizes and fractions of each component, as `powders.Component` takes them."
    )
    spheres: Annotated[Whole, Field(ge=1)] | None = Field(
        None, description="How many to drop; the fewest that mean something by default."
    )
    box: Positive | None = Field(None, description="Side of the box, in the unit of the sizes.")
