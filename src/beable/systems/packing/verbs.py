"""The verb pack: one powder dropped, measured and drawn."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from beable.console.numbers import number
from beable.console.options import named_options, tree_of, with_options
from beable.console.output import show
from beable.console.outputs import marked_png, refuse_foreign
from beable.console.parameters import Count, Index, Outputs, Settings
from beable.console.progress import progress
from beable.console.settings import given
from beable.console.tables import facts, next_step, tell
from beable.errors import OutputError, UsageError
from beable.settings import merged, validated
from beable.systems.packing.settings import PackSettings

if TYPE_CHECKING:
    from beable.systems.packing.simulator import Packed

OPTIONS = named_options(PackSettings, {"spheres": "spheres", "box": "box"})
#: letters that a component may be described with on the command line
SHORT = {
    "d": "median",
    "s": "spread",
    "mass": "mass_fraction",
    "volume": "volume_fraction",
    "number": "number_fraction",
}


def pack(
    *components: Annotated[str, Parameter(metavar="median=20,spread=0.3")],
    beds: Count = 1,
    extrapolate: bool = False,
    seed: Index = 0,
    config: Path | None = None,
    set: Settings = [],  # noqa: B006
    output: Outputs = None,
    picture: Path | None = None,
    force: bool = False,
    json: bool = False,
    **chosen: Any,
) -> None:
    """Drop a powder into a box with periodic sides, and measure how densely it packs.

    A component is words such as median=20,spread=0.3,mass_fraction=0.7,density=2.7; short: d, s, mass, volume, number.

    Args:
        components: One or several components, each in words such as median=20,spread=0.3,mass_fraction=0.7,density=2.7
            (short: d, s, mass, volume, number); fractions sum to 1.
        beds: Beds with seeds of their own; the standard error is then that of their spread.
        extrapolate: Find the packing fraction of two components too far apart to be dropped, up to 1:200, from beds of
            the same powder with the fine component enlarged.
        seed: Seed of all random numbers.
        config: TOML file with spheres, box and a table [[components]] for each component.
        set: The same as words, such as box=12; they win over the file, options over both.
        output: .xyz file for the spheres of the first bed, in the extended form that OVITO reads.
        picture: .png file for a picture of the first bed.
        force: Write over files that beable did not make.
        json: Print the result as JSON.
    """
    tree = merged(given(config, set), tree_of(OPTIONS, chosen))
    if components:
        tree["components"] = [_component(words) for words in components]
    if not tree.get("components"):
        raise UsageError("give at least one component, such as median=20,spread=0.3")
    settings = validated(PackSettings, tree)
    if beds < 1 or seed < 0:
        raise UsageError(f"beds must be at least 1 and seed at least 0, not {beds} and {seed}")
    _check_names(output, picture, force)
    if extrapolate:
        _beyond(settings, beds, seed, output or picture, json)
        return
    with progress("beds", quiet=json, first="compiling the simulator") as report:
        from beable.systems.packing.packed_beds import coordination, packing_fraction_of_beds
        from beable.systems.packing.powders import Powder
        from beable.systems.packing.simulator import pack as drop

        powder, packed = Powder(settings.components), []
        for k in range(beds):
            packed.append(drop(powder, settings.spheres, seed + k, box=settings.box))
            report(k + 1, beds)
        first = packed[0]
        value, error = packing_fraction_of_beds([p.bed for p in packed]) if beds > 1 else first[:2]
        report.begin("writing")
        _write(first, output, picture)
    found: dict[str, Any] = {
        "packing_fraction": value,
        "standard_error": error,
        "close_packing_estimate": first.close_packing,
        "spheres": len(first.radii),
        "box": first.box,
        "volume_shares_given": powder.volume_fractions.tolist(),
        "volume_shares_in_the_bulk": first.composition.tolist(),
        "contacts_a_sphere": float(coordination(first.bed).mean()),
        "deepest_overlap": first.overlap,
    }
    written = {k: str(p) for k, p in {"output": output, "picture": picture}.items() if p}
    if json:
        show(found | written, json=True)
        return
    _say(found, beds, written)


def _say(found: dict[str, Any], beds: int, written: dict[str, str]) -> None:
    spheres, close = f"{found['spheres']:,} spheres", number(found["close_packing_estimate"])
    many = f", mean of {beds} beds" if beds > 1 else ""
    tell(
        f"Packing fraction {found['packing_fraction']:.4f} ± {found['standard_error']:.4f} ({spheres}{many}); shaken "
        f"close packing of the same sizes would be near {close}."
    )
    shares = zip(found["volume_shares_given"], found["volume_shares_in_the_bulk"], strict=True)
    facts(
        {
            "side of the box": f"{number(found['box'])} (unit of the sizes)",
            "shares of volume, given and in the bulk": ", ".join(f"{number(a)} and {number(b)}" for a, b in shares),
            "contacts a sphere": number(found["contacts_a_sphere"]),
            "deepest overlap": f"{number(found['deepest_overlap'])} of the sum of two radii",
        }
        | written
    )
    next_step((["simulate", "packing", "--rows", 256, "-o", "powders.zarr"], "a table of many powders"))


def _beyond(settings: PackSettings, beds: int, seed: int, pictured: Path | None, json: bool) -> None:
    """The packing fraction of sizes too far apart, and the beds it comes from."""
    if pictured is not None or settings.spheres is not None or settings.box is not None:
        raise UsageError("--extrapolate drops beds of other sizes: leave out --output, --picture, --spheres and --box")
    with progress("spheres", quiet=json, first="compiling the simulator") as report:
        from beable.systems.packing.powders import Powder
        from beable.systems.packing.wide_sizes import pack_wide

        found = pack_wide(Powder(settings.components), seed, beds=max(beds, 2), progress=report)
    if json:
        show(found._asdict() | {"rungs": [rung._asdict() for rung in found.rungs]}, json=True)
        return
    tell(
        f"Packing fraction {found.packing_fraction:.3f} ± {found.standard_error:.3f} at 1:{number(found.ratio)}, by a "
        f"law in 1/R through beds of 1:{found.rungs[0].ratio:g} to 1:{found.rungs[-1].ratio:g}."
    )
    beds_told = {
        f"dropped at 1:{r.ratio:g}": f"{r.packing_fraction:.4f} ± {r.standard_error:.4f} ({r.spheres:,} spheres)"
        for r in found.rungs
    }
    limit = f"{found.limit.value:.3f} ± {found.limit.standard_error:.3f}"
    most = f"{found.furnas:.3f} for {100 * found.rungs[-1].fine:.1f} % fine in the bulk at 1:{found.rungs[-1].ratio:g}"
    facts(beds_told | {"infinitely far apart": limit, "at most, by Furnas, for one size each": most})


with_options(pack, OPTIONS)


def _component(words: str) -> dict[str, object]:
    """A component from words.

    >>> _component("d=20,s=0.3")
    {'median': 20.0, 'spread': 0.3}
    """
    pairs = [word.strip().partition("=") for word in words.split(",")]
    names = [SHORT.get(name, name) for name, _, _ in pairs]
    if len(set(names)) < len(names):
        raise UsageError(f"component {words!r}: a name stands there twice: give each once")
    try:
        return {
            name: given if name == "name" else float(given) for name, (_, _, given) in zip(names, pairs, strict=True)
        }
    except ValueError:
        raise UsageError(f"component {words!r}: give names and numbers, such as median=20,spread=0.3") from None


def _check_names(output: Path | None, picture: Path | None, force: bool) -> None:
    for path, suffix in ((output, ".xyz"), (picture, ".png")):
        if path is not None and path.suffix != suffix:
            raise OutputError(f"{path}: the name must end in {suffix}")
        if path is not None and not path.parent.is_dir():
            raise OutputError(f"{path}: its folder does not exist: make it first")
        if path is not None:
            refuse_foreign(path, suffix, force=force)


def _write(packed: "Packed", output: Path | None, picture: Path | None) -> None:
    from beable.files.disk import output as write
    from beable.report.pictures import saved
    from beable.systems.packing.figures.spheres import packing

    if output is not None:
        write(output, _xyz(packed).encode())
    if picture is not None:
        drawn = packing(packed.positions, packed.radii, packed.box, component=packed.component)
        write(picture, marked_png(saved(drawn, "png")))


def _xyz(packed: "Packed") -> str:
    """The bed as extended XYZ: a line a sphere with component, centre and radius."""
    side, height = packed.box, float((packed.positions[:, 2] + packed.radii).max())
    lattice = f'Lattice="{side!r} 0 0 0 {side!r} 0 0 0 {height!r}" pbc="T T F"'
    about = f"{lattice} generator=beable Properties=species:I:1:pos:R:3:radius:R:1"
    rows = zip(packed.component.tolist(), packed.positions.tolist(), packed.radii.tolist(), strict=True)
    lines = [f"{c + 1} {x!r} {y!r} {z!r} {r!r}" for c, (x, y, z), r in rows]
    return "\n".join([str(len(lines)), about, *lines, ""])
