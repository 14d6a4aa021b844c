"""The verbs that simulate: one for each simulator, all with the same ways to work."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from beable.commands.output import show
from beable.commands.progress import progress
from beable.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from beable.datasets.store import Store
    from beable.simulators.simulator import Simulator

DASK_SECONDS = 10

Output = Annotated[Path, Parameter(alias="-o")]
FACTORS, PHYSICS, WORK = (Parameter(group=name) for name in ("Factors", "Physics", "Work"))


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
    from beable.simulators.darcy import Darcy

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

    begun = monotonic()
    with _cluster(dask, workers) as work, progress("rows", quiet=json) as report:
        store = generate(simulator, output.absolute() if dask else output, rows, progress=report, **work, **options)
    show({"path": output, **_summary(store), "seconds": round(monotonic() - begun, 2)}, json=json)


def _summary(store: "Store") -> Mapping[str, Any]:
    about = store.info()
    kept = {name: about[name] for name in ("id", "rows", "good", "failures", "bytes")}
    return kept | {"variables": [v.name for v in store.variables]}


@contextmanager
def _cluster(address: str | None, workers: int | None) -> Iterator[dict[str, Any]]:
    """Where to compute, as arguments of `generate`: processes here, or a dask cluster."""
    if address is None:
        yield {"workers": workers}
        return
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("dask is not installed: pip install 'beable[dask]'") from None
    try:
        connect: Any = Client
        client = connect(address, timeout=DASK_SECONDS)
    except (OSError, ValueError) as error:
        raise UsageError(f"no dask scheduler at {address} ({error}): give an address such as tcp://host:8786") from None
    with client, client.get_executor() as executor:
        yield {"executor": executor, "workers": workers or sum(client.nthreads().values()) or None}
