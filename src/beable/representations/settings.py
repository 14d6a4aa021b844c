"""The settings of the representations, one model each; a run records the kind and what was given."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, SerializerFunctionWrapHandler, Tag, model_serializer

from beable.settings import SettingsModel, kind_or

Order = Literal["assignment", "none", "lexicographic", "height", "origin", "centre"]
Side = Annotated[float, Field(gt=0)] | None


class RepresentationModel(SettingsModel):
    """Settings of a representation; their record holds the kind and those that were given."""

    @model_serializer(mode="wrap")
    def _given(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = serialise(self)
        return {name: value for name, value in found.items() if name == "kind" or name in self.model_fields_set}


class AutoSettings(RepresentationModel):
    """What suits the variables: coordinates of particles, a table of numbers that lie on no grid, modes of fields.

    Options beside the kind are those of whatever is chosen.
    """

    model_config = ConfigDict(extra="allow")

    kind: Literal["auto"] = "auto"


class ModesSettings(RepresentationModel):
    """Coefficients of the leading POD modes."""

    kind: Literal["modes"] = "modes"
    energy: float = Field(default=1 - 1e-7, gt=0, le=1, description="Share of the energy that the modes keep.")
    modes: int | None = Field(default=None, ge=1, description="Number of modes, instead of the kept energy.")
    scaling: Literal["channel", "none"] = Field(
        default="channel", description="Scale of the numbers; channel or none for fields and modes."
    )
    separate: bool = Field(default=False, description="A basis for each channel instead of one for all.")


class FieldsSettings(RepresentationModel):
    """Fields on a grid."""

    kind: Literal["fields"] = "fields"
    scaling: Literal["channel", "none"] = Field(
        default="channel", description="Scale of the numbers; channel or none for fields and modes."
    )
    centre: bool = Field(default=True, description="Subtract the training mean field.")


class CoordinatesSettings(RepresentationModel):
    """Coordinates of particles."""

    kind: Literal["coordinates"] = "coordinates"
    order: Order = Field(default="assignment", description="Rule that numbers the particles; none keeps their labels.")
    centred: bool = Field(default=False, description="Take the centre of mass out.")
    scaling: Literal["deviation", "range", "box", "none"] = Field(
        default="deviation", description="Scale of the coordinates."
    )
    box: Side = Field(default=None, description="Side of the box, for the scaling that needs it.")
    polar: bool = Field(default=False, description="Distance and angles from the centre of mass instead.")


class DistancesSettings(RepresentationModel):
    """Distances between all pairs of particles."""

    kind: Literal["distances"] = "distances"
    order: Order = Field(default="origin", description="Rule that numbers the particles.")
    form: Literal["image", "flat", "triangle"] = Field(default="image", description="Shape of a row of distances.")
    scaling: Literal["diagonal", "deviation", "none"] = Field(default="diagonal", description="Scale of the distances.")
    box: Side = Field(default=None, description="Side of the box.")
    refine: bool = Field(default=True, description="Improve decoded positions by stress majorisation.")
    orientation: Literal["floor", "mean"] = Field(default="floor", description="How decoded configurations are turned.")
    periodic: bool = Field(default=False, description="Distances of nearest images in a box that repeats.")


class DensitySettings(RepresentationModel):
    """Counts of particles in the cells of a grid."""

    kind: Literal["density"] = "density"
    cells: int = Field(ge=1, description="Cells along each axis.")
    box: float = Field(gt=0, description="Side of the box.")
    value: Literal["count", "max", "one"] = Field(default="count", description="What a cell holds.")


class JointSettings(RepresentationModel):
    """Coordinates and distances of the same particles."""

    kind: Literal["joint"] = "joint"
    order: Order = Field(default="assignment", description="Rule that numbers the particles.")
    form: Literal["triangle", "flat"] = Field(default="triangle", description="Shape of a row of distances.")
    scaling: Literal["deviation", "box"] = Field(default="deviation", description="Scale of both.")
    box: Side = Field(default=None, description="Side of the box, for the scaling that needs it.")
    encoded: Literal["both", "distances"] = Field(
        default="both", description="What the encoder sees of both; the decoder answers with both."
    )


class InternalSettings(RepresentationModel):
    """Bond lengths, angles and dihedral angles of a chain of named particles."""

    kind: Literal["internal"] = "internal"


class PeriodicSettings(RepresentationModel):
    """Positions in a periodic box as angles."""

    kind: Literal["periodic"] = "periodic"
    order: Literal["assignment", "none"] = Field(default="assignment", description="Rule that numbers the particles.")
    box: Annotated[float, Field(gt=0)] | tuple[float, ...] | None = Field(
        default=None, description="Side, sides or edges of the box; none takes those of each row."
    )
    repeats: tuple[bool, ...] | None = Field(default=None, description="Along which edges the box repeats.")


class TableSettings(RepresentationModel):
    """Numbers and short vectors, each on a scale of its own."""

    kind: Literal["table"] = "table"
    scaling: Literal["deviation", "range", "maximum", "overall", "none"] = Field(
        default="deviation", description="Scale of each column, or one of all."
    )
    log: str = Field(default="", description="Variables taken as logarithms, with commas between.")
    composition: str = Field(default="", description="Vectors that are shares of a whole, with commas between.")
    simplex: Literal["ilr", "closed", "rescale", "none"] = Field(default="ilr", description="How shares are coded.")
    bounded: str = Field(default="", description="Variables taken as log-odds, such as porosity=0:1.")
    classes: str = Field(default="", description="Variables that are one of several classes, such as phase=3.")
    constant: Literal["refuse", "keep"] = Field(
        default="refuse",
        description="Refuse columns that are the same in all training rows, or keep them out of the code.",
    )
    smallest: float = Field(default=1e-4, gt=0, lt=0.5, description="Share of a whole that is still not none, for ilr.")
    groups: Literal["column", "variable", "all"] = Field(
        default="column", description="Numbers with one output variance."
    )


RepresentationSettings = Annotated[
    Annotated[AutoSettings, Tag("auto")]
    | Annotated[ModesSettings, Tag("modes")]
    | Annotated[FieldsSettings, Tag("fields")]
    | Annotated[CoordinatesSettings, Tag("coordinates")]
    | Annotated[DistancesSettings, Tag("distances")]
    | Annotated[DensitySettings, Tag("density")]
    | Annotated[JointSettings, Tag("joint")]
    | Annotated[InternalSettings, Tag("internal")]
    | Annotated[PeriodicSettings, Tag("periodic")]
    | Annotated[TableSettings, Tag("table")],
    Discriminator(kind_or("auto")),
]
