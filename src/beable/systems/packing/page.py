"""Figures and tables of the parts of the packing study."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from beable.console.numbers import number
from beable.datasets.store import Store
from beable.report.figures.designs import design_diversity, design_success, design_targets
from beable.report.figures.parity import parity
from beable.report.figures.training import histories
from beable.report.page import Cell, Figure, Table
from beable.systems.packing.figures.beds import (
    close_packing,
    coordination_histogram,
    packing_profiles,
    size_distribution,
)
from beable.systems.packing.figures.beta_axis import beta_axis, rate_spectrum
from beable.systems.packing.figures.cumulative import cumulative_distributions
from beable.systems.packing.figures.embeddings import embeddings
from beable.systems.packing.figures.parity_grid import parity_grid
from beable.systems.packing.figures.spheres import packings
from beable.systems.packing.figures.trends import scores_against
from beable.systems.packing.nmi_spread import Artefact
from beable.systems.packing.parts.artefact import ArtefactAnswer
from beable.systems.packing.parts.beds import PUBLISHED, Beds, RepeatedBed
from beable.systems.packing.parts.beta import SOURCE_BETAS, Beta, BetaArm
from beable.systems.packing.parts.calibrated import Calibrated
from beable.systems.packing.parts.cells import ParityCell
from beable.systems.packing.parts.decoded_rows import DecodedRowsAnswer
from beable.systems.packing.parts.design import Designed
from beable.systems.packing.parts.trends import Trend

Item = Figure | Table
STUDIED = (1.0, 15.0)
PICTURED = (1.0, 2.0, 5.0, 10.0)
METHODS = {"search": "search", "inversion": "plain inversion", "random": "random designs"}


def data_items(store: Store) -> list[Item]:
    """The table's packing fractions."""
    values = np.asarray(store.read("packing_fraction", store.valid_rows), float)
    middle = int(store.valid_rows[int(np.argsort(values)[len(values) // 2])])
    return [
        Figure(
            size_distribution(_sizes(store, middle)),
            f"Sizes of one of the {len(values):,} powders of the table (source's figure 1); its packing fraction is "
            f"{float(np.median(values)):.3f}. A component is lognormal by mass, cut at two spreads.",
            "Size distribution of a powder.",
        )
    ]


def _sizes(store: Store, row: int) -> dict[str, Any]:
    """Mass per ln d of each component of a row, at diameters."""
    median, spread, share = (store.read(name, [row])[0] for name in ("median", "spread", "mass_fraction"))
    z = np.linspace(-2, 2, 81)
    bell = np.exp(-(z**2) / 2)
    return {
        f"component {i + 1}": (m * np.exp(s * z), f * bell / (np.trapezoid(bell, z) * s))
        for i, (m, s, f) in enumerate(zip(median, spread, share, strict=True))
    }


def beds_items(a: Beds) -> list[Item]:
    """Pictures, profiles, contacts, and packing fractions beside those of others."""
    two = {f"1:{ratio:g}": bed for ratio, bed in a.two_sizes.items()}
    pictured = {f"1:{r:g}": a.two_sizes[r].packed[0].bed for r in a.two_sizes if r in PICTURED}
    some = {name: two[name] for name in pictured}
    return [
        Figure(
            packings(pictured, names=("fine", "coarse"), height=1, alike="boxes"),
            "Beds of two sizes, 27 % fine by volume, cut to cubes. Sides are periodic.",
            "Packed beds of spheres.",
        ),
        Figure(
            packing_profiles(
                {name: (bed.profile.z, bed.profile.total, _parts(bed)) for name, bed in some.items()},
                slabs={name: (bed.packed[0].slab.low, bed.packed[0].slab.high) for name, bed in some.items()},
            ),
            "Packing fraction against height. It is measured in the shaded part, away from floor and top.",
            "Packing fraction against height.",
        ),
        Figure(
            coordination_histogram({name: two[name].contacts.astype(float) for name in list(two)[:2]}),
            "Contacts of a sphere. Every sphere rests on three others: the mean is six, away from floor and top.",
            "Numbers of contacts.",
        ),
        Figure(
            close_packing(
                {
                    "two sizes": _against(list(a.two_sizes.values())),
                    "lognormal": _against(list(a.lognormal.values())),
                    "table": (a.table["close_packing"], a.table["packing_fraction"], None),
                }
            ),
            "Dropped beds against the instant estimate of close packing for the same sizes (Farr and Groot 2009).",
            "Simulated packing fractions against estimates.",
        ),
        _beds_table("Two sizes, 27 % fine by volume; errors over seeds.", "ratio", two),
        _beds_table("One lognormal component.", "spread", {f"{s:g}": bed for s, bed in a.lognormal.items()}),
        Table(
            "One component by the size rule of Baird, Hall and Sparks (2022), beside published runs of the source's "
            "code, whose packings of nearly equal spheres are looser than random loose packing (0.55).",
            ["spread", "source's code", "ours", "close packing"],
            [
                [f"{s:g}", number(PUBLISHED[s]), _value(bed), number(bed.packed[0].close_packing)]
                for s, bed in a.published.items()
            ],
            "rrrr",
        ),
    ]


def _parts(bed: RepeatedBed) -> dict[str, Any]:
    parts = bed.profile.by_component
    return {} if len(parts) < 2 else dict(zip(("fine", "coarse"), parts, strict=True))


def _against(beds: Sequence[RepeatedBed]) -> tuple[Any, Any, Any]:
    dense = np.array([bed.packed[0].close_packing for bed in beds])
    return dense, np.array([bed.mean for bed in beds]), np.array([bed.error for bed in beds])


def _value(bed: RepeatedBed) -> str:
    return f"{bed.mean:.4f} ± {bed.error:.4f}"


def _beds_table(caption: str, what: str, beds: Mapping[str, RepeatedBed]) -> Table:
    columns = [what, "packing fraction", "close packing", "spheres", "contacts", "deepest overlap"]
    rows: list[Sequence[Cell | str]] = [
        [
            name,
            _value(bed),
            number(bed.packed[0].close_packing),
            f"{len(bed.packed[0].radii):,}",
            number(float(bed.contacts.mean())),
            f"{max(p.overlap for p in bed.packed):.0e}",
        ]
        for name, bed in beds.items()
    ]
    return Table(caption, columns, rows, "rrrrrr")


def beta_items(a: Beta) -> list[Item]:
    """The source's figures 2 and 4 to 10, with predicted thresholds and values by chance."""
    arms = {arm.label: arm for arm in a.arms.values()}
    same = {label: arm for label, arm in arms.items() if arm.scaling == next(iter(arms.values())).scaling}
    return [
        Figure(
            cumulative_distributions({label: arm.values for label, arm in same.items()}),
            "Packing fractions of the selections of rows (the source's figure 2).",
            "Distributions of packing fractions.",
        ),
        *[_rates(part) for part in _threes(arms)],
        *_planes(a),
        _histories(a.arms[a.plane_arm]),
        *[_losses(part) for part in _threes(same)],
        *_parity_figures(same),
        _against_beta(same),
        _against_spread(same),
        _tests(same),
        _thresholds_table(arms),
        _readings_table(next(iter(arms.values()))),
        _levels_table(same),
        _trends_table(a),
    ]


def _threes(arms: Mapping[str, BetaArm]) -> list[dict[str, BetaArm]]:
    names = list(arms)
    return [{name: arms[name] for name in names[i : i + 3]} for i in range(0, len(names), 3)]


def _grid(arm: BetaArm, values: Any) -> Any:
    """Values of members (members, ...) as (betas, seeds, ...)."""
    return np.stack([np.asarray(values)[arm.members.betas == b] for b in arm.betas])


def _rates(arms: Mapping[str, BetaArm]) -> Figure:
    first = next(iter(arms.values()))
    rates = {label: np.sort(_grid(arm, arm.trained.rate), axis=2)[:, :, ::-1] for label, arm in arms.items()}
    fine = np.geomspace(max(1e-3, first.betas[first.betas > 0].min()), max(first.betas), 200)
    return Figure(
        rate_spectrum(
            first.betas,
            rates,
            theory={label: (fine, np.array([arm.thresholds.rates(b) for b in fine])) for label, arm in arms.items()},
            thresholds={label: {"collapse": arm.thresholds.collapse} for label, arm in arms.items()},
            studied=STUDIED,
        ),
        "What each latent carries, against β. Dashed: a linear VAE, in closed form; the line marks where it loses its "
        "last latent. Shaded: where all but one of the source's β lie.",
        "Rates of latents against beta.",
    )


def _planes(a: Beta) -> list[Item]:
    if not a.planes:
        return []
    titles = ["table" if p.beta is None else f"β = {p.beta:g}" for p in a.planes]
    flags = {title: "collapsed" for title, p in zip(titles, a.planes, strict=True) if p.dust}
    figure = embeddings(
        {title: (p.points, p.shown) for title, p in zip(titles, a.planes, strict=True)},
        "packing fraction φ",
        flags=flags,
    )
    words = (
        f"t-SNE of {a.arms[a.plane_arm].label} and of their reconstructions (the source's figure 4), in the colour of "
        "the packing fraction that was decoded with the row; the table below has the row's own."
    )
    columns = ["", "deviation of decoded columns", "R² of the decoded packing fraction", "of the row's own"]
    rows = [[title, number(p.spread), number(p.own), number(p.true)] for title, p in zip(titles, a.planes, strict=True)]
    said = "How well neighbours in these pictures predict a packing fraction; deviations are shares of the table's."
    return [Figure(figure, words, "t-SNE embeddings."), Table(said, columns, rows, "lrrr")]


def _histories(arm: BetaArm) -> Figure:
    kept = [beta for beta in arm.betas if beta in (0.0, 0.1, 1.0, 10.0)]
    terms = {f"β = {beta:g}": arm.history.loss[:, arm.members.betas == beta] for beta in kept}
    return Figure(
        histories(terms, arm.history.steps, clock="step", unit="loss"),
        f"Loss during training, {arm.label} (the source's figure 5): every seed thin, their median thick.",
        "Losses during training.",
    )


def _losses(arms: Mapping[str, BetaArm]) -> Figure:
    last = {label: _grid(arm, arm.history.loss[-1]) for label, arm in arms.items()}
    mean = {label: _grid(arm, arm.trained.squared_error) for label, arm in arms.items()}
    first = next(iter(arms.values()))
    curves = {label: {"loss": last[label], "squared error": mean[label]} for label in arms}
    return Figure(
        beta_axis(
            first.betas,
            curves,
            y_label="summed over columns",
            thresholds={label: {"collapse": arm.thresholds.collapse} for label, arm in arms.items()},
            studied=STUDIED,
        ),
        "Loss at the end of training (the source's is 0.1 to 0.4), and its squared error. Beyond the "
        "collapse both are the variance of the table.",
        "Final losses against beta.",
    )


def _parity_figures(arms: Mapping[str, BetaArm]) -> list[Item]:
    figures: list[Item] = []
    for words, cells in (
        ("a forest fitted to the table", lambda arm: [c for c in arm.cells if c.seed == 0]),
        ("the simulator", lambda arm: arm.simulated),
    ):
        grids = {label: _parity_row(cells(arm)) for label, arm in arms.items()}
        if not all(grids.values()):
            continue
        notes = {
            label: {
                f"{b:g}": "collapsed" for b in arm.betas if f"{b:g}" in grids[label] and b > arm.thresholds.collapse
            }
            for label, arm in arms.items()
        }
        figures.append(
            Figure(
                parity_grid(grids, notes=notes),
                f"Reconstructed packing fraction against that of the decoded powder, by {words} (source's figure 6); "
                "the first of the seeds.",
                "Parity of reconstructions.",
            )
        )
    return figures


def _parity_row(cells: Sequence[ParityCell]) -> dict[str, Any]:
    """Cells of the source's β and of one that is alive."""
    kept = [c for c in cells if c.beta in (*SOURCE_BETAS, 0.03, 0.1)]
    return {f"{c.beta:g}": (c.reconstructed, c.recomputed, None) for c in kept}


def _points(arms: Mapping[str, BetaArm], x: Callable[[ParityCell], float], y: Callable[[ParityCell], float]) -> Any:
    pairs = {label: [(x(c), y(c)) for c in arm.cells] for label, arm in arms.items()}
    return {label: (np.array([p[0] for p in each]), np.array([p[1] for p in each])) for label, each in pairs.items()}


def _against_beta(arms: Mapping[str, BetaArm]) -> Figure:
    panels = {
        "as the source": _points(arms, lambda c: c.beta, lambda c: c.parity.nmi.score),
        "by chance": _points(arms, lambda c: c.beta, lambda c: c.parity.nmi.chance),
        "adjusted for chance": _points(arms, lambda c: c.beta, lambda c: c.parity.ami.score),
    }
    return Figure(
        scores_against(panels, x_label="β", y_label="mutual information, normalised", x_scale="symlog"),
        "The source's mutual information of reconstructed and recomputed numbers against β (its figure 7), what the "
        "same numbers give when they are shuffled, and the score that is adjusted for it. A dot is a seed of a cell.",
        "Mutual information against beta.",
    )


def _against_spread(arms: Mapping[str, BetaArm]) -> Figure:
    panels = {
        "as the source": _points(arms, _spread, lambda c: c.parity.nmi.score),
        "by chance": _points(arms, _spread, lambda c: c.parity.nmi.chance),
        "spread against β": _points(arms, lambda c: c.beta, _spread),
    }
    scales = {"as the source": "log", "by chance": "log", "spread against β": "symlog"}
    x = {"as the source": "spread", "by chance": "spread", "spread against β": "β"}
    y = dict.fromkeys(panels, "mutual information, normalised") | {"spread against β": "spread"}
    return Figure(
        scores_against(panels, x_label=x, y_label=y, x_scale=scales),
        "The same against the standard deviation of reconstructions over their mean (the source's figures 8 and 9).",
        "Mutual information against spread.",
    )


def _spread(cell: ParityCell) -> float:
    return max(cell.deviation, 1e-6)


def _tests(arms: Mapping[str, BetaArm]) -> Figure:
    panels = {
        "|t| against β": _points(arms, lambda c: c.beta, lambda c: abs(c.parity.two_sample.t)),
        "|t| against mutual information": _points(
            arms, lambda c: c.parity.nmi.score, lambda c: abs(c.parity.two_sample.t)
        ),
        "p of equivalence": _points(arms, lambda c: c.beta, lambda c: c.parity.equivalence_p),
    }
    critical = next(iter(arms.values())).cells[0].parity.two_sample.critical
    x = {"|t| against β": "β", "|t| against mutual information": "mutual information", "p of equivalence": "β"}
    scales = {"|t| against β": "symlog", "|t| against mutual information": "linear", "p of equivalence": "symlog"}
    y = {"p of equivalence": "p within ± 0.01"} | dict.fromkeys(list(panels)[:2], "|t|")
    references = {name: [(critical, "critical t")] for name in list(panels)[:2]}
    return Figure(
        scores_against(
            panels, x_label=x, y_label=y, x_scale=scales, references=references | {"p of equivalence": [(0.05, "5 %")]}
        ),
        "t of reconstructed against recomputed numbers (the source's figure 10). Not to be rejected is no agreement: a "
        "test of equivalence says whether the means are within 0.01.",
        "Tests of equal means.",
    )


def _thresholds_table(arms: Mapping[str, BetaArm]) -> Table:
    columns = ["table and scaling", "latent", "predicted β", "last β alive", "first β dead", "between them"]
    rows: list[Sequence[Cell | str]] = []
    for label, arm in arms.items():
        for i in range(arm.thresholds.latents):
            found, wanted = arm.measured(i), float(arm.thresholds.betas[i])
            held = found.brackets(float(arm.thresholds.at_rate(0.05)[i]))
            verdict = Cell("yes", "good") if held else Cell("no", "miss")
            rows.append([label, str(i + 1), number(wanted), number(found.alive), number(found.dead), verdict])
    return Table("Where latents die: predicted without training, and among the β trained.", columns, rows, "lrrrrl")


def _readings_table(arm: BetaArm) -> Table:
    """The β of collapse by what a reader may take for the source's loss."""
    ways = list(next(iter(arm.readings.values())))
    names = {"range": "to the range", "maximum": "over the maximum", "deviation": "z-scores"}
    rows: list[Sequence[Cell | str]] = [
        [names.get(scaling, scaling), *[number(each[way]) for way in ways]] for scaling, each in arm.readings.items()
    ]
    words = (
        f"β beyond which no latent is left, {arm.label}, by the scaling of columns and by whether squared error and "
        "rate are summed or averaged over columns and latents (in this order). The source states neither."
    )
    return Table(words, ["scaling", *ways], rows, "l" + "r" * len(ways))


def _levels_table(arms: Mapping[str, BetaArm]) -> Table:
    columns = ["table", "β", "nats", "R²", "mean error", "MI", "by chance", "adjusted", "|t|", "true MIG", "best"]
    rows: list[Sequence[Cell | str]] = []
    for label, arm in arms.items():
        for beta, best in zip(arm.betas, arm.best_betas(), strict=True):
            cells = arm.at(float(beta))

            def middle(of: Callable[[ParityCell], float], cells: list[ParityCell] = cells) -> str:
                values = np.array([of(c) for c in cells])
                return number(float(np.median(values[np.isfinite(values)]))) if np.isfinite(values).any() else "–"

            nats = float(np.median(arm.trained.rate[arm.members.betas == beta].sum(1)))
            rows.append(
                [
                    label,
                    f"{beta:g}",
                    number(nats),
                    middle(lambda c: c.parity.r2),
                    middle(lambda c: c.parity.mae),
                    middle(lambda c: c.parity.nmi.score),
                    middle(lambda c: c.parity.nmi.chance),
                    middle(lambda c: c.parity.ami.score),
                    middle(lambda c: abs(c.parity.two_sample.t)),
                    number(float(np.median(arm.true_mig[arm.members.betas == beta]))),
                    f"{best:.0%}",
                ]
            )
    words = (
        "Medians over seeds. MI: normalised, as the source's MIG; true MIG: gap of what latents tell of "
        "the nine inputs; best: share of seeds in which this β has the least mean error."
    )
    return Table(words, columns, rows, "lrrrrrrrrrr")


def _trends_table(a: Beta) -> Table:
    columns = ["trend, all tables", "R²", "R² by chance", "seeds with p < 5 %", "correlation, range over seeds"]
    rows: list[Sequence[Cell | str]] = []
    for name, t in a.trends["all"].items():
        good = np.isfinite(t.r2)
        rows.append([name.replace("_", " "), *(_trend_cells(t, good) if good.any() else ["–"] * 4)])
    return Table("The source's fits, with every seed a study of its own.", columns, rows, "lrrrr")


def _trend_cells(t: Trend, good: Any) -> list[str]:
    """Medians over the seeds that have a fit."""
    r2, chance, p, correlation = (np.asarray(values)[good] for values in (t.r2, t.chance, t.p, t.correlation))
    range_ = f"{number(correlation.min())} to {number(correlation.max())}"
    return [number(np.median(r2)), number(np.median(chance)), f"{np.mean(p < 0.05):.0%}", range_]


def artefact_items(a: ArtefactAnswer) -> list[Item]:
    """Scores of unrelated numbers against their spread, and how often collapsed models look well."""
    panels = {
        "mutual information, as the source": _chance_curves(a.means_equal, a.means_equal.nmi),
        "adjusted for chance": _chance_curves(a.means_equal, a.means_equal.ami),
        "|t|, means 0.01 apart": _chance_curves(a.means_apart, a.means_apart.t),
    }
    columns = ["what looks like agreement", "of single cells", "studies of 27 cells with at least one"]
    rows = [
        [name.replace("_", " "), f"{share:.0%}", f"{a.chance.at_least_one[name]:.0%}"]
        for name, share in a.chance.per_cell.items()
    ]
    return [
        Figure(
            scores_against(
                panels,
                x_label="spread",
                y_label="score",
                fits=False,
                x_scale="log",
                references={"|t|, means 0.01 apart": [(2.011, "critical t")]},
            ),
            "25 pairs of unrelated numbers of three decimals: mutual information rises and t falls with their "
            "standard deviation alone. Colours: standard deviation of the other numbers.",
            "Scores of unrelated numbers.",
        ),
        Table("Collapsed models, whose reconstructions know nothing of the powder.", columns, rows, "lrr"),
    ]


def _chance_curves(a: Artefact, values: Any) -> dict[str, Any]:
    return {f"other {other:g}": (np.asarray(a.deviations), np.asarray(values)[i]) for i, other in enumerate(a.others)}


def decoded_rows_items(a: DecodedRowsAnswer) -> list[Item]:
    """What decoded rows look like, and what they do."""
    found = a.found
    columns = ["principal component", "decoded rows", "designed rows"]
    shares = zip(found.variances[:5], found.designed_variances[:5], strict=True)
    rows = [[str(i + 1), f"{x:.2%}", f"{y:.2%}"] for i, (x, y) in enumerate(shares)]
    arms = [
        [
            arm.label,
            f"{arm.rows:,}",
            number(float(np.median(arm.rate))),
            number(float(np.median(arm.squared_error))),
            number(float(np.median(arm.r2))),
            number(float(np.median(arm.r2_decoded))) if np.isfinite(arm.r2_decoded).any() else "–",
        ]
        for arm in a.arms.values()
    ]
    words = (
        f"{found.rows:,} rows ({found.share:.1%} of the table) are output of an auto-encoder; their mass fractions sum "
        f"to {found.lowest_sum:.3f} to {found.highest_sum:.3f}, and one of them is there {found.repeats} times."
    )
    return [
        Table(f"{words} Share of variance by principal component.", columns, rows, "rrr"),
        Table(
            f"The same model with and without them, on {a.rows:,} designed rows new to both; medians over members.",
            ["trained on", "rows", "nats", "squared error", "R² of packing fraction", "R² on decoded rows"],
            arms,
            "lrrrrr",
        ),
    ]


def calibrated_items(a: Calibrated) -> list[Item]:
    """Parity on held-out rows, and what the prior makes."""
    columns = ["model", "active", "nats", "R² of the row", "of the decoded powder", "of samples"]
    rows = []
    for arm in a.arms.values():
        numbers = arm.as_json()
        rows.append(
            [
                arm.label,
                number(numbers["active"]),
                number(numbers["rate"]),
                f"{number(numbers['r2_of_row'])} ({number(numbers['r2_of_row_low'])})",
                number(numbers["r2_of_oracle"]),
                number(float(np.median([c.parity.r2 for c in arm.generated]))),
            ]
        )
    pairs = {arm.label: (arm.truth, arm.decoded) for arm in list(a.arms.values())[:4]}
    return [
        Figure(
            parity(pairs, truth="packing fraction of the row", made="decoded"),
            "Packing fractions of held-out rows, decoded by the first member.",
            "Parity of decoded packing fractions.",
        ),
        Table(
            "On held-out rows; medians over members, the worst in brackets. The judge of decoded powders is a forest.",
            columns,
            rows,
            "lrrrrr",
        ),
    ]


def design_items(a: Designed) -> list[Item]:
    """Designs met, calls spent, how different designs are, and pictures of some."""
    comparison = a.comparison
    names = [name for name in METHODS if comparison.of(name)]
    columns = ["method", "verified within the tolerance", "again in a second simulation", "targets met"]
    rows = []
    for name in names:
        again = comparison.confirmed(name)
        rows.append(
            [
                METHODS[name],
                f"{comparison.share(name):.0%}",
                "–" if np.isnan(again) else f"{again:.0%}",
                f"{comparison.met(name):.0%}",
            ]
        )
    items: list[Item] = [
        Figure(
            design_targets({METHODS[n]: _verified(a, n) for n in names}, a.tolerance, label="packing fraction φ"),
            "What the simulator makes of proposed powders, against what was asked for. Arrows lie beyond the panel.",
            "Designs against targets.",
        ),
        Figure(
            design_success({METHODS[n]: _success(a, n) for n in names}, label="simulator calls for a target"),
            f"Share of targets for which {comparison.wanted} verified powders were found.",
            "Targets met against calls.",
        ),
        Table(f"All targets; {comparison.calls} calls for each.", columns, rows, "lrrr"),
    ]
    if a.values.shape[1] == 9 and len(a.values):
        items.append(_mixtures(a))
    if a.shown:
        beds = {f"design {i + 1}: {p.packing_fraction:.3f}": p.bed for i, p in enumerate(a.shown)}
        words = "Powders that differ much and pack alike: designs for one target, cut to cubes."
        items.append(Figure(packings(beds, height=1, alike="boxes"), words, "Packed beds of designs."))
    return items


def _verified(a: Designed, method: str) -> tuple[Any, Any, Any]:
    made = [(d, d.proposed & np.isfinite(d.outcome)) for d in a.comparison.of(method)]
    targets = np.concatenate([np.full(int(k.sum()), (d.target.low + d.target.high) / 2) for d, k in made])
    return targets, np.concatenate([d.outcome[k] for d, k in made]), np.concatenate([d.error[k] for d, k in made])


def _success(a: Designed, method: str) -> tuple[Any, Any, None, None]:
    found = np.array([np.cumsum(d.found) for d in a.comparison.of(method)])
    return np.arange(1, found.shape[1] + 1), (found >= a.comparison.wanted).mean(0), None, None


def _mixtures(a: Designed) -> Figure:
    """Mass fractions of designs of a few targets, coloured by how much their medians differ."""
    chosen = sorted(set(a.of.tolist()))[:4]
    sizes = a.values[:, 0:6:2]
    ratio = sizes.max(1) / sizes.min(1)
    panels = {f"φ = {t:g}": (a.values[np.isclose(a.of, t), 6:], ratio[np.isclose(a.of, t)]) for t in chosen}
    return Figure(
        design_diversity(panels, ["component 1", "component 2", "component 3"]),
        "Mass fractions of the verified powders for some of the targets.",
        "Mixtures of designs.",
    )
