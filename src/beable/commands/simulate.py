"""The verbs that simulate: one for each simulator, all with the same ways to work."""

from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from beable.console.output import show
from beable.console.progress import progress
from beable.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from beable.datasets.store import Store
    from beable.simulator import Simulator

Output = Annotated[Path, Parameter(alias="-o")]
FACTORS, PHYSICS, SAMPLING, WORK = (Parameter(group=name) for name in ("Factors", "Physics", "Sampling", "Work"))


def darcy(
    *,
    output: Output,
    rows: int,
    seed: int = 0,
    factors: Annotated[
        Literal["normal", "shifted", "mixture", "correlated-gaussian", "correlated-mixture", "uniform", "table"],
        FACTORS,
    ] = "normal",
    centre: Annotated[float | None, FACTORS] = None,
    number: Annotated[float | None, FACTORS] = None,
    reading: Annotated[Literal["deviation", "variance"] | None, FACTORS] = None,
    agreement: Annotated[float | None, FACTORS] = None,
    covariance: Annotated[str | None, FACTORS] = None,
    low: Annotated[float | None, FACTORS] = None,
    high: Annotated[float | None, FACTORS] = None,
    table: Annotated[str | None, FACTORS] = None,
    modes: Annotated[int, PHYSICS] = 2,
    grid: Annotated[int, PHYSICS] = 65,
    length: Annotated[float, PHYSICS] = 0.1,
    mean: Annotated[float, PHYSICS] = 0.0,
    variance: Annotated[float, PHYSICS] = 1.0,
    quadrature: Annotated[Literal["trapezoid", "none"], PHYSICS] = "trapezoid",
    orientation: Annotated[float, PHYSICS] = 0.0,
    scheme: Annotated[Literal["conservative", "jacobsen"], PHYSICS] = "conservative",
    rate: Annotated[float, PHYSICS] = 10.0,
    well: Annotated[float, PHYSICS] = 0.125,
    well_edge: Annotated[Literal["nodes", "cells"], PHYSICS] = "nodes",
    failure_limit: Annotated[float, WORK] = 0.01,
    workers: Annotated[int | None, WORK] = None,
    dask: Annotated[str | None, WORK] = None,
    json: bool = False,
) -> None:
    """Make a data set of Darcy flows through random permeability, or complete one that was interrupted.

    Args:
        output: Folder to make.
        rows: Number of snapshots.
        seed: Seed of all random numbers.
        factors: Law of the factors theta, the coefficients of the modes.
        centre: Distance of the peaks from zero [1]. For shifted and the mixtures.
        number: Width of a peak [0.5 for shifted, 0.25 for the mixtures].
        reading: What the width is [deviation].
        agreement: Probability that neighbouring signs agree [0.75]. For correlated-mixture.
        covariance: Rows such as "1,0.8;0.8,1", or a .npy or .csv file. For correlated-gaussian.
        low: Lower bound [-3]. For uniform.
        high: Upper bound [3]. For uniform.
        table: .npy or .csv file with the factors of each row. For table.
        modes: Number of modes of the log-permeability, and of factors.
        grid: Nodes along a side, boundary included.
        length: Correlation length of the log-permeability, in sides of the square.
        mean: Mean of the log-permeability.
        variance: Variance of the log-permeability.
        quadrature: Weights of the nodes in the expansion; none is the source's.
        orientation: Angle in degrees that turns pairs of modes of equal eigenvalue.
        scheme: Finite volumes, or the source's differences.
        rate: Injection per area.
        well: Side of the wells.
        well_edge: Where a well ends; nodes is the source's.
        failure_limit: Share of rows that may fail.
        workers: Processes; all cores by default.
        dask: Address of a dask scheduler that computes instead, such as tcp://host:8786.
        json: Print the result as JSON.
    """
    from beable.systems.darcy.simulator import Darcy

    settings: dict[str, Any] = {
        "modes": modes,
        "grid": grid,
        "length": length,
        "mean": mean,
        "variance": variance,
        "quadrature": quadrature,
        "orientation": orientation,
        "factors": factors,
        "scheme": scheme,
        "rate": rate,
        "well": well,
        "well_edge": well_edge,
    }
    law: dict[str, Any] = {
        "centre": centre,
        "number": number,
        "reading": reading,
        "agreement": agreement,
        "covariance": None if covariance is None else matrix("covariance", covariance),
        "low": low,
        "high": high,
        "table": None if table is None else matrix("table", table),
    }
    simulator = Darcy(**settings, **{name: value for name, value in law.items() if value is not None})
    _simulate(simulator, output, rows, json=json, seed=seed, failure_limit=failure_limit, workers=workers, dask=dask)


