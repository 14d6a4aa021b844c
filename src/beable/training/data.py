"""From a store to what a training needs: variables, rows, a fitted representation and coded rows."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.console.progress import Teller
from beable.datasets.readings import component_axes, is_number, is_particles
from beable.datasets.store import Store
from beable.errors import DataError, UsageError, listed, unknown
from beable.representations import Coded, Representation, make
from beable.representations.gaps import joined
from beable.representations.representation import Snapshots
from beable.training.blocks import BLOCK_ROWS, StorePasses, is_whole, rows_in_block, stored
from beable.training.ensemble import blocks_of, groups_of, split
from beable.training.particles import repeats
from beable.training.settings import TrainingSettings
from beable.training.slow import Pairs, pairs_apart

FloatArray = NDArray[np.floating]


class HeldOut(NamedTuple):
    """How rows were held out.

    Args:
        by: "rows", "group" or "blocks".
        names: factors whose values make a group.
        rows, held_rows: number of rows, and of those held out.
        parts, held_parts: number of groups or blocks, and of those held out; of rows where each is held out by itself.
        shuffle: whether they were drawn at random; otherwise they are the last ones.
    """

    by: str
    names: tuple[str, ...]
    rows: int
    held_rows: int
    parts: int
    held_parts: int
    shuffle: bool

    def __str__(self) -> str:
        rows = f"{self.held_rows} of {self.rows} rows"
        drawn = "drawn at random" if self.shuffle else "the last ones"
        if self.by == "rows":
            return f"{rows}, {drawn}"
        kind = f"groups with the same {', '.join(self.names)}" if self.by == "group" else "blocks of neighbours"
        return f"{self.held_parts} of {self.parts} {kind}, {drawn}: {rows}"


class Prepared(NamedTuple):
    """What a training sees.

    Args:
        representation: fitted on training rows.
        train, held: coded rows.
        train_rows, held_rows: their numbers in the store.
        shapes: shape of one row of each variable.
        held_out: how rows were held out.
        pairs: places of training rows a lag apart, where a start needs them, (pairs, 2).
    """

    representation: Representation
    train: Coded
    held: Coded
    train_rows: NDArray[np.int64]
    held_rows: NDArray[np.int64]
    shapes: dict[str, list[int]]
    held_out: HeldOut
    pairs: Pairs | None = None


def learnable(store: Store, names: Sequence[str] | None = None) -> list[str]:
    """The variables to learn from: those named, or all fields and particles, or, where there are none, all numbers.

    Raises:
        UsageError: a name that the store does not hold.
        DataError: nothing is left.
    """
    held = [v.name for v in store.variables]
    for name in names or ():
        if name not in held:
            raise unknown("variable", name, held)
    learned = [v for v in store.variables if not v.diagnostic]
    fields = [v.name for v in learned if not is_number(v)]
    chosen = list(names or fields or (v.name for v in learned))
    if not chosen:
        raise DataError(
            f"{', '.join(held)}: only diagnostics among the store's variables: name the ones to learn from "
            "(variables, --variables)"
        )
    return chosen


def natural_representation(store: Store, names: Sequence[str] | None = None) -> str:
    """The representation that suits where none is chosen: coordinates of particles, numbers as a table, modes."""
    learned = set(learnable(store, names))
    chosen = [v for v in store.variables if v.name in learned]
    if any(map(is_particles, chosen)):
        return "periodic" if any(repeats(store)) else "coordinates"
    return "table" if all(map(is_number, chosen)) else "modes"


def left_out(store: Store, names: Sequence[str]) -> list[str]:
    """Variables that are no diagnostics and that a training on these would not use."""
    return [v.name for v in store.variables if v.name not in names and not v.diagnostic]


def read(
    store: Store, names: Sequence[str], rows: NDArray[np.int64], known: Sequence[str] = ()
) -> dict[str, NDArray[np.floating]]:
    """Snapshots of rows of a store, and known factors beside them, (rows), by name."""
    return {name: store.read(name, rows) for name in names} | factors(store, known, rows)


def held(
    store: Store, names: Sequence[str], rows: NDArray[np.int64], known: Sequence[str] = ()
) -> dict[str, NDArray[np.floating]]:
    """`read`, where many rows are read when they are asked for, block by block."""
    return stored(store, names, rows) | factors(store, known, rows)


def factors(store: Store, names: Sequence[str], rows: NDArray[np.int64]) -> dict[str, NDArray[np.floating]]:
    """Factors of rows of a store by name, (rows) each.

    Raises:
        UsageError: a factor that is not in the store, or one of more than two classes.
    """
    held = [f.name for f in store.factors]
    if names and not held:
        raise UsageError(
            f"the data set has no factors, {listed(names)} was asked for: name factors where it is made (factors=, "
            "beable import --factors)"
        )
    for name in names:
        if name not in held:
            raise unknown("factor", name, held)
        if (count := len(store.factors[held.index(name)].classes)) > 2:
            raise UsageError(
                f"{name} is one of {count} classes, where a number or one of two classes is expected: import it as "
                "several factors of two classes"
            )
    return {name: store.factor_values[rows, held.index(name)] for name in names}


def conditions(snapshots: Snapshots, names: Sequence[str]) -> NDArray[np.float32] | None:
    """Known factors beside each other, (rows, conditions); None where a model has no conditions."""
    if not names:
        return None
    for name in names:
        _refuse_unknown(name, np.asarray(snapshots[name]), "a model is conditioned on values that are all known")
    return np.stack([np.asarray(snapshots[name], np.float32) for name in names], axis=1)


def _refuse_unknown(name: str, values: FloatArray, why: str) -> None:
    """Refuse values of a factor that are missing in some rows."""
    bad = np.flatnonzero(np.isnan(values))
    if bad.size:
        raise DataError(
            f"{name} is missing in {bad.size} of {len(values)} rows, and {why}: leave these rows out where the data "
            "set is made with missing='drop' (--missing drop)"
        )


def code_rows(
    store: Store,
    names: Sequence[str],
    rows: NDArray[np.int64],
    representation: Representation,
    known: Sequence[str] = (),
) -> Coded:
    """Coded rows of a store, block by block."""
    size = rows_in_block(store, names)
    starts = range(0, len(rows), size)
    coded = coded_blocks(representation, (read(store, names, rows[i : i + size]) for i in starts))
    return coded._replace(conditions=conditions(factors(store, known, rows), known))


def coded_blocks(representation: Representation, blocks: Iterable[Snapshots]) -> Coded:
    """Blocks of rows coded after each other."""
    parts = [representation.transform(block) for block in blocks]
    if len(parts) == 1:
        return parts[0]
    values, residual_energy = (np.concatenate(part) for part in zip(*(p[:2] for p in parts), strict=True))
    gaps = joined([p.values for p in parts], [p.gaps for p in parts], representation.code.dimension)
    return Coded(values, residual_energy, gaps=gaps)


def prepare(
    store: Store,
    names: Sequence[str],
    kind: str,
    options: dict[str, object],
    settings: TrainingSettings,
    known: Sequence[str] = (),
    say: Teller | None = None,
) -> Prepared:
    """Split the rows that succeeded, fit the representation on training rows, code all.

    A few training rows, evenly spaced, decide most representations; see ``Representation.fit_rows``.

    Args:
        store: the data set.
        names: variables to learn from.
        kind: a name in ``representations.REPRESENTATIONS``.
        options: the representation's own settings.
        settings: seed, held-out share and order of the split.
        known: factors that the model is conditioned on.
        say: is told how far passes over many rows have come.
    """
    good = with_something(store, names)
    if len(good) < 4:
        raise DataError(f"{store.path}: {len(good)} usable rows: at least 4 are needed, two of them held out")
    parts = _parts(store, good, settings)
    chosen = split(len(good), settings.held_out, settings.seed, settings.shuffle, parts)
    train, held = (good[part] for part in chosen)
    unfitted = make(kind, **options)
    unfitted.components = component_axes([v for v in store.variables if v.name in names], store.coordinates)
    representation, coded = _fitted(unfitted, StorePasses(store, names, train, say or Teller()))
    coded = code_rows(store, names, train, representation) if coded is None else coded
    coded = coded._replace(conditions=conditions(factors(store, known, train), known))
    shapes = {name: list(next(v.shape for v in store.variables if v.name == name)) for name in names}
    others = code_rows(store, names, held, representation, known)
    pairs = None if settings.lag is None else pairs_apart(store, train, settings.lag, settings.group)
    told = _held_out(parts, chosen[1], settings)
    return Prepared(representation, coded, others, train, held, shapes, told, pairs)


def _fitted(unfitted: Representation, passes: StorePasses) -> tuple[Representation, Coded | None]:
    """A representation fitted on rows, and their codes where it gives them."""
    few = passes.numbers[:: -(-passes.rows // (unfitted.fit_rows or passes.rows))]
    if is_whole(passes.store, passes.names, len(few), unfitted):
        return unfitted.fit(read(passes.store, passes.names, few)), None
    return unfitted, unfitted.fit_passes(passes)


def with_something(store: Store, names: Sequence[str]) -> NDArray[np.int64]:
    """Rows that succeeded and have a number of these variables at all."""
    good = np.asarray(store.valid_rows)
    if not all(name in store.missing and store.missing[name].rows for name in names):
        return good
    there = np.zeros(len(good), bool)
    for i in range(0, len(good), BLOCK_ROWS):
        some = slice(i, i + BLOCK_ROWS)
        for name in names:
            values = store.read(name, good[some])
            there[some] |= ~np.isnan(values.reshape(len(values), -1)).all(axis=1)
    return good[there]


def _parts(store: Store, rows: NDArray[np.int64], settings: TrainingSettings) -> NDArray[np.int64]:
    """Number of the part of each row that is held out as a whole or not at all."""
    if settings.group:
        known = factors(store, settings.group, rows)
        for name, values in known.items():
            _refuse_unknown(name, values, "rows are held out by it")
        return groups_of(np.stack(list(known.values()), axis=1))
    return np.arange(len(rows)) if settings.blocks is None else blocks_of(len(rows), settings.blocks)


def _held_out(parts: NDArray[np.int64], held: NDArray[np.int64], settings: TrainingSettings) -> HeldOut:
    by = "group" if settings.group else "rows" if settings.blocks is None else "blocks"
    counts = len(np.unique(parts)), len(np.unique(parts[held]))
    return HeldOut(by, settings.group, len(parts), len(held), *counts, settings.shuffle)
