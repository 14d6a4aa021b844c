"""The table of the systems that come with beable: a folder each, imported when one is asked for.

Nothing else outside these folders names a system.
"""

from beable.references import Reference
from beable.system import System, Verb

BUILT_IN = {
    "darcy": System(
        help="Darcy flow through random permeability.",
        simulator="beable.systems.darcy.simulator:Darcy",
        settings="beable.systems.darcy.settings:DarcySettings",
        studies="beable.systems.darcy",
        parts="beable.systems.darcy.study:PARTS",
        published="beable.systems.darcy.published:published",
        examples={
            "simulate": (
                "beable simulate darcy --rows 1024 --factors mixture -o darcy.zarr",
                "beable simulate darcy --rows 64 --grid 17 --factors shifted --peak-width 0.3 -o small.zarr",
            ),
            "design": ("beable design darcy --target pressure.max=0.3 --calls 100 -o pressures",),
            "study show": ("beable study show darcy-mixture",),
            "study run": ("beable study run darcy-mixture --preset quick -o demo-out",),
        },
        page="docs/darcy.md",
        cite=(
            Reference(
                "jacobsen2022disentangling",
                "article",
                "Jacobsen, Christian and Duraisamy, Karthik",
                "Disentangling generative factors of physical fields using variational autoencoders",
                "2022",
                journal="Frontiers in Physics",
                volume="10",
                pages="890910",
            ),
        ),
    ),
    "lennard-jones": System(
        help="A Lennard-Jones fluid under gravity.",
        simulator="beable.systems.lennard_jones.simulator:LennardJones",
        settings="beable.systems.lennard_jones.settings:LennardJonesSettings",
        studies="beable.systems.lennard_jones",
        parts="beable.systems.lennard_jones.study:PARTS",
        data_items="beable.systems.lennard_jones.page:data_items",
        examples={
            "simulate": (
                "beable simulate lennard-jones --rows 256 -o fluid.zarr",
                "beable simulate lennard-jones --rows 64 --particles 12 --gravity.low 0.1 --gravity.high 1 -o gas.zarr",
            ),
            "study show": ("beable study show lj-fluid --json",),
            "study run": ("beable study run lj-fluid --set run.training.steps=200 --workers 2",),
        },
        page="docs/lennard-jones.md",
        cite=(
            Reference(
                "lcpb2023fluid",
                "misc",
                "Bordin, G. and Barbiero, L. and Pitteri, A. and Bacilieri, D.",
                "Laboratory of Computational Physics B, group 9: final and meeting decks",
                "2023",
                note="University of Padova",
            ),
        ),
    ),
    "packing": System(
        help="Packing fractions of powders.",
        simulator="beable.systems.packing.simulator:Packing",
        settings="beable.systems.packing.settings:PackingSettings",
        studies="beable.systems.packing",
        parts="beable.systems.packing.study:PARTS",
        data_items="beable.systems.packing.page:data_items",
        sources={
            "subset": "beable.systems.packing.tables_of_study:SUBSET",
            "table": "beable.systems.packing.tables_of_study:TABLE",
        },
        readers={"table": "beable.systems.packing.tables_of_study:FILE"},
        verbs={
            "pack": Verb(
                "beable.systems.packing.verbs:pack",
                "Drop a powder, and measure how densely it packs.",
                (
                    "beable pack median=20,spread=0.3 --picture bed.png",
                    "beable pack median=1,mass_fraction=0.3 median=5,mass_fraction=0.7 --beds 4 -o bed.xyz",
                ),
                "docs/packing.md",
            ),
        },
        examples={
            "simulate": (
                "beable simulate packing --rows 256 --median 1 5 --spread 0.05 0.3 -o powders.zarr",
                "beable simulate packing --rows 32 --components 2 --min-coarse-spheres 30 -o few.zarr",
            ),
            "design": ("beable design packing --target packing_fraction=0.65 --designs 4 -o dense",),
        },
        page="docs/packing.md",
        cite=(
            Reference(
                "hall2023case",
                "misc",
                "Hall, J. R. and Sparks, T. D.",
                "A case study of beta-variational auto-encoders: computational multi-modal particle packing simulation",
                "2023",
            ),
        ),
    ),
}