def lennard_jones(
    *,
    output: Output,
    rows: int,
    seed: int = 0,
    gravity: Annotated[list[float], FACTORS, Parameter(consume_multiple=True)] = [0.1, 0.4, 0.7, 1.0],  # noqa: B006
    gravity_range: Annotated[tuple[float, float] | None, FACTORS] = None,
    temperature: Annotated[list[float], FACTORS, Parameter(consume_multiple=True)] = [0.75],  # noqa: B006
    box: Annotated[list[float], FACTORS, Parameter(consume_multiple=True)] = [10.0],  # noqa: B006
    particles: Annotated[int, PHYSICS] = 30,
    dimensions: Annotated[int, PHYSICS] = 2,
    potential: Annotated[str, PHYSICS] = "lennard-jones",
    cutoff: Annotated[float, PHYSICS] = 3.0,
    no_cutoff: Annotated[bool, PHYSICS] = False,
    shift: Annotated[bool, PHYSICS] = False,
    bonds: Annotated[tuple[float, float] | None, PHYSICS] = None,
    walls: Annotated[Literal["keep", "mirror", "reject", "periodic"], PHYSICS] = "keep",
    moves: Annotated[Literal["sweep", "random"], SAMPLING] = "sweep",
    step: Annotated[float | None, SAMPLING] = None,
    teleport: Annotated[float | None, SAMPLING] = None,
    protocol: Annotated[Literal["long-run", "restart", "source"], SAMPLING] = "long-run",
    sweeps: Annotated[int | None, SAMPLING] = None,
    samples: Annotated[int, SAMPLING] = 8,
    spacing: Annotated[str, SAMPLING] = "600",
    start: Annotated[Literal["random", "lattice", "chain"] | None, SAMPLING] = None,
    failure_limit: Annotated[float, WORK] = 0.01,
    workers: Annotated[int | None, WORK] = None,
    dask: Annotated[str | None, WORK] = None,
    json: bool = False,
) -> None:
    """Sample a Lennard-Jones fluid under gravity by Monte Carlo, or complete a data set that was interrupted.

    Everything is in reduced units: sigma, epsilon, T = kT/epsilon, gamma = m g sigma/epsilon.

    Args:
        output: Folder to make.
        rows: Number of configurations.
        seed: Seed of all random numbers.
        gravity: Gravity gamma; several are given to chains in turn.
        gravity_range: Lowest and highest gamma; each chain draws its own.
        temperature: Temperature; several are given to chains in turn.
        box: Side of the box; several are given to chains in turn.
        particles: Number of particles.
        dimensions: 2 or 3; the last points up.
        potential: lennard-jones, fake, none, or module:function of a numba function of the squared distance.
        cutoff: Distance from which pairs do not interact.
        no_cutoff: All pairs interact.
        shift: Shift the potential to zero at the cut-off.
        bonds: Stiffness and length of bonds between neighbours of a chain.
        walls: What becomes of a move out of the box.
        moves: Particles in turn, or drawn at random.
        step: Largest displacement; tuned by default.
        teleport: Probability of a move to anywhere; by default what relaxes fastest.
        protocol: Several rows of a long run, a restart for each row, or the Padova study's own short restart.
        sweeps: Moves of each particle before the first row of a chain [3000; source 2500].
        samples: Rows of a chain, in a long run.
        spacing: Sweeps between rows of a chain; auto measures what is needed.
        start: Where chains begin.
        failure_limit: Share of rows that may fail.
        workers: Processes; all cores by default.
        dask: Address of a dask scheduler that computes instead, such as tcp://host:8786.
        json: Print the result as JSON.
    """
    from beable.systems.lennard_jones.simulator import SOURCE_PROTOCOL, LennardJones

    if gravity_range is not None and gravity != [0.1, 0.4, 0.7, 1.0]:
        raise UsageError("give --gravity or --gravity-range, not both")
    if protocol != "long-run" and (samples != 8 or spacing != "600"):
        raise UsageError("--samples and --spacing are of long runs: leave them out, or choose --protocol long-run")
    if no_cutoff and cutoff != 3.0:
        raise UsageError("give --cutoff or --no-cutoff, not both")
    sampling: dict[str, Any] = {"protocol": protocol, "step": step, "teleport": teleport, "sweeps": sweeps}
    if protocol == "source":
        sampling = SOURCE_PROTOCOL | {k: v for k, v in sampling.items() if v is not None and k != "protocol"}
    elif protocol == "long-run":
        sampling |= {"samples": samples, "spacing": int(spacing) if spacing.isdecimal() else spacing}
    simulator = LennardJones(
        particles=particles,
        dimensions=dimensions,
        box=box,
        temperature=temperature,
        gravity=gravity if gravity_range is None else dict(zip(("low", "high"), gravity_range, strict=True)),
        potential=potential,
        cutoff=None if no_cutoff else cutoff,
        shift=shift,
        bonds=None if bonds is None else dict(zip(("stiffness", "length"), bonds, strict=True)),
        walls=walls,
        moves=moves,
        start=start,
        **{name: value for name, value in sampling.items() if value is not None},
    )
    _simulate(simulator, output, rows, json=json, seed=seed, failure_limit=failure_limit, workers=workers, dask=dask)


