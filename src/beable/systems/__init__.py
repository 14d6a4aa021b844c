"""The table of the systems that come with beable: a folder each, imported when one is asked for.

Nothing else outside these folders names a system.
"""

from beable.system import System, Verb

BUILT_IN = {
    "darcy": System(
        help="Darcy flow through random permeability.",
        simulator="beable.systems.darcy.simulator:Darcy",
        settings="beable.systems.darcy.settings:DarcySettings",
        studies="beable.systems.darcy",
        parts="beable.systems.darcy.study:PARTS",
    ),
    "lennard-jones": System(
        help="A Lennard-Jones fluid under gravity.",
        simulator="beable.systems.lennard_jones.simulator:LennardJones",
        settings="beable.systems.lennard_jones.settings:LennardJonesSettings",
        studies="beable.systems.lennard_jones",
        parts="beable.systems.lennard_jones.study:PARTS",
        data_items="beable.systems.lennard_jones.page:data_items",
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
            "pack": Verb("beable.systems.packing.verbs:pack", "Drop a powder, and measure how densely it packs."),
        },
    ),
}
