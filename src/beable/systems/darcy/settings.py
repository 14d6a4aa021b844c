"""The settings of the Darcy simulator."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from beable.settings import Number, Positive, Rows, SettingsModel, Whole

#: numbers at which no flow is left but rounding, or which single precision cannot hold, are beyond these
Factor = Annotated[Number, Field(ge=-1e3, le=1e3)]

Law = Literal["normal", "shifted", "mixture", "correlated-gaussian", "correlated-mixture", "uniform", "table"]
#: settings that not every law has; a record holds those of its own law
OF_LAWS = ("centre", "width", "width_is", "sign_agreement", "covariance", "low", "high", "table")


class DarcySettings(SettingsModel):
    """All that defines a Darcy flow between two wells, and the law of its factors."""

    headings: ClassVar = {"Factors": ("factors", *OF_LAWS)}
    option_names: ClassVar = {
        "length": "correlation-length",
        "mean": "log-k-mean",
        "variance": "log-k-variance",
        "rate": "injection",
        "centre": "peak-centre",
        "width": "peak-width",
    }

    modes: Whole = Field(2, ge=1, le=10**6, description="Number p of modes of the log-permeability, and of factors.")
    grid: Whole = Field(65, ge=3, le=10**5, description="Nodes n along a side, boundary included.")
    length: Positive = Field(
        0.1, ge=1e-4, le=1e4, description="Correlation length of the log-permeability, in sides of the square."
    )
    mean: Number = Field(0.0, ge=-50, le=50, description="Mean of the log-permeability.")
    variance: Positive = Field(1.0, ge=1e-8, le=1e4, description="Variance of the log-permeability.")
    quadrature: Literal["trapezoid", "none"] = Field(
        "trapezoid", description="Weights of the nodes in the expansion; none is the source's."
    )
    orientation: Number = Field(
        0.0, ge=-360, le=360, description="Angle in degrees that turns pairs of modes of equal eigenvalue."
    )
    factors: Law = Field("normal", description="Law of the factors theta, the coefficients of the modes.")
    scheme: Literal["conservative", "jacobsen"] = Field(
        "conservative", description="Finite volumes (conservative), or the source's differences (jacobsen)."
    )
    rate: Positive = Field(10.0, ge=1e-9, le=1e9, description="Injection per area.")
    well: Annotated[Positive, Field(ge=1e-4, lt=0.5)] = Field(
        0.125, description="Side of the wells; they would overlap from 0.5 on."
    )
    well_edge: Literal["nodes", "cells"] = Field(
        "nodes",
        description="Where a well ends: nodes fills the control volumes of all nodes in it, as the source does, which "
        "makes it wider by half a cell; cells fills each control volume as far as the well reaches.",
    )
    centre: Factor | None = Field(
        None, description="Distance of the peaks from zero, for shifted and the mixtures; 1 where none is given."
    )
    width: Annotated[Positive, Field(ge=1e-6, le=1e3)] | None = Field(
        None, description="Width of a peak; 0.5 for shifted and 0.25 for the mixtures where none is given."
    )
    width_is: Literal["deviation", "variance"] | None = Field(
        None, description="Whether the width is a standard deviation or a variance; deviation where nothing is given."
    )
    sign_agreement: Annotated[Number, Field(gt=0, lt=1)] | None = Field(
        None,
        description="Probability that neighbouring signs agree, for correlated-mixture; 0.75 where none is given.",
    )
    covariance: Rows | None = Field(None, description="Covariance of the factors, for correlated-gaussian.")
    low: Factor | None = Field(None, description="Lower bound, for uniform; -3 where none is given.")
    high: Factor | None = Field(None, description="Upper bound, for uniform; 3 where none is given.")
    table: Rows | None = Field(None, description="Factors of each row, for table.")

    @model_serializer(mode="wrap")
    def _of_this_law(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the settings of other laws."""
        found: dict[str, Any] = serialise(self)
        return {name: value for name, value in found.items() if name not in OF_LAWS or value is not None}

    @property
    def of_law(self) -> dict[str, Any]:
        """The settings of the law that were given."""
        return {name: value for name, value in self if name in OF_LAWS and value is not None}
