"""What a page shows of a table: ranges and classes of its columns, how they go together, what becomes of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beable.analysis.evaluation import Evaluation
from beable.console.numbers import latent_name, number
from beable.datasets.readings import component_names, is_number
from beable.datasets.store import Store
from beable.metrics.columns import class_share
from beable.report.figures.columns import codes_by_class, correlations
from beable.report.figures.parity import parity
from beable.report.page import Cell, Figure, Item, Table, Text
from beable.simulator import Variable
from beable.training.data import read
from beable.training.run import Run

FloatArray = NDArray[np.floating]
MOST_COLUMNS, MOST_ROWS_SHOWN, MOST_PARITY, PARITY_BESIDE, MOST_CLASSES_SHOWN = 40, 60, 8, 4, 6


class Column(NamedTuple):
    """A column of a table.

    Args:
        name: as it is printed.
        unit: UDUNITS string.
        values: (rows), NaN where there is none.
        classes: names of what its values stand for; none for a quantity.
    """

    name: str
    unit: str
    values: FloatArray
    classes: tuple[str, ...] = ()


def is_table(variables: Sequence[Variable]) -> bool:
    """Whether variables are numbers that lie on no grid, a column or a few each."""
    return bool(variables) and all(map(is_number, variables))


def columns_of(variables: Sequence[Variable], arrays: Mapping[str, FloatArray]) -> list[Column]:
    """Columns of arrays (rows) and (rows, k)."""
    found = []
    for v in variables:
        values = np.asarray(arrays[v.name], np.float64).reshape(len(arrays[v.name]), -1)
        names = component_names(v, 0) if v.shape else [v.long_name or v.name]
        found += [Column(n, v.unit, column, v.classes) for n, column in zip(names, values.T, strict=True)]
    return found


def _learned(store: Store) -> list[Variable]:
    return [v for v in store.variables if not v.diagnostic]


def data_items(store: Store) -> list[Item]:
    """Ranges of the columns of a table and how they go together; nothing for other data."""
    variables = _learned(store)
    if not is_table(variables):
        return []
    columns = columns_of(variables, {v.name: store.read(v.name, store.valid_rows) for v in variables})
    columns += [
        Column(f"{f.name} (factor)", f.unit, values, f.classes)
        for f, values in zip(store.factors, store.factor_values[store.valid_rows].T, strict=True)
    ]
    shown = f", the first {MOST_ROWS_SHOWN} of {len(columns)}" if len(columns) > MOST_ROWS_SHOWN else ""
    heads: list[Text] = ["column", "unit", "smallest", "median", "largest", "missing"]
    table = Table(f"Columns of the table{shown}.", heads, [_range(c) for c in columns[:MOST_ROWS_SHOWN]], "llrrrr")
    return [table, *_together(columns)]


def _range(column: Column) -> list[Cell | Text]:
    known = column.values[np.isfinite(column.values)]
    gone = str(len(column.values) - len(known)) if len(known) < len(column.values) else "–"
    if column.classes:
        counts = Counter(known.astype(int).tolist()).most_common()
        few = [f"{column.classes[i]} ({n})" for i, n in counts[:MOST_CLASSES_SHOWN]]
        more = [f"and {len(counts) - MOST_CLASSES_SHOWN} more"] * (len(counts) > MOST_CLASSES_SHOWN)
        return [column.name, "classes", "", ", ".join([*few, *more]), "", gone]
    unit = "" if column.unit in ("", "1") else column.unit
    numbers = [number(f(known)) for f in (np.min, np.median, np.max)] if len(known) else ["–"] * 3
    return [column.name, unit, *numbers, gone]


def _together(columns: Sequence[Column]) -> list[Item]:
    """Correlations of the quantities among themselves."""
    quantities = [c for c in columns if not c.classes][:MOST_COLUMNS]
    if len(quantities) < 2:
        return []
    r = _pearson([c.values for c in quantities], [c.values for c in quantities])
    names = [c.name for c in quantities]
    beside = np.where(np.eye(len(names), dtype=bool), 0, np.nan_to_num(r))
    i, j = np.unravel_index(int(np.abs(beside).argmax()), beside.shape)
    caption = "How columns go together: Pearson's correlation of each pair, over rows in which both are known."
    alt = f"The strongest is that of {names[i]} and {names[j]}, {beside[i, j]:.2f}.".replace("-", "−")
    return [Figure(correlations(r, names, names), caption, alt)]


def _pearson(one: Sequence[FloatArray], two: Sequence[FloatArray]) -> FloatArray:
    """Correlations of columns, each over the rows in which both are known; NaN where one is constant."""
    return np.array([[_r(x, y) for y in two] for x in one])


def _r(x: FloatArray, y: FloatArray) -> float:
    both = np.isfinite(x) & np.isfinite(y)
    a, b = (v[both] - v[both].mean() if both.any() else v[both] for v in (x, y))
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    smallest = 1e-12 * float(np.linalg.norm(x[both]) * np.linalg.norm(y[both]))
    return float(a @ b) / size if size > smallest else float("nan")


def loadings(store: Store, run: Run, evaluation: Evaluation, member: int) -> list[Item]:
    """What each latent goes with: its correlation with each column, of classes the root of the share they tell."""
    variables = [v for v in store.variables if v.name in run.variables]
    if not is_table(variables):
        return []
    codes = evaluation.codes[member]
    columns = columns_of(variables, {v.name: store.read(v.name, evaluation.rows) for v in variables})[:MOST_COLUMNS]
    r = np.array([[_strength(c, z) for z in codes.T] for c in columns])
    latents = [f"z_{{{i + 1}}}" for i in range(codes.shape[1])]
    caption = (
        f"Loadings: correlation of each column with each latent of member {member}, on held-out rows"
        + (
            "; of classes η, the root of the share of the latent's variance that they tell"
            * any(c.classes for c in columns)
        )
        + "."
    )
    best = [int(np.nanargmax(np.abs(part))) if np.isfinite(part).any() else -1 for part in r.T]
    told = [f"{latent_name(i)} {columns[j].name} ({r[j, i]:.2f})" for i, j in enumerate(best) if j >= 0]
    alt = f"Each latent goes most with: {', '.join(told)}.".replace("-", "−")
    return [Figure(correlations(r, [c.name for c in columns], latents), caption, alt)]


def _strength(column: Column, z: FloatArray) -> float:
    if not column.classes:
        return _r(column.values, z)
    known = np.isfinite(column.values)
    return float(np.sqrt(class_share(z[known], column.values[known])))


def reconstructed(store: Store, run: Run, evaluation: Evaluation, member: int, who: str) -> list[Item]:
    """Decoded against true numbers of held-out rows, column by column, and how many classes come back."""
    variables = [v for v in store.variables if v.name in run.variables]
    if not is_table(variables):
        return []
    truth = read(store, run.variables, evaluation.rows, run.conditions)
    known = run.conditions_of(truth)
    decoded = next(d for k, d in enumerate(run.decode(evaluation.codes, known)) if k == member)
    canonical = run.representation.canonical({name: truth[name] for name in run.variables})
    own, made = (columns_of(variables, arrays) for arrays in (canonical, decoded))
    quantities = [(c, d) for c, d in zip(own, made, strict=True) if not c.classes]
    kinds = [(c, d) for c, d in zip(own, made, strict=True) if c.classes]
    return [*_parities(quantities, who), *([_confusion(kinds, who)] if kinds else [])]


def _parities(pairs: Sequence[tuple[Column, Column]], who: str) -> list[Item]:
    """The columns that are lost most, a panel each."""
    order = sorted(pairs, key=lambda pair: -_lost(*pair))[:MOST_PARITY]
    items: list[Item] = []
    for part in (order[i : i + PARITY_BESIDE] for i in range(0, len(order), PARITY_BESIDE)):
        panels = {_titled(c): _known(c.values, d.values) for c, d in part}
        lost = ", ".join(f"{c.name} {number(_lost(c, d))}" for c, d in part)
        caption = f"Held-out rows as {who} decodes them, against what they are; columns that are lost most come first."
        items.append(Figure(parity(panels, truth="true", made="decoded"), caption, f"Relative squared errors: {lost}."))
    return items


def _titled(column: Column) -> str:
    return f"{column.name} ({column.unit})" if column.unit not in ("", "1") else column.name


def _known(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    both = np.isfinite(x) & np.isfinite(y)
    return (x[both], y[both]) if both.any() else (np.zeros(1), np.zeros(1))


def _lost(column: Column, made: Column) -> float:
    """Squared error over squared deviation; 0 for a constant column."""
    x, y = _known(column.values, made.values)
    spread = float(((x - x.mean()) ** 2).sum())
    return float(((x - y) ** 2).sum()) / spread if spread else 0.0


def _confusion(pairs: Sequence[tuple[Column, Column]], who: str) -> Table:
    """Of each class, how many held-out rows are decoded as it, and what the others are taken for."""
    rows: list[list[Cell | Text]] = []
    for column, made in pairs:
        for i, name in enumerate(column.classes):
            of = made.values[column.values == i]
            if len(of):
                right = int((of == i).sum())
                wrong = Counter(column.classes[int(j)] for j in of[of != i]).most_common(2)
                rows.append([column.name, name, f"{right} of {len(of)}", ", ".join(f"{w} ({n})" for w, n in wrong)])
    caption = f"Classes of held-out rows as {who} decodes them."
    return Table(caption, ["column", "class", "decoded as it", "taken most for"], rows, "llrl")


def classes_of_factors(store: Store, evaluation: Evaluation, member: int) -> list[Item]:
    """Latents in the colours of each factor that is classes."""
    codes, values = evaluation.codes[member], store.factor_values[evaluation.rows]
    items: list[Item] = []
    for factor, column in zip(store.factors, values.T, strict=True):
        if not factor.classes:
            continue
        known = np.isfinite(column)
        shares = [np.sqrt(class_share(z[known], column[known])) for z in codes.T]
        told = ", ".join(f"{latent_name(i)} {share:.2f}" for i, share in enumerate(shares))
        caption = (
            f"Latents of member {member} in the colours of {factor.name}, which is no quantity. η, the root "
            f"of the share of a latent's variance that the classes tell: {told}."
        )
        figure = codes_by_class(codes, column, factor.classes)
        items.append(Figure(figure, caption, f"η by latent: {told}."))
    return items
