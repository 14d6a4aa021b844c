r"""The table of particle packings of Hall & Sparks (2023), and the subsets that they train on.

A row is a powder of three components, each with a mean size, a standard deviation of size and a mass fraction, and the
packing fraction :math:`\phi` that a ballistic deposition found for it (14,765 rows, :math:`\phi` from 0.507 to 0.826).
The public file (Baird, Hall & Sparks, 2022) holds other rows beside the designed ones:

- its last 1,435 rows, from identifier 13330 on, are what an auto-encoder decoded. Designed mean sizes are whole
  numbers, decoded ones are not, by which such rows are found where the identifiers are lost;
- some of them repeat an earlier row in every number;
- their mass fractions sum to anything from 0.80 to 1.09.

Data of one distribution are thinned to another by rows alone: as they are ("gaussian"), equally many from equal bins
of :math:`\phi` ("uniform"), or from the densest packings ("top").
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beable.datasets.columns import Columns
from beable.datasets.layout import Plan
from beable.datasets.readers import read_columns, read_header
from beable.datasets.store import Blocks, Store, create, finish
from beable.errors import DataError, OutputError, UsageError, unknown
from beable.files import disk
from beable.simulator import Factor, Variable

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.int64]

COMPONENTS = (1, 2, 3)
SIZES = [f"Mean_Particle_Size_#{i}" for i in COMPONENTS]
DEVIATIONS = [f"SD_of_Particle_#{i}" for i in COMPONENTS]
FRACTIONS = [f"Particle_#{i}_Mass_Fraction" for i in COMPONENTS]
PACKING_FRACTION, IDENTIFIER = "Packing_Fraction", "ID"
COLUMNS = (*SIZES, *DEVIATIONS, *FRACTIONS, PACKING_FRACTION)
FIRST_DECODED = 13330
SUM_TOLERANCE = 1e-3
#: rows of the public table, of its subsets, and with a packing fraction of at least 0.750
ALL_ROWS, UNIFORM_ROWS, TOP_ROWS, DENSE_ROWS = 14_765, 600, 500, 826
BLOCK_ROWS = 4096


class PackingTable(NamedTuple):
    """The rows of a table of packings.

    Args:
        identifier: number of the design, (rows), -1 where it is lost.
        mean_size: mean size of each component, (rows, 3), above 0.
        size_deviation: standard deviation of size, (rows, 3), at least 0.
        mass_fraction: (rows, 3), at least 0.
        packing_fraction: φ, (rows), inside (0, 1).
        decoded: the row is output of an auto-encoder, not a design, (rows).
        duplicate: an earlier row has the same ten numbers, (rows).
        unnormalised: the mass fractions sum to something else than 1, beyond 0.001, (rows).
    """

    identifier: Rows
    mean_size: Floats
    size_deviation: Floats
    mass_fraction: Floats
    packing_fraction: Floats
    decoded: Flags
    duplicate: Flags
    unnormalised: Flags

    @property
    def flagged(self) -> Flags:
        """Rows that are no design of their own, or no mixture."""
        return self.decoded | self.duplicate | self.unnormalised

    def take(self, rows: Rows | Flags) -> "PackingTable":
        """Some of the rows."""
        return PackingTable(
            self.identifier[rows],
            self.mean_size[rows],
            self.size_deviation[rows],
            self.mass_fraction[rows],
            self.packing_fraction[rows],
            self.decoded[rows],
            self.duplicate[rows],
            self.unnormalised[rows],
        )


def is_packing_table(path: Path | str) -> bool:
    """Whether a .csv file's header names the columns of this table, in any order."""
    return Path(path).suffix.lower() == ".csv" and set(COLUMNS) <= set(read_header(path))