def packing(
    *,
    output: Output,
    rows: int,
    seed: int = 0,
    median: Annotated[tuple[float, float], FACTORS] = (1.0, 8.0),
    spread: Annotated[tuple[float, float], FACTORS] = (0.05, 0.4),
    design: Annotated[Literal["sobol", "uniform", "table"], FACTORS] = "sobol",
    table: Annotated[str | None, FACTORS] = None,
    components: Annotated[int, PHYSICS] = 3,
    cut: Annotated[float, PHYSICS] = 2.0,
    densities: Annotated[list[float], PHYSICS, Parameter(consume_multiple=True)] = [1.0],  # noqa: B006
    coarse: Annotated[int, PHYSICS] = 80,
    most: Annotated[int, PHYSICS] = 1_000_000,
    failure_limit: Annotated[float, WORK] = 0.01,
    workers: Annotated[int | None, WORK] = None,
    dask: Annotated[str | None, WORK] = None,
    json: bool = False,
) -> None:
    """Make a table of packings of powders dropped under gravity, or complete one that was interrupted.

    A component is lognormal by mass. Sizes are in any unit: packing fractions do not depend on it.

    Args:
        output: Folder to make.
        rows: Number of powders.
        seed: Seed of all random numbers.
        median: Lowest and highest mass-median diameter, log-uniform.
        spread: Lowest and highest standard deviation of ln d, uniform.
        design: Sobol sequence, independent draws, or a table.
        table: .npy or .csv file with a powder a row: medians and spreads in turn, then mass fractions.
        components: Number of components.
        cut: Sizes lie within so many spreads of the median.
        densities: Densities of the components, one for all or one each.
        coarse: Coarsest spheres in the measured part of each bed: accuracy for time.
        most: Spheres that a powder may need at most.
        failure_limit: Share of rows that may fail.
        workers: Processes; all cores by default.
        dask: Address of a dask scheduler that computes instead, such as tcp://host:8786.
        json: Print the result as JSON.
    """
    from beable.systems.packing.simulator import Packing

    simulator = Packing(
        components=components,
        median=median,
        spread=spread,
        cut=cut,
        densities=densities,
        coarse=coarse,
        most=most,
        design=design if table is None else "table",
        table=None if table is None else matrix("table", table),
    )
    _simulate(simulator, output, rows, json=json, seed=seed, failure_limit=failure_limit, workers=workers, dask=dask)


def matrix(name: str, text: str) -> "NDArray[np.float64]":
    """A table of numbers, (rows, columns), from a file or from the words themselves.

    Args:
        name: what it is, for the error.
        text: name of a .npy or .csv file, or rows such as "1,0.8;0.8,1".

    Raises:
        UsageError: neither.
        DataError: a file that holds something else, or nothing.
    """
    import numpy as np

    path = Path(text)
    try:
        if path.suffix == ".npy":
            numbers = np.asarray(np.load(path, allow_pickle=False), dtype=float)
        elif path.suffix == ".csv":
            numbers = np.array(_rows(path.read_text(encoding="utf-8").splitlines()))
        else:
            numbers = np.array(_rows(text.split(";")))
    except OSError as error:
        raise UsageError(f"{name} {text}: {error.strerror or error}: give a .npy or .csv file") from None
    except (ValueError, TypeError, EOFError):
        raise DataError(f"{name} {text}: expected rows of numbers, all of one length, without headings") from None
    return numbers.reshape(-1, 1) if numbers.ndim == 1 else numbers


def _rows(lines: list[str]) -> list[list[float]]:
    return [[float(number) for number in line.split(",")] for line in lines if line.strip()]


def _simulate(
    simulator: "Simulator",
    output: Path,
    rows: int,
    *,
    json: bool,
    workers: int | None,
    dask: str | None,
    **options: Any,
) -> None:
    """Generate, with progress, and say what came of it."""
    from beable.datasets.generate import generate
    from beable.workers import dask as at

    begun = monotonic()
    with at(dask, workers) as place, progress("rows", quiet=json) as report:
        where = output.absolute() if dask else output
        store = generate(simulator, where, rows, progress=report, **place._asdict(), **options)
    show({"path": output, **_summary(store), "seconds": round(monotonic() - begun, 2)}, json=json)


def _summary(store: "Store") -> Mapping[str, Any]:
    about = store.info()
    kept = {name: about[name] for name in ("id", "rows", "good", "failures", "bytes")}
    verdict = {k: store.assessment[k] for k in ("equilibrated", "reasons") if k in store.assessment}
    return kept | {"variables": [v.name for v in store.variables]} | verdict
