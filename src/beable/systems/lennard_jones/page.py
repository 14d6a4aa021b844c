"""Figures and tables of the parts of the Lennard-Jones study."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from beable.console.numbers import number
from beable.datasets.store import Store
from beable.report.figures.particles import configurations, reconstructions, traversals
from beable.report.figures.sweeps import sweep
from beable.report.page import Cell, Figure, Table
from beable.systems.lennard_jones.configurations import HeightProfile, RadialDistribution
from beable.systems.lennard_jones.figures.anomalies import attribution, auc_by_size, roc_curves
from beable.systems.lennard_jones.figures.energies import energies, relaxations
from beable.systems.lennard_jones.figures.latents import accuracies, latent_map
from beable.systems.lennard_jones.figures.matrices import distance_matrices
from beable.systems.lennard_jones.figures.structure import height_profiles, radial_distributions
from beable.systems.lennard_jones.imputation import METHODS, Missing
from beable.systems.lennard_jones.parts.anomaly import CURVES, Anomaly
from beable.systems.lennard_jones.parts.equilibrium import Equilibrium
from beable.systems.lennard_jones.parts.exact import Exact, Walk
from beable.systems.lennard_jones.parts.generation import Drawn, Generated
from beable.systems.lennard_jones.parts.latent import Latent
from beable.systems.lennard_jones.parts.probing import Probing
from beable.systems.lennard_jones.parts.reconstruction import SWEEPS, Reconstruction
from beable.systems.lennard_jones.parts.representations import Representations
from beable.systems.lennard_jones.parts.size_beta import SizeBeta

Item = Figure | Table
WALKS, MOST_STEPS = 4, 5
SHOWN_SCORES = ("distortion", "rate", "energy")
TABLE_SCORES = (
    "distortion",
    "rate",
    "loss",
    "residual",
    "distortion_two_sided",
    "rate_two_sided",
    "energy",
    "overlap",
    "height_two_sided",
    "mahalanobis",
    "isolation_forest",
    "pca_error",
)


def _gamma(gravity: float) -> str:
    return f"γ = {gravity:g}"


def _curve(g: RadialDistribution) -> tuple[Any, Any, Any]:
    return g.r, g.g, g.standard_error


def data_items(store: Store) -> list[Item]:
    """A few configurations of a store of particles, and the numbers of its levels."""
    levels = store.assessment.get("levels", [])
    columns = ["γ", "T", "rows", "chains", "independent samples", "mean energy (ε)", "mean height (σ)"]
    rows = [_level_row(level) for level in levels]
    return [Table("The data, level by level, with standard errors.", columns, rows, "rrrrrrr")] if rows else []


def _level_row(level: Mapping[str, Any]) -> list[Cell | str]:
    plain = [f"{level['gravity']:g}", f"{level['temperature']:g}", f"{level['rows']:,}", f"{level['chains']:,}"]
    means = [number(level["energy"], level["energy_error"]), number(level["height"], level["height_error"])]
    return [*plain, number(level["samples"]), *means]


def equilibrium_items(a: Equilibrium) -> list[Item]:
    """Configurations, energies of both protocols, profiles, pair correlations and failed checks."""
    names = [_gamma(g) for g in a.gravities]
    both = {_gamma(g): {"long runs": a.energies[g], "source's protocol": a.theirs_energies[g]} for g in a.gravities}
    profiles = {_gamma(g): {"long runs": a.profiles[g], "source's protocol": a.theirs_profiles[g]} for g in a.gravities}
    failed = [[str(reason)] for reason in a.theirs["reasons"]] or [["none"]]
    return [
        Figure(
            configurations(a.shown, a.box, titles=names),
            "One configuration at each gravity; discs have diameter σ, the floor is hatched.",
            "Configurations of particles in their boxes.",
        ),
        Figure(
            energies(both, reference="long runs"),
            "Energies of the two protocols. The area is the long runs, which passed all checks of equilibrium.",
            "Distributions of energies.",
        ),
        Figure(
            height_profiles(profiles, reference="long runs"),
            "Density against height; bands are two standard errors.",
            "Density profiles.",
        ),
        Figure(
            radial_distributions({_gamma(g): _curve(p) for g, p in a.pairs.items()}),
            "Pair correlation, normalised by the pair distances of the box itself.",
            "Pair correlation functions.",
        ),
        Table("Checks of equilibrium that the source's protocol fails.", ["check"], failed),
    ]


def latent_items(a: Latent) -> list[Item]:
    """Maps of the first arms, accuracies against the ceiling, and the table."""
    items: list[Item] = []
    for name in list(a.maps)[:2]:
        m = a.maps[name]
        share = m.principal[0].share
        labels = (f"first component, {share[0]:.1%}", f"second component, {share[1]:.1%}")
        items.append(
            Figure(
                latent_map(m.principal[0].coordinates, m.gamma, "γ", axes_labels=labels),
                f"Two principal components of the latents: {a.labels[name]}. If no direction stood out, each would "
                f"explain {m.principal[0].isotropic:.1%}.",
                "Latents coloured by gravity.",
            )
        )
    first = next(iter(a.maps.values()))
    bars = {
        f"{a.labels[name]}: {kind}": (p[0].score, p[0].low, p[0].high)
        for name, m in a.maps.items()
        for kind, p in m.probes.items()
    }
    ceiling = first.ceiling.accuracy
    items.append(
        Figure(
            accuracies(bars, ceiling=ceiling.score, chance=first.chance, ceiling_name="best possible from Σy"),
            "Accuracy of γ from the latents of the first member, on rows that neither model nor probe was fitted to.",
            "Accuracies of probes of gravity.",
        )
    )
    kinds = list(first.probes)
    columns = ["arm", *kinds, "k-means, AMI", "⟨y⟩ along the probe, Spearman"]
    rows = [_latent_row(a, name, kinds) for name in a.maps]
    items.append(Table("Median over members.", columns, rows, "l" + "r" * (len(kinds) + 2)))
    return items


def _latent_row(a: Latent, name: str, kinds: Sequence[str]) -> list[Cell | str]:
    m = a.maps[name]
    probes = [number(np.median([p.score for p in m.probes[kind]])) for kind in kinds]
    clusters, along = np.median([c.score for c in m.clusters]), np.median([t.correlation for t in m.trend])
    return [a.labels[name], *probes, number(clusters), number(along)]


def size_beta_items(a: SizeBeta) -> list[Item]:
    """Error and rate against the number of latents, a line a β."""
    sizes = a.sizes.astype(float)
    members = a.betas.shape[1] - 1
    names = [f"β = {a.betas[0, k]:g}" for k in range(members)] + ["λ = 0.00035, the source's"]
    errors = {name: (sizes, a.error[:, k]) for k, name in enumerate(names)}
    rates = {name: (sizes, a.rate[:, k]) for k, name in enumerate(names)}
    rows = [
        [str(n), *(f"{number(a.error[i, k])} / {number(a.rate[i, k])} / {a.active[i, k]}" for k in range(members + 1))]
        for i, n in enumerate(a.sizes)
    ]
    columns = ["latents", *names[:-1], "source's λ (β at this size)"]
    rows = [[*row[:-1], f"{row[-1]} ({a.betas[i, -1]:g})"] for i, row in enumerate(rows)]
    return [
        Figure(
            sweep(errors, "number of latents", "error of a coordinate (σ)"),
            "Root-mean-square error on held-out rows. At one λ of the source, more latents are a smaller β too.",
            "Errors against the number of latents.",
        ),
        Figure(
            sweep(rates, "number of latents", "rate (nats)"),
            "Rate on held-out rows.",
            "Rates against the number of latents.",
        ),
        Table("Error in σ / rate in nats / active latents.", columns, rows, "l" + "r" * (members + 1)),
    ]


def representations_items(a: Representations) -> list[Item]:
    """The table, and one sample of the prior of each representation."""
    columns = ["", "2 PCs explain", "PCA 2 / 10 / 40", "VAE", "nats", "γ", "decoded %", "samples %", "in box %"]
    rows = [_line_row(line) for line in a.lines.values()]
    positions = np.stack(list(a.samples.values()))
    names = [a.lines[arm].label for arm in a.samples]
    return [
        Table(
            "Errors of principal components and of the VAE in σ, of a coordinate or a distance (of polar coordinates "
            "and densities in their own units); rate in nats; accuracy of γ from the latents, at most "
            f"{a.ceiling:.3f}; shares of decoded rows and of samples of the prior with all distances above 0.8 σ, and "
            "of samples in the box. Medians over members, held-out rows.",
            columns,
            rows,
            "lrrrrrrrr",
        ),
        Figure(
            configurations(positions, a.box, titles=names, columns=4),
            "One sample of the prior of each, decoded, nothing repaired; overlapping pairs are ringed.",
            "Samples of the prior by representation.",
        ),
    ]


def _line_row(line: Any) -> list[Cell | str]:
    linear = " / ".join(number(e) for e in line.linear.values())
    shares = [f"{100 * share:.1f}" for share in (line.decoded, line.sampled, line.inside)]
    return [
        line.label,
        f"{line.explained:.1%}",
        linear,
        number(line.error),
        number(line.rate),
        number(line.gravity),
        *shares,
    ]


def reconstruction_items(a: Reconstruction) -> list[Item]:
    """Originals and every way back, energies before and after relaxation, a matrix."""
    items: list[Item] = [
        Figure(
            distance_matrices(a.matrices[:1], a.matrices[1:]),
            f"A held-out distance matrix and its decoding; error {number(a.matrix_error)} σ over all rows.",
            "Distance matrices.",
        )
    ]
    for name, way in a.ways.items():
        items.append(
            Figure(
                reconstructions(a.originals, way.positions, a.box),
                f"Originals above, below {name}; lines lead from each particle to the decoded one that it is matched "
                "with.",
                f"Configurations and their reconstruction by {name}.",
            )
        )
    traces = {name: np.stack(list(way.energy.values()), axis=1) for name, way in a.ways.items()}
    items.append(
        Figure(
            relaxations(traces, np.array([0, *SWEEPS]), equilibrium=a.energy),
            "Energies as decoded and after sweeps of Monte Carlo: median and middle half of the rows; the band is that "
            "of the originals.",
            "Energies against sweeps of relaxation.",
        )
    )
    columns = [
        "way back",
        "without overlap",
        "error, matched (σ)",
        "shape error (σ)",
        "median U",
        "after 10",
        "after 100",
    ]
    rows: list[list[Cell | str]] = [
        [
            name,
            f"{way.apart:.1%}",
            number(way.matched),
            "–" if way.shape is None else number(way.shape),
            *(number(np.median(e)) if np.isfinite(np.median(e)) else "∞" for e in way.energy.values()),
        ]
        for name, way in a.ways.items()
    ]
    caption = f"Originals have a mean energy of {number(a.energy.mean())}."
    items.append(Table(caption, columns, rows, "lrrrrrr"))
    distances = [[name, *(number(j.distance) for j in way.distance.values())] for name, way in a.ways.items()]
    floor = next(iter(a.ways.values())).distance[0].floor
    caption = (
        f"Jensen–Shannon distance of the energies from those of the originals; two samples of this size from one "
        f"distribution are {number(floor)} apart. The right energies with labels of other rows: "
        f"{number(a.mislabelled.distance)}."
    )
    items.append(Table(caption, ["way back", "as decoded", "after 10 sweeps", "after 100"], distances, "lrrr"))
    return items


def anomaly_items(a: Anomaly) -> list[Item]:
    """What anomalous rows look like, ROC curves, the tables, the curve of displacements and the attribution."""
    kinds = [kind for kind in a.shown if kind != "ordinary"]
    first = next(iter(a.tables))
    scores = a.tables[first].scores
    curves = {name: {kind: scores[kind][name].mean(0) for kind in ("normal", *kinds)} for name in SHOWN_SCORES}
    moved = np.stack([a.shown["four particles moved"]])
    ends = {
        name: (
            np.array([c.score for c in a.curve.auc[name]]),
            np.array([c.low for c in a.curve.auc[name]]),
            np.array([c.high for c in a.curve.auc[name]]),
        )
        for name in CURVES
    }
    hidden = [_missing_row(m) for m in a.missing.values()]
    return [
        Figure(
            configurations(np.stack(list(a.shown.values())), a.box, titles=list(a.shown), columns=5),
            "One configuration of each kind.",
            "Ordinary and anomalous configurations.",
        ),
        Figure(
            roc_curves(curves),
            f"ROC curves: {a.labels[first]}. Below the diagonal the anomalous rows score lower than ordinary ones.",
            "ROC curves.",
        ),
        *(_auc_table(a, arm, kinds) for arm in a.tables),
        Figure(
            auc_by_size(a.curve.sizes, ends),
            f"How far {a.curve.particles} particles must be moved to be noticed: {a.labels[first]}.",
            "AUC against the size of a displacement.",
        ),
        Figure(
            attribution(moved, a.share[None], a.box, moved=a.moved[None], label="share of the distortion"),
            f"Share of the distortion by particle; crosses are those that were moved. Of the four particles "
            f"with the largest share {a.attribution.model.score:.0%} were moved, by energy "
            f"{a.attribution.energy.score:.0%}, by chance {a.attribution.chance:.0%}.",
            "Which particles are out of place.",
        ),
        Table(
            "Error of hidden distances in σ, median over members: the block set to zero as if it were data, the latent "
            "that explains the known distances best, points that have them, and the mean matrix.",
            ["hidden pairs", *METHODS],
            hidden,
            "l" + "r" * len(METHODS),
        ),
    ]


def _missing_row(m: Missing) -> list[Cell | str]:
    pairs = int(m.hidden.sum()) // 2
    found = [number(np.median(m.found[name].rmse)) if name in m.found else "–" for name in METHODS]
    return [f"{pairs} of {m.hidden.shape[0] * (m.hidden.shape[0] - 1) // 2}", *found]


def _auc_table(a: Anomaly, arm: str, kinds: Sequence[str]) -> Table:
    found = a.tables[arm].found
    rows = [
        [name.replace("_", " "), *(_interval(found[kind][name].auc) for kind in kinds)]
        for name in TABLE_SCORES
        if name in found[kinds[0]]
    ]
    return Table(f"ROC-AUC with its interval: {a.labels[arm]}.", ["score", *kinds], rows, "l" + "r" * len(kinds))


def _interval(auc: Any) -> str:
    return f"{auc.score:.3f} ({auc.low:.3f} to {auc.high:.3f})"


def probing_items(a: Probing) -> list[Item]:
    """Walks along the directions that move the code most, and what follows which latent."""
    t = a.latents
    steps = np.unique(np.linspace(0, len(t.steps) - 1, MOST_STEPS).round().astype(int))
    names = [f"latent {k}" for k in t.number[:WALKS]]
    quantities = list(t.effects)
    rows: list[list[Cell | str]] = [
        [f"latent {t.number[i]}", f"{t.explained[i]:.1%}", *(f"{t.effects[q][i].association:+.2f}" for q in quantities)]
        for i in range(min(len(t.number), 10))
    ]
    columns = ["", "explains", *(q.replace("_", " ") for q in quantities)]
    return [
        Figure(
            traversals(t.positions[:WALKS, steps], t.steps[steps], a.box, names=names),
            "Decoded configurations along the latents that move the code most, in standard deviations.",
            "Walks along latents.",
        ),
        Table(
            "Share of the code's variance along each latent, and Spearman's correlation of the latent with quantities "
            "of held-out rows.",
            columns,
            rows,
            "l" + "r" * (len(quantities) + 1),
        ),
    ]


def generation_items(a: Generated) -> list[Item]:
    """Samples beside equilibrium, their structure, and the table."""
    gravities = list(a.equilibrium_pairs)
    first = next(iter(a.drawn))
    best = a.drawn.get(next((n for n in a.drawn if n.endswith("mixture")), first), a.drawn[first])
    shown = np.concatenate([best.shown[g][:1] for g in gravities] + [a.equilibrium_shown[g][:1] for g in gravities])
    titles = [f"sample, {_gamma(g)}" for g in gravities] + [f"equilibrium, {_gamma(g)}" for g in gravities]
    pairs = {_gamma(g): {"equilibrium": _curve(a.equilibrium_pairs[g])} | _pairs(a.drawn, g) for g in gravities}
    profiles = {_gamma(g): {"equilibrium": a.equilibrium_profiles[g]} | _profiles(a.drawn, g) for g in gravities}
    return [
        Figure(
            configurations(shown, a.box, titles=titles, columns=len(gravities)),
            "Samples decoded from the latent space, nothing repaired, above configurations in equilibrium.",
            "Samples beside equilibrium.",
        ),
        Figure(
            radial_distributions(pairs, reference="equilibrium"),
            "Pair correlation of samples before any repair; the band is equilibrium.",
            "Pair correlation of samples.",
        ),
        Figure(
            height_profiles(profiles, reference="equilibrium"),
            "Density of samples against height; the band is equilibrium.",
            "Density profiles of samples.",
        ),
        *(_generation_table(name, drawn) for name, drawn in a.drawn.items()),
    ]


def _pairs(drawn: Mapping[str, Drawn], gravity: float) -> dict[str, Any]:
    return {name: _curve(d.pairs[gravity]) for name, d in drawn.items()}


def _profiles(drawn: Mapping[str, Drawn], gravity: float) -> dict[str, HeightProfile]:
    return {name: d.profiles[gravity] for name, d in drawn.items()}


def _generation_table(name: str, drawn: Drawn) -> Table:
    columns = [
        "γ",
        "no overlap",
        "in the box",
        "contacts (equilibrium)",
        "⟨y⟩ (equilibrium)",
        "no overlap after 10 sweeps",
        "mean U off equilibrium after 10",
        "after 100",
        "JSD after 10 (floor)",
    ]
    rows = [_generation_row(level) for level in drawn.as_json()["levels"]]
    return Table(f"Samples: {name}. Median over members.", columns, rows, "r" * len(columns))


def _generation_row(level: Mapping[str, Any]) -> list[Cell | str]:
    off, jsd = level["energy_difference_after"], level["jsd_after"]
    return [
        f"{level['gravity']:g}",
        f"{level['apart']:.1%}",
        f"{level['inside']:.1%}",
        f"{number(level['contacts'])} ({number(level['contacts_equilibrium'])})",
        f"{number(level['height'])} ({number(level['height_equilibrium'])})",
        f"{level['apart_after']['10']:.1%}",
        f"{off['10']:+.2f}".replace("-", "−"),
        f"{off['100']:+.2f}".replace("-", "−"),
        f"{number(jsd['10'])} ({number(level['jsd_floor'])})",
    ]


def exact_items(a: Exact) -> list[Item]:
    """Chains of every kind at every γ, and the weighted draws."""
    columns = ["γ", "moves", "τ of ⟨y⟩ (rounds)", "samples a CPU s", "accepted", "⟨y⟩ (data)", "mean U (data)"]
    rows = [_walk_row(g, name, walk, a.means[g]) for g, walks in a.walks.items() for name, walk in walks.items()]
    return [
        Table(
            "Chains of rounds of ten sweeps, with and without five moves along the latents. A star marks times that "
            "the chains are too short to tell.",
            columns,
            rows,
            "llrrrrr",
        ),
        _annealed_table(a),
    ]


def _walk_row(gravity: float, name: str, walk: Walk, means: Sequence[float]) -> list[Cell | str]:
    mark = "" if walk.height.reliable else " *"
    return [
        f"{gravity:g}",
        name,
        f"{number(walk.height.time)}{mark}",
        number(walk.height.samples_per_second),
        "–" if walk.accepted is None else f"{walk.accepted:.0%}",
        f"{number(walk.height.mean, walk.height.mean_error)} ({means[2]:.3f})",
        f"{number(walk.energy.mean, walk.energy.mean_error)} ({means[0]:.2f})".replace("-", "−"),
    ]


def _annealed_table(a: Exact) -> Table:
    found, means = a.annealed, a.means[a.gravity]
    row = [
        f"{a.gravity:g}",
        str(found["steps"]),
        f"{found['effective']:.0f} of {found['rows']}",
        f"{number(found['energy']['mean'], found['energy']['error'])} ({means[0]:.2f})".replace("-", "−"),
        f"{number(found['height']['mean'], found['height']['error'])} ({means[2]:.3f})",
    ]
    return Table(
        "Weighted draws, drawn anew by their weights on the way; they descend from few first draws, so that their "
        "standard errors are too small.",
        ["γ", "steps", "effective size", "mean U (data)", "⟨y⟩ (data)"],
        [row],
        "rrrrr",
    )