def read_packing_table(path: Path | str) -> PackingTable:
    r"""Read and check a table in the layout of Hall & Sparks (2023).

    Args:
        path: text with commas between columns, with or without a byte order mark; ``Run`` and ``ID`` may be missing.

    Raises:
        UsageError: no such file.
        DataError: columns are missing, or a number cannot be; the error names row, line and column.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mine.csv"
    >>> _ = path.write_text(",".join(COLUMNS) + "\n20,40,60,1,2,5,0.2,0.3,0.5,0.74\n")
    >>> read_packing_table(path).mean_size.tolist()
    [[20.0, 40.0, 60.0]]
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"{path}: no such file: check the name")
    columns = read_columns(path)
    _check_columns(path, columns)
    sizes, deviations, fractions = (
        np.stack([columns.column(name) for name in names], axis=1) for names in (SIZES, DEVIATIONS, FRACTIONS)
    )
    phi, identifier = columns.column(PACKING_FRACTION), _identifiers(columns)
    decoded = _decoded(identifier, sizes)
    duplicate = _duplicate(np.column_stack([sizes, deviations, fractions, phi]))
    unnormalised = np.abs(fractions.sum(1) - 1) > SUM_TOLERANCE
    return PackingTable(identifier, sizes, deviations, fractions, phi, decoded, duplicate, unnormalised)


def _check_columns(path: Path, columns: Columns) -> None:
    missing = [name for name in COLUMNS if name not in columns.names]
    if missing:
        raise DataError(f"{path}: no column {', '.join(missing)}: a table of packings has {', '.join(COLUMNS)}")
    if columns.ragged:
        raise DataError(f"{path}: {columns.ragged}: mend the row")
    for name in COLUMNS:
        _check(path, columns, name)


def _check(path: Path, columns: Columns, name: str) -> None:
    """Refuse numbers that no packing has."""
    if name in columns.bad:
        raise DataError(f"{path}: {name} is {columns.bad[name]}, a finite number is expected: mend or remove the row")
    values = columns.column(name)
    if name in SIZES:
        bad, words = values <= 0, "a size is above 0"
    elif name == PACKING_FRACTION:
        bad, words = (values <= 0) | (values >= 1), "a packing fraction lies inside (0, 1)"
    else:
        bad, words = values < 0, "it is at least 0"
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        line = f"row {row} (line {columns.lines[row : row + 1][0]:.0f})"
        raise DataError(f"{path}: {name} is {values[row]:.6g} in {line}, {words}: mend or remove the row")


def _identifiers(columns: Columns) -> Rows:
    """Identifiers, -1 in all rows unless every row has a whole number of its own."""
    lost = np.full(columns.rows, -1, np.int64)
    if IDENTIFIER not in columns.names or IDENTIFIER in columns.bad:
        return lost
    given = columns.column(IDENTIFIER)
    sound = (given >= 0) & (given < 2**53) & (given == np.round(given))
    return given.astype(np.int64) if sound.all() and np.unique(given).size == given.size else lost


def _decoded(identifier: Rows, mean_size: Floats) -> Flags:
    """Rows from the first decoded identifier on; without identifiers, rows off the grid of whole mean sizes."""
    if (identifier >= 0).all():
        return identifier >= FIRST_DECODED
    return np.asarray((mean_size != np.round(mean_size)).any(axis=1))


def _duplicate(numbers: Floats) -> Flags:
    """Rows that an earlier one equals."""
    first = np.unique(numbers, axis=0, return_index=True)[1]
    duplicate = np.ones(len(numbers), dtype=bool)
    duplicate[first] = False
    return duplicate


# Subsets

SUBSETS = ("gaussian", "uniform", "top")


def subset(
    packing_fraction: ArrayLike,
    kind: str,
    rng: int | np.random.Generator,
    rows: int | None = None,
    bins: int = 20,
    threshold: float | None = None,
) -> Rows:
    r"""Rows of a data set of packings whose packing fractions have another distribution.

    "gaussian" keeps the distribution; "uniform" takes equally many rows, by chance, from equal bins of the range (a
    bin that holds fewer gives all it has, and the others make up for it); "top" takes rows, by chance, among those
    with :math:`\phi` of at least the threshold.

    Args:
        packing_fraction: φ, (rows).
        kind: a name in ``SUBSETS``.
        rng: seed or generator.
        rows: how many; by default all for "gaussian", and of N rows the share that Hall & Sparks took of theirs,
            600/14,765 for "uniform" (in whole rows a bin) and 500/14,765 for "top".
        bins: number of bins for "uniform".
        threshold: least φ for "top"; by default what 826 of 14,765 rows reach, as theirs of 0.750.

    Returns:
        Row numbers in ascending order.

    Raises:
        UsageError: an unknown kind, or invalid numbers.
        DataError: fewer rows than asked for, or a packing fraction that is not finite.

    Source: Hall & Sparks (2023), table 2.2; they do not say how rows were chosen within bins.

    >>> phi = np.repeat([0.5, 0.6, 0.7], [2, 50, 4])
    >>> chosen = subset(phi, "uniform", 0, rows=6, bins=3)
    >>> phi[chosen].tolist()
    [0.5, 0.5, 0.6, 0.6, 0.7, 0.7]
    """
    phi = np.asarray(packing_fraction, np.float64)
    _check_subset(phi, kind, rows, bins)
    generator = np.random.default_rng(rng)
    wanted = default_rows(kind, len(phi), bins) if rows is None else rows
    if kind == "uniform":
        return _uniform(phi, generator, wanted, bins)
    least = -np.inf if kind == "gaussian" else top_threshold(phi) if threshold is None else threshold
    return _at_least(phi, least, generator, wanted)


def default_rows(kind: str, rows: int, bins: int = 20) -> int:
    """How many of a number of rows a subset takes, in the proportions of Hall & Sparks (2023).

    >>> [default_rows(kind, 14_765) for kind in SUBSETS]
    [14765, 600, 500]
    """
    if kind == "uniform":
        return min(rows, bins * max(1, round(rows * UNIFORM_ROWS / ALL_ROWS / bins)))
    return rows if kind == "gaussian" else max(1, round(rows * TOP_ROWS / ALL_ROWS))


def top_threshold(packing_fraction: Floats) -> float:
    """The packing fraction that 826 of 14,765 rows reach, the densest ones as Hall & Sparks (2023) have them."""
    dense = max(1, round(len(packing_fraction) * DENSE_ROWS / ALL_ROWS))
    return float(np.sort(packing_fraction)[-dense])


def _check_subset(phi: Floats, kind: str, rows: int | None, bins: int) -> None:
    if kind not in SUBSETS:
        raise unknown("subset", str(kind), SUBSETS)
    for name, number in {"rows": rows, "bins": bins}.items():
        if number is not None and not (isinstance(number, int | np.integer) and number >= 1):
            raise UsageError(f"{name} of a subset must be a whole number of at least 1, got {number!r}")
    if phi.ndim != 1 or not phi.size:
        raise DataError(f"packing fractions of shape {phi.shape}: one number a row is expected, of at least one row")
    bad = np.flatnonzero(~np.isfinite(phi))
    if bad.size:
        raise DataError(f"packing_fraction is {phi[bad[0]]} in row {bad[0]}: leave out rows that failed")
    if rows is not None and rows > len(phi):
        raise DataError(f"{rows} rows asked for, {len(phi)} there: ask for fewer")


def _at_least(phi: Floats, least: float, rng: np.random.Generator, rows: int) -> Rows:
    """Rows by chance among those with a packing fraction of at least the given one."""
    there = np.flatnonzero(phi >= least)
    if len(there) < rows:
        raise DataError(
            f"{rows} rows asked for, {len(there)} have a packing fraction of at least {least:.6g}: ask for fewer, or "
            "give a lower threshold in Python"
        )
    return np.sort(rng.choice(there, rows, replace=False))


def _uniform(phi: Floats, rng: np.random.Generator, rows: int, bins: int) -> Rows:
    edges = np.linspace(phi.min(), phi.max(), bins + 1)
    place = np.clip(np.digitize(phi, edges) - 1, 0, bins - 1)
    shares = _level(np.bincount(place, minlength=bins), rows, rng)
    taken = [rng.choice(np.flatnonzero(place == b), share, replace=False) for b, share in enumerate(shares)]
    return np.sort(np.concatenate(taken))


def _level(counts: Rows, rows: int, rng: np.random.Generator) -> Rows:
    """How many rows each bin gives: the same number, or all that it holds; what is over is taken back by chance."""
    level = np.searchsorted([np.minimum(counts, n).sum() for n in range(counts.max() + 1)], rows)
    shares = np.minimum(counts, level)
    full = np.flatnonzero(shares == level)
    shares[rng.choice(full, shares.sum() - rows, replace=False)] -= 1
    return shares


# To a store


def import_packing_table(
    path: Path | str,
    output: Path | str,
    *,
    subset: str = "gaussian",
    rows: int | None = None,
    seed: int = 0,
    keep_flagged: bool = False,
    units: Mapping[str, str] | None = None,
) -> Store:
    r"""Make a data set of a table of packings, or of a subset of it.

    Variables are mean_size, size_deviation and mass_fraction (component) and packing_fraction; identifier and the
    flags of each row are diagnostics; the nine inputs are the factors. How many rows were flagged and left out is in
    the title and the assessment of the data set. How many rows a subset takes, and the threshold of "top", are
    settled on the whole table, flagged rows included: of the public one 600, 500 and 0.750.

    Args:
        path: the table.
        output: folder to make; must not exist.
        subset: a name in ``SUBSETS``.
        rows: how many rows.
        seed: of the subset.
        keep_flagged: keep decoded, duplicate and unnormalised rows, as Hall & Sparks (2023) do.
        units: of mean_size and size_deviation, "um" by default: packing fractions do not depend on it.

    Raises:
        UsageError: no such file, an unknown subset or unit's name.
        DataError: a table that cannot be used, or fewer rows than asked for.
        OutputError: the folder exists or cannot be written.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mine.csv"
    >>> _ = path.write_text(",".join(COLUMNS) + "\n20,40,60,1,2,5,0.2,0.3,0.5,0.74\n")
    >>> import_packing_table(path, path.with_suffix(".zarr")).read("packing_fraction").tolist()
    [0.74]
    """
    output, every = Path(output), read_packing_table(path)
    if output.exists():
        raise OutputError(f"{output}: exists already: choose a new name or remove it")
    table = every if keep_flagged else every.take(~every.flagged)
    if not len(table.packing_fraction):
        raise DataError(f"{path}: every row is flagged as no design of its own: keep flagged rows with keep_flagged")
    chosen = _chosen(every, table, subset, rows, seed)
    counts = {name: int(getattr(every, name).sum()) for name in ("decoded", "duplicate", "unnormalised")}
    left_out = len(every.packing_fraction) - len(table.packing_fraction)
    about = {
        "rows_in_file": len(every.packing_fraction),
        "flagged": counts,
        "left_out": left_out,
        "subset": subset,
        "rows": len(chosen.packing_fraction),
        "seed": seed,
    }
    plan = _plan(_title(about), len(chosen.packing_fraction), units or {})
    _publish(output, plan, chosen, about)
    return Store.open(output)


def _chosen(every: PackingTable, table: PackingTable, kind: str, rows: int | None, seed: int) -> PackingTable:
    """The subset of the rows that are left, as large as one of the whole table."""
    if type(seed) is not int or seed < 0:
        raise UsageError(f"seed must be a whole number of at least 0, not {seed!r}")
    there = len(table.packing_fraction)
    wanted = min(there, default_rows(kind, len(every.packing_fraction))) if rows is None else rows
    threshold = top_threshold(every.packing_fraction)
    return table.take(subset(table.packing_fraction, kind, seed, wanted, threshold=threshold))


def _title(about: Mapping[str, object]) -> str:
    """One line that says what rows these are."""
    counts = about["flagged"]
    assert isinstance(counts, dict)
    flagged = ", ".join(f"{number} {name}" for name, number in counts.items())
    which = f"{about['rows']} of {about['rows_in_file']} rows ({about['subset']}, seed {about['seed']})"
    return f"Packings of Hall & Sparks (2023): {which}; {flagged}; {about['left_out']} left out"


def _plan(title: str, rows: int, units: Mapping[str, str]) -> Plan:
    known = {"mean_size": "um", "size_deviation": "um", "mass_fraction": "1", "packing_fraction": "1"}
    for name in units:
        if name not in known:
            raise unknown("variable", name, known)
    unit = known | dict(units)
    vectors = {"mean_size": "m", "size_deviation": r"\sigma", "mass_fraction": "x"}
    factors = [Factor(f"{name}_{i}", f"{s}_{i}", unit[name]) for name, s in vectors.items() for i in COMPONENTS]
    return Plan(title, rows, min(rows, BLOCK_ROWS), _variables(unit), tuple(factors), {}, {})


def _variables(unit: Mapping[str, str]) -> tuple[Variable, ...]:
    names = tuple(f"component_{i}" for i in COMPONENTS)
    vectors = ("mean_size", "size_deviation", "mass_fraction")
    number = Variable("packing_fraction", (), (), unit["packing_fraction"], "packing fraction", dtype="float64")
    flags = {
        "decoded": "output of an auto-encoder",
        "duplicate": "repeats an earlier row",
        "unnormalised": "no mixture",
    }
    return (
        *(
            Variable(v, ("component",), (len(names),), unit[v], v.replace("_", " "), names, dtype="float64")
            for v in vectors
        ),
        number,
        Variable("identifier", (), (), long_name="number of the design", diagnostic=True, dtype="int64"),
        *(Variable(f, (), (), long_name=words, diagnostic=True, dtype="uint8") for f, words in flags.items()),
    )


def _publish(path: Path, plan: Plan, table: PackingTable, about: Mapping[str, object]) -> None:
    """Write the store under a temporary name; it gets its own when it is whole."""
    with disk.building(path) as folder:
        create(folder, plan)
        blocks = Blocks.of(folder, plan)
        arrays = {v.name: getattr(table, v.name) for v in plan.variables}
        values = np.hstack([table.mean_size, table.size_deviation, table.mass_fraction])
        parts = {b: slice(*blocks.range(b)) for b in range(len(blocks))}
        notes = {b: blocks.write(b, values[p], {n: a[p] for n, a in arrays.items()}) for b, p in parts.items()}
        finish(folder, plan, notes, about)
