"""The evidence of the parts of the Lennard-Jones study: figures, tables, and what stands folded behind them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from beable.console.numbers import latent_name, number
from beable.datasets.store import Store
from beable.report.figures.particles import configurations, traversals
from beable.report.figures.style import FloatArray
from beable.report.page import Evidence, Figure, Fold, Item
from beable.systems.lennard_jones import findings
from beable.systems.lennard_jones.configurations import HeightProfile, RadialDistribution
from beable.systems.lennard_jones.figures.anomalies import (
    attribution,
    auc_by_size,
    error_histograms,
    odd_maps,
    roc_curves,
)
from beable.systems.lennard_jones.figures.energies import energies, relaxations
from beable.systems.lennard_jones.figures.latents import accuracies, latent_maps
from beable.systems.lennard_jones.figures.matrices import distance_matrices, errors_beside, matrix_tiles
from beable.systems.lennard_jones.figures.sizes import chain_paces, error_and_rate
from beable.systems.lennard_jones.figures.structure import height_profiles, radial_distributions
from beable.systems.lennard_jones.figures.ways_back import small_boxes, ways_back
from beable.systems.lennard_jones.findings import GROUP, NETWORK, kind, minus, percent, way
from beable.systems.lennard_jones.parts.anomaly import CURVES, Anomaly
from beable.systems.lennard_jones.parts.conditional import Conditional
from beable.systems.lennard_jones.parts.equilibrium import TIMES, Equilibrium
from beable.systems.lennard_jones.parts.exact import Exact
from beable.systems.lennard_jones.parts.generation import Drawn, Generated
from beable.systems.lennard_jones.parts.latent import Latent
from beable.systems.lennard_jones.parts.matrices import SOURCE_ERROR, Matrices
from beable.systems.lennard_jones.parts.patterns import WALK, Patterns
from beable.systems.lennard_jones.parts.probing import Probing
from beable.systems.lennard_jones.parts.reconstruction import SWEEPS, Reconstruction
from beable.systems.lennard_jones.parts.representations import Representations
from beable.systems.lennard_jones.parts.size_beta import SizeBeta
from beable.systems.lennard_jones.tables import fluid, models
from beable.systems.lennard_jones.tables.columns import gravity
from beable.systems.lennard_jones.tables.models import OVERLAP, SCORES

WALKS, STEPS, FIRST_WALKS = 4, 5, 2
FIRST_CONFIGURATIONS = 2
SHOWN_SCORES = ("distortion", "rate", "energy")
#: ways that answer with a picture, by the words above it
HIDDEN_SHORT = {"zeroed": "decoded", "latent": "best latent"}
THEIRS = f"protocol of {GROUP}"


def _curve(g: RadialDistribution) -> tuple[Any, Any, Any]:
    return g.r, g.g, g.standard_error


def data_items(store: Store) -> list[Item]:
    """The numbers of a store of particles, level by level."""
    return [*fluid.levels(store)]


# Equilibrium


def equilibrium(a: Equilibrium) -> Evidence:
    """Energies of both protocols; profiles, pair correlations and every check."""
    n = a.as_json()
    folds = [
        Fold("Means and every check of equilibrium", _refused(a), [fluid.energies_by_protocol(a), fluid.checks(a)]),
        Fold("Energy against time", [], [_falls(a)]),
        Fold("Configurations, heights and pairs", [], _structure(a)),
    ]
    return Evidence(findings.equilibrium(n), [_energies(a)], folds)


def _refused(a: Equilibrium) -> list[str]:
    """Why it cannot be told; where a check fails the table says which."""
    said = {"Long runs": a.ours, f"Samples by the {THEIRS}": a.theirs}
    untold = {name: judged for name, judged in said.items() if judged["equilibrated"] is None}
    return [f"{name}: {'; '.join(fluid.reasons(judged))}." for name, judged in untold.items()]


def _energies(a: Equilibrium) -> Figure:
    both = {gravity(g): {"long runs": a.energies[g], THEIRS: a.theirs_energies[g]} for g in a.gravities}
    gap = a.as_json()["largest_gap"]
    at = f" most so at γ = {gap['gravity']:g}, by {number(gap['energy'])} ε" if gap["gravity"] is not None else ""
    return Figure(
        energies(both, reference="long runs"),
        f"Distributions of energies; the area is the long runs, the line the {THEIRS}.",
        f"Energies of both protocols at each γ; their means differ{at}.",
    )


def _falls(a: Equilibrium) -> Figure:
    off = ", ".join(f"{number(a.still_off(g))} ε at γ = {g:g}" for g in a.gravities)
    return Figure(
        relaxations(
            {gravity(g): a.falls[g] for g in a.gravities},
            np.array(TIMES, dtype=float),
            equilibrium={gravity(g): a.energies[g] for g in a.gravities},
        ),
        f"Energy of {a.as_json()['followed']} chains from random positions: median and middle half; the band is that "
        "of the long runs. "
        f"{GROUP} takes small steps and stops after 2,500 sweeps; tuned moves are longer and go anywhere too.",
        f"Energy against sweeps; after 2,500 sweeps of small steps its mean is off by {off}.",
    )


def _structure(a: Equilibrium) -> list[Item]:
    profiles = {gravity(g): {"long runs": a.profiles[g], THEIRS: a.theirs_profiles[g]} for g in a.gravities}
    heights = ", ".join(f"{level['height']:.2f} σ at γ = {level['gravity']:g}" for level in a.ours["levels"])
    return [
        Figure(
            configurations(a.shown, a.box, titles=[gravity(g) for g in a.gravities]),
            "The first configuration at each gravity; discs have diameter σ, the floor is hatched.",
            f"Particles sink with gravity; their mean height is {heights}.",
        ),
        Figure(
            height_profiles(profiles, reference="long runs"),
            "Density against height; bands are two standard errors.",
            f"Density against height of both protocols; the mean height of long runs is {heights}.",
        ),
        Figure(
            radial_distributions({gravity(g): _curve(p) for g, p in a.pairs.items()}),
            "Pair correlation, normalised by the pair distances of the box itself.",
            "Pair correlation at each gravity, with peaks at the shells of neighbours.",
        ),
    ]


# Matrices


def matrices(a: Matrices) -> Evidence:
    """Errors of all models of matrices; symmetry and γ folded."""
    n = a.as_json()
    bars = {line.label: (line.error, line.linear) for line in a.lines.values()}
    figure = Figure(
        errors_beside(bars, SOURCE_ERROR, ("network", "40 principal components"), f"error of {GROUP}"),
        "Error of a distance on held-out rows: of the trained networks, and of as many principal components of the "
        "same matrices.",
        findings.matrices(n),
    )
    tables: list[Item] = [models.matrices_table(a), models.entries_table(a), models.told_table(a)]
    return Evidence(findings.matrices(n), [figure], [Fold("Every training, symmetry, and γ", [], tables)])


# Latents


def latent(a: Latent) -> Evidence:
    """Accuracies between chance and what is possible; maps of all arms."""
    n = a.as_json()
    folds = [Fold("Maps and numbers of the latents", [], [_maps(a), models.latent_table(a)])]
    return Evidence(findings.latents(n), [_accuracies(a)], folds)


def _accuracies(a: Latent) -> Figure:
    first = next(iter(a.maps.values()))
    bars = {
        f"{a.labels[name]}: {probe}": (p[0].score, p[0].low, p[0].high)
        for name, m in a.maps.items()
        for probe, p in m.probes.items()
    }
    members = max(len(m.principal) for m in a.maps.values())
    whose = "the only training of each" if members == 1 else "the first training of each"
    return Figure(
        accuracies(bars, ceiling=first.ceiling.accuracy.score, chance=first.chance, ceiling_name="best possible"),
        f"Held-out rows whose γ a probe tells from the latents, {whose}; at best by the sum of heights Σy. Distance "
        f"images: {NETWORK}.",
        findings.latents(a.as_json()),
    )


def _maps(a: Latent) -> Figure:
    some = next(iter(a.maps.values()))
    maps = {a.labels[name]: m.principal[0].coordinates for name, m in a.maps.items()}
    shares = {a.labels[name]: _shares(m.principal[0].share) for name, m in a.maps.items()}
    even = ", ".join(f"{a.labels[name]} {percent(m.principal[0].isotropic)}" for name, m in a.maps.items())
    return Figure(
        latent_maps(maps, some.gamma, "γ", {name: f"first component\n({share})" for name, share in shares.items()}),
        "Latents of the first training on their two principal components, in units of their spread; below each, the "
        f"shares of the variance on the two. If no direction stood out each would have: {even}. Distance images: "
        f"{NETWORK}.",
        "Latents by γ; shares of the two components: " + ", ".join(f"{name} {words}" for name, words in shares.items()),
    )


def _shares(share: Any) -> str:
    return " and ".join(percent(float(s)) for s in share)


# Size and β


def size_beta(a: SizeBeta) -> Evidence:
    """Error and rate against the number of latents, a line a β."""
    n = a.as_json()
    sizes, names = a.sizes.astype(float), [*(f"β = {b:g}" for b in a.betas[0, :-1]), f"λ of {GROUP}"]
    errors, rates = ({name: v[:, k] for k, name in enumerate(names)} for v in (a.error, a.rate))
    figure = Figure(
        error_and_rate(sizes, errors, rates, last=names[-1]),
        "Root-mean-square error and rate on held-out rows, 1 training for each number of latents and β. At one λ more "
        "latents are a smaller β too.",
        findings.size_beta(n),
    )
    error = models.size_beta_table(a, a.error, "Error of a coordinate in σ, on held-out rows; 1 training for each.")
    rate = models.size_beta_table(a, a.rate, "Rate in nats a row.")
    active = models.size_beta_table(a, a.active, "Latents that carry more than 0.05 nats.")
    folds = [Fold("Errors, rates and active latents in numbers", [], [error, rate, active])]
    return Evidence(findings.size_beta(n), [figure], folds)


# Representations


def representations(a: Representations) -> Evidence:
    """One sample of the prior of each representation, and the table."""
    positions = np.stack(list(a.samples.values()))
    names = [f"{a.lines[arm].label}: {percent(a.lines[arm].sampled)}" for arm in a.samples]
    shares = ", ".join(f"{line.label} {percent(line.sampled)}" for line in a.lines.values())
    figure = Figure(
        small_boxes(positions, a.box, names),
        "The first sample of the prior of each, by its first training, nothing repaired; overlaps are ringed. In "
        f"percent: all samples without overlap, {OVERLAP}.",
        f"Samples of the prior without overlap: {shares}.",
    )
    numbers: list[Item] = [models.representations_table(a), models.linear_table(a)]
    folds = [Fold("Numbers, principal components, and what latents know of γ", [], numbers)]
    return Evidence(findings.representations(a.as_json()), [figure], folds)


# Reconstruction


def reconstruction(a: Reconstruction) -> Evidence:
    """Originals beside every way back, energies before and after relaxation, a matrix."""
    n, first = a.as_json(), slice(0, FIRST_CONFIGURATIONS)
    folds = [
        Fold("More configurations", [], [_ways(a, slice(FIRST_CONFIGURATIONS, None))]),
        Fold("Energies without near pairs, and as they are", [], [_histograms(a), models.cut_table(a)]),
        Fold("Energies during relaxation", [], [_relaxation(a), models.energies_table(a)]),
        Fold("A decoded distance matrix", [_matrix_words(n)], [_matrix(a)]),
    ]
    items: list[Item] = [_ways(a, first), models.ways_table(a)]
    return Evidence(findings.reconstruction(n), items, folds, findings.reconstruction_short(n))


def _ways(a: Reconstruction, rows: slice) -> Figure:
    made = {name: w.positions[rows] for name, w in a.ways.items()}
    errors = ", ".join(f"{name} {number(w.matched)} σ" for name, w in a.ways.items())
    return Figure(
        ways_back(a.originals[rows], made, a.box),
        "The first held-out configurations and what comes back, with lines from each particle to its match and their "
        f"root mean square. Classical scaling and SMACOF: {NETWORK}.",
        f"Median error of a particle by way: {errors}.",
    )


def _histograms(a: Reconstruction) -> Figure:
    shown = {name: a.ways[name] for name in ("classical scaling", "SMACOF") if name in a.ways}
    panels = {
        "pairs nearer than 1 σ left out": {"originals": a.cut} | {name: w.cut for name, w in shown.items()},
        "all pairs": {"originals": a.energy} | {name: w.energy[0] for name, w in shown.items()},
    }
    distances = ", ".join(
        f"{name} {w.cut_distance.distance:.2f} and {w.distance[0].distance:.2f}" for name, w in shown.items()
    )
    return Figure(
        energies(panels, reference="originals"),
        f"Energies as decoded: left as {GROUP} draws them, right with every pair. The area is the originals.",
        f"Distances of energies from the originals, without near pairs and with all: {distances}.",
    )


def _relaxation(a: Reconstruction) -> Figure:
    traces = {name: np.stack(list(w.energy.values()), axis=1) for name, w in a.ways.items()}
    off = ", ".join(f"{name} {number(w.difference[SWEEPS[-1]])} ε" for name, w in a.ways.items())
    return Figure(
        relaxations(traces, np.array([0, *SWEEPS]), equilibrium=a.energy),
        "Energies as decoded and after sweeps of Monte Carlo: median and middle half of the rows; the band is that of "
        "the originals.",
        f"Mean energy off the originals after {SWEEPS[-1]} sweeps: {off}.",
    )


def _matrix_words(n: Mapping[str, Any]) -> str:
    return (
        "Distances of points in the plane have two eigenvalues. Of decoded matrices the third is "
        f"{number(n['third_ratio'])} of the second, and {percent(n['negative_mass'])} of all are negative by size; the "
        f"two entries of a pair differ by {number(n['asymmetry'])} σ."
    )


def _matrix(a: Reconstruction) -> Figure:
    return Figure(
        distance_matrices(a.matrices[:1], a.matrices[1:]),
        f"The first held-out distance matrix and its decoding; error over all rows {number(a.matrix_error)} σ "
        f"({NETWORK}).",
        f"A distance matrix, its decoding and the error, {number(a.matrix_error)} σ over all rows.",
    )


# Anomalies


def anomaly(a: Anomaly) -> Evidence:
    """ROC curves and scores; what odd rows look like, every interval, the size that is noticed, hidden distances."""
    n = a.as_json()
    folds = [
        Fold("What odd configurations look like, and where their latents lie", [], [_kinds(a), _odd_maps(a)]),
        Fold(
            "Error curves, and errors beside those of the source",
            [],
            [models.errors_table(a), _roc(a), models.scores_table(a)],
        ),
        Fold("Every score with its interval", [], [models.intervals_table(a, arm) for arm in a.tables]),
        Fold("How far particles must be moved, and which one it was", [findings.attributed(n)], _moved(a)),
        Fold("Hidden blocks of distances", [], [_inpainted(a), models.hidden_table(a)]),
    ]
    return Evidence(findings.anomaly(n), [_errors(a), models.worth_table(a)], folds)


def _errors(a: Anomaly) -> Figure:
    medians = ", ".join(f"{kind(name)} {number(np.median(e))} σ" for name, e in a.errors.items())
    return Figure(
        error_histograms({kind(name): e for name, e in a.errors.items()}, "ordinary"),
        f"Error of a row's distances: {a.labels['matrices']}. The area is ordinary rows.",
        f"Median error of a row: {medians}.",
    )


def _odd_maps(a: Anomaly) -> Figure:
    maps = {model: {kind(name): z for name, z in by.items()} for model, by in a.maps.items()}
    spreads = "; ".join(
        f"{model}: " + ", ".join(f"{name} {number(float(np.sqrt(np.square(z).mean())))}" for name, z in by.items())
        for model, by in maps.items()
    )
    return Figure(
        odd_maps(maps, "ordinary"),
        "Latents of odd rows on the two principal components of ordinary ones, in units of these rows' spread; grey "
        "are ordinary rows.",
        f"Root-mean-square places of rows in units of ordinary rows' spread: {spreads}.",
    )


def _inpainted(a: Anomaly) -> Figure:
    shown: dict[str, FloatArray] = {}
    for (first, length), mask in a.pictures.hidden.items():
        name = f"{first + 1}–{first + length}"
        shown[f"{name}: given"] = np.where(mask, 0.0, a.pictures.truth)
        shown |= {
            f"{name}: {HIDDEN_SHORT[m]}": x for m, x in a.pictures.found[first, length].items() if m in HIDDEN_SHORT
        }
        shown[f"{name}: true"] = a.pictures.truth
    return Figure(
        matrix_tiles(shown, columns=len(HIDDEN_SHORT) + 2),
        f"One held-out matrix with the blocks that {GROUP} blacks out, by particles: as given, decoded as if zeros "
        f"were data, by the latent that explains the rest best, and true; {a.labels['matrices']}.",
        f"Matrices with hidden blocks of {findings.listed(str(length) for _, length in a.pictures.hidden)} particles.",
    )


def _kinds(a: Anomaly) -> Figure:
    return Figure(
        configurations(np.stack(list(a.shown.values())), a.box, titles=[kind(name) for name in a.shown], columns=5),
        "The first configuration of each kind.",
        f"Configurations: {findings.listed(kind(name) for name in a.shown)}.",
    )


def _roc(a: Anomaly) -> Figure:
    scores = a.tables[a.main].scores
    kinds = ["normal", *(name for name in a.shown if name != "ordinary")]
    curves = {SCORES[name]: {kind(k): scores[k][name].mean(0) for k in kinds} for name in SHOWN_SCORES}
    return Figure(
        roc_curves(curves),
        f"ROC curves of “{a.labels[a.main]}”. Below the diagonal odd rows score lower than ordinary ones.",
        findings.anomaly(a.as_json()),
    )


def _moved(a: Anomaly) -> list[Item]:
    ends = {SCORES[name]: _ends(a.curve.auc[name]) for name in CURVES}
    words = (
        f"How far {a.curve.particles} particles must be moved to be noticed: {a.labels[a.main]}; bars are intervals."
    )
    largest = ", ".join(f"{SCORES[name]} {a.curve.auc[name][-1].score:.2f}" for name in CURVES)
    return [
        Figure(auc_by_size(a.curve.sizes, ends), words, f"AUC at the largest displacement: {largest}."),
        Figure(
            attribution(
                np.stack([a.shown["four particles moved"]]), a.share[None], a.box, moved=a.moved[None],
                label="share of the squared error",
            ),
            "Share of the error by particle in the first such row; crosses are those that were moved.",
            findings.attributed(a.as_json()),
        ),
    ]  # fmt: skip


def _ends(curve: Sequence[Any]) -> tuple[FloatArray, FloatArray, FloatArray]:
    return np.array([c.score for c in curve]), np.array([c.low for c in curve]), np.array([c.high for c in curve])


# Single latents


def probing(a: Probing) -> Evidence:
    """Walks along the latents that move the code most, and what follows which latent."""
    folds = [
        Fold("Every latent, and more walks", [], [models.latents_table(a, len(a.latents.number)), _walks(a, WALKS)]),
        Fold("Principal directions, and every training", [], [models.principal_table(a, 10), models.members_table(a)]),
    ]
    return Evidence(findings.probing(a.as_json()), [_walks(a, FIRST_WALKS)], folds)


def _walks(a: Probing, most: int) -> Figure:
    t = a.latents
    steps = np.unique(np.linspace(0, len(t.steps) - 1, STEPS).round().astype(int))
    names = [latent_name(int(k)) for k in t.number[:most]]
    explained = ", ".join(f"{name} {percent(float(s))}" for name, s in zip(names, t.explained, strict=False))
    return Figure(
        traversals(t.positions[:most, steps], t.steps[steps], a.box, names=names),
        "Decoded configurations along the latents that move the code most; above the boxes, standard deviations of the "
        "latent.",
        f"Share of the code's variance along each latent: {explained}.",
    )


def patterns(a: Patterns) -> Evidence:
    """Patterns of the leading directions; the walk, z = 0 and samples folded."""
    n = a.as_json()
    changes = {
        f"direction {i + 1}: {percent(float(share))}": change
        for i, (share, change) in enumerate(zip(a.share, a.changes, strict=True))
    }
    figure = Figure(
        matrix_tiles(changes, signed=True, label="change (σ)"),
        "Change of each distance from −2 to 2 standard deviations along the five leading directions of the latents, "
        f"with their share of the variance: {a.label}.",
        findings.patterns(n),
    )
    steps = {f"{minus(f'{step:g}')} sd": matrix for step, matrix in zip(WALK, a.walk, strict=True)}
    middle = {"z = 0": a.origin, "mean of rows": a.mean}
    samples = {f"sample {i + 1}": matrix for i, matrix in enumerate(a.samples)}
    words = f"third eigenvalue over second {number(a.third[0])}, of decoded rows {number(a.third[1])}"
    folded: list[Item] = [
        Figure(
            matrix_tiles(steps),
            "Matrices along the first direction.",
            f"A walk along the first direction, {len(steps)} steps.",
        ),
        Figure(
            matrix_tiles(middle | samples, columns=3),
            f"Decoded at z = 0, the mean matrix, and samples along the five leading directions; {words}.",
            f"Matrices at z = 0, {number(a.origin_off)} σ off the mean, and samples along the leading directions.",
        ),
    ]
    return Evidence(findings.patterns(n), [figure], [Fold("A walk, z = 0, and samples", [], folded)])


# Samples


def generation(a: Generated) -> Evidence:
    """Samples beside equilibrium and the table; structure and every γ folded."""
    n = a.as_json()
    gravities = list(a.equilibrium_pairs)
    pairs = {gravity(g): {"equilibrium": _curve(a.equilibrium_pairs[g])} | _pairs(a.drawn, g) for g in gravities}
    profiles = {gravity(g): {"equilibrium": a.equilibrium_profiles[g]} | _profiles(a.drawn, g) for g in gravities}
    whose = _whose(a.drawn[a.main])
    structure: list[Item] = [
        Figure(
            radial_distributions(pairs, reference="equilibrium"),
            f"Pair correlation of samples before any repair; {whose}. The area is equilibrium.",
            f"Pair correlation of samples beside equilibrium. {findings.generation_short(n)}",
        ),
        Figure(
            height_profiles(profiles, reference="equilibrium"),
            f"Density of samples against height; {whose}. The area is equilibrium.",
            f"Density of samples against height beside equilibrium. {findings.generation_short(n)}",
        ),
    ]
    folds = [
        Fold("Every γ", [], [fluid.decoded_table(a), fluid.relaxed_table(a)]),
        Fold("Pair correlation and heights", [], structure),
        Fold("Latents from a mixture", [_mixture(n["aggregate"])]),
    ]
    items: list[Item] = [_samples(a, gravities, whose), fluid.samples_table(a)]
    return Evidence(findings.generation(n), items, folds, findings.generation_short(n))


def _samples(a: Generated, gravities: Sequence[float], whose: str) -> Figure:
    drawn = a.drawn[a.main]
    shown = np.concatenate([drawn.shown[g][:1] for g in gravities] + [a.equilibrium_shown[g][:1] for g in gravities])
    titles = [f"sample, {gravity(g)}" for g in gravities] + [f"equilibrium, {gravity(g)}" for g in gravities]
    shares = ", ".join(f"{percent(level['apart'])} at γ = {level['gravity']:g}" for level in drawn.as_json()["levels"])
    return Figure(
        configurations(shown, a.box, titles=titles, columns=len(gravities)),
        f"Above: the first sample of the prior at each γ as decoded ({way(a.main)}; {whose}); overlaps are ringed. "
        "Below: Monte Carlo.",
        f"Samples of the prior above configurations in equilibrium. Without overlap: {shares}.",
    )


def _whose(drawn: Drawn) -> str:
    """Which training is drawn, and how it stands among the others."""
    shares = np.mean([[m.generated.apart for m in members] for members in drawn.judged.values()], axis=0)
    if len(shares) == 1:
        return "the only training"
    place = int((shares > shares[0]).sum()) + 1
    return f"training 1 of {len(shares)}, number {place} by its share without overlap"


def _mixture(aggregate: Mapping[str, Any]) -> str:
    gain = aggregate["gain"]
    side = "better" if gain is not None and gain > 0 else "no better"
    return (
        f"A mixture of {findings.many(aggregate['components'], 'normal law')} of latents and γ describes latents that "
        f"it was not fitted to {side} than the prior, by {number(gain)} nats a row."
    )


def _pairs(drawn: Mapping[str, Drawn], gravity: float) -> dict[str, Any]:
    return {way(name): _curve(d.pairs[gravity]) for name, d in drawn.items()}


def _profiles(drawn: Mapping[str, Drawn], gravity: float) -> dict[str, HeightProfile]:
    return {way(name): d.profiles[gravity] for name, d in drawn.items()}


def conditional(a: Conditional) -> Evidence:
    """One sample at each γ, and the table."""
    n = a.as_json()
    titles = [f"{gravity(level.gravity)}{'' if level.trained else ', new'}" for level in a.levels]
    figure = Figure(
        configurations(a.shown, a.box, titles=titles, columns=5),
        "The first sample of the first training at each γ, nothing repaired; “new” are γ that training never saw.",
        findings.conditional(n),
    )
    return Evidence(findings.conditional(n), [figure, models.conditional_table(a)], [])


# Exact averages


def exact(a: Exact) -> Evidence:
    """Pace of chains of every kind against γ, what latent moves gain, every chain, and the weighted draws."""
    n = a.as_json()
    gravities, kinds = np.array(list(a.walks)), list(next(iter(a.walks.values())))
    found = {
        name: (
            np.array([walks[name].height.samples_per_second for walks in a.walks.values()]),
            [walks[name].height.reliable for walks in a.walks.values()],
        )
        for name in kinds
    }
    figure = Figure(
        chain_paces(gravities, found),
        "Independent samples of the mean height in a CPU second; hollow where chains are too short to tell. Tuned: "
        "best step, and teleports.",
        findings.exact(n),
    )
    folds = [
        Fold("What moves along the latents gain, and every chain", [], [fluid.gains_table(a), fluid.walks_table(a)]),
        Fold("Weighted draws", [], [fluid.annealed_table(a)]),
    ]
    return Evidence(findings.exact(n), [figure], folds)
