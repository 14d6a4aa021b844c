"""What the fluid's page says of made-up results: the words follow the outcome, the numbers are those of the results."""

from dataclasses import replace

import numpy as np
import pytest
from made_up import numbers_in, numbers_of, value_of

from beable.records import plain as as_plain
from beable.report.page import Figure, Table, plain
from beable.systems.lennard_jones import findings, page, page_decks
from beable.systems.lennard_jones.configurations import HeightProfile, RadialDistribution
from beable.systems.lennard_jones.generation import Estimate, Generation, Look, Relaxed
from beable.systems.lennard_jones.gravity_map import Accuracy
from beable.systems.lennard_jones.independence import Acceptance
from beable.systems.lennard_jones.latent_moves import Pace
from beable.systems.lennard_jones.parts import coordinates, grids, matrices, proposals, space
from beable.systems.lennard_jones.parts.conditional import Conditional, Level
from beable.systems.lennard_jones.parts.exact import Exact, Walk
from beable.systems.lennard_jones.parts.generation import Drawn, Generated
from beable.systems.lennard_jones.parts.patterns import Patterns
from beable.systems.lennard_jones.parts.representations import Line, Representations
from beable.systems.lennard_jones.parts.size_beta import SizeBeta

#: of the code: core of a particle, weight of the rate in the source, least change that is called one, nats of a latent
#: that is active, largest Jensen-Shannon distance, level of intervals, error of a distance in the source,
#: its latents, its epochs and what a probe of the matrices gets, its rows
CONSTANTS = (0.8, 0.00035, 0.02, 0.05, 0.833, 0.95, 0.295, 40.0, 100.0, 32000.0)


def keys_of(tree):
    """Numbers that are keys, such as those of sweeps and γ."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from map(value_of, numbers_in(str(key)))
            yield from keys_of(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from keys_of(value)


def foreign(sentence, numbers):
    """Numbers of a sentence that are none of the numbers, at the precision of the print, as they are or in percent."""
    told = sentence.replace(findings.GROUP, "").replace("“assignment order, 40 latents”", "")
    known = [*numbers_of(as_plain(numbers)), *keys_of(numbers), *CONSTANTS]
    return [printed for printed in numbers_in(told) if not any(is_it(printed, x) for x in known)]


def is_it(printed, x):
    value, decimals = value_of(printed), len(printed.partition(".")[2])
    tolerance = 0.51 * 10.0**-decimals
    return any(abs(abs(scale * x) - abs(value)) <= tolerance for scale in (1, 100))


# numbers of each part, as its answer gives them


def judged(passed=True, failed=0, reasons=()):
    return {"equilibrated": passed, "failed_checks": failed, "checks": [{"z": 1.0}] * 11, "reasons": list(reasons)}


def equilibrium(ours=True, theirs=False, gap=4.59, errors=22.0):
    return {
        "ours": judged(ours, 0 if ours else 3),
        "source_protocol": judged(theirs, 0 if theirs else 6, ["γ 0.1: 4 independent chains, at least 16 are needed"]),
        "largest_gap": {"gravity": 0.4, "energy": gap, "standard_errors": errors},
    }


def latents(best=0.797, told="yes"):
    arms = {
        "coordinates": {"best": best, "label": "assignment order"},
        "pairs": {"best": 0.3, "label": "distances"},
        "matrix-images": {"best": 0.29, "label": "images"},
    }
    return {"arms": arms, "ceiling": 0.809, "chance": 0.264, "told": {"answer": told, "reason": ""}}


def sizes(fixed=0.639, source=0.535, beta=0.346):
    return {
        "sizes": [2, 5, 40],
        "fall_at_fixed_beta": fixed,
        "fall_at_fixed_lambda": source,
        "fall_with_beta": beta,
        "fixed_beta": 1.0,
        "lambda_betas": [176.0, 70.4, 8.8],
        "beta_range": [0.25, 4.0],
    }


def representations(ordered=0.005, assigned=0.755, answer="yes", count=6):
    return {
        "sorted": {"count": count, "least": 0.0, "most": ordered},
        "assigned": {"count": 3, "least": assigned, "most": 0.79},
        "fail": {"answer": answer, "reason": ""},
    }


def ways(scaling=0.0, decoded=0.765):
    return {
        "matrix_error": 1.238,
        "ways": {
            "classical scaling": {"apart": scaling, "shape": 1.7},
            "SMACOF": {"apart": 0.01, "shape": 1.9},
            "assignment order": {"apart": decoded, "shape": None},
        },
    }


def auc(value, reach=0.03):
    return {"distortion": {"auc": value, "low": value - reach, "high": value + reach}}


def anomalies(unseen=0.176, soft=0.51, energy=3, model=0.9, physics=0.95):
    kinds = {"γ = 3": auc(unseen), "fake potential": auc(soft), "uniform": auc(0.95)}
    chosen = {"model": ("loss", model), "baseline": ("neighbours", 0.83), "physics": ("overlap", physics)}
    worth = {name: {"score": score, "mean": mean} for name, (score, mean) in chosen.items()}
    return {"main": "detail", "arms": {"detail": {"auc": kinds}}, "energy_better": energy, "worth": worth}


def of_matrices(error=0.21, order="assignment", linear=0.27):
    other = {"order": "origin", "error": 0.9, "linear": 0.87, "spread": 1.36, "gravity": {"score": 0.66}}
    best = {"order": order, "error": error, "linear": linear, "spread": 1.04, "gravity": {"score": 0.78}}
    told = {"origin": 0.7, "assignment": 0.8}
    return {"arms": {"best": best, "other": other}, "best": "best", "told_best": told, "ceiling": 0.825}


def patterns():
    return {
        "together": 0.15,
        "leading": 5,
        "origin_off": 0.31,
        "spread": 2.4,
        "latents": 40,
        "cosine": 0.12,
        "apart": 0.02,
    }


def levels(count=3):
    found = [
        {"gravity": g, "trained": g == 0.4, "off": [off, 0.2]} for g, off in ((0.25, 0.4), (0.4, 9.0), (2.0, -3.1))
    ]
    near = {"between": {"count": count, "levels": 3}, "beyond": {"count": 0, "levels": 3}}
    return {"levels": found, "near": near, "sweeps": 10}


def probes(count=1, association=-0.86):
    best = {"height": {"latent": 0, "association": association}, "contacts": {"latent": 9, "association": 0.12}}
    return {"strong": {"count": count, "latents": 10, "level": 0.5}, "best": best}


def samples(apart=0.977, inside=0.93, valid="yes", agree=20, trainings=1):
    worst = {"apart": apart, "inside": inside, "agree_after": agree, "most_sweeps": 100, "trainings": trainings}
    other = worst | {"apart": 0.753}
    return {
        "worst": {"told, prior": worst, "told, mixture": other, "plain, prior": other},
        "main": "told, prior",
        "asked": 0.9,
        "valid": {"answer": valid, "reason": ""},
    }


def chains(z=1.646, least=0.0995, most=0.387, reliable=4):
    return {
        "worst_z": z,
        "largest_z": 4.0,
        "gain": {"least": least, "most": most, "levels": 4, "reliable": reliable},
    }


def of_grids(share=1.0, answer="no", found=0.03, cells=34.1):
    soft = {"label": "softmax", "decoded_total": 1.0, "total": 29.6, "rate": 0.0, "cells": 34.1, "found": 1.0}
    best = soft | {"label": "logistic", "cells": cells, "found": float(cells > 26), "decoded_found": found}
    shares = {"soft": 1.002, "logistic": share}
    return {
        "arms": {"soft": soft | {"decoded_found": 0.0}, "logistic": best}, "shares": shares, "source": "soft",
        "best": "logistic", "learned": {"answer": answer, "reason": ""}, "cells_needed": 26.0, "deviations": 5.0,
    }  # fmt: skip


def networks(read="no", head="no", orders=("origin", "assignment")):
    ways = {"classical scaling": 1.2, "SMACOF": 0.9, "network": 1.4, "second head": 0.7}
    lines = [
        {"order": order, "way": way, "decoded": {"shape": shape, "gyration": 0.71 + 0.1 * i}}
        for order in orders
        for i, (way, shape) in enumerate(ways.items())
    ]
    verdicts = {"network": read, "second head": head}
    better = {name: {"answer": answer, "reason": ""} for name, answer in verdicts.items()}
    return {"orders": list(orders), "lines": lines, "better": better, "mean": dict.fromkeys(orders, 1.93)}


def in_space(answer="no", equilibrated=True):
    levels = [{"apart": a, "inside": 0.97, "off": [off, 1.0]} for a, off in ((0.61, 12.0), (0.4, -31.0))]
    fluids = {
        name: {"density": d, "particles": 100, "levels": levels, "equilibrated": equilibrated}
        for name, d in (("thin", 0.1), ("dense", 0.46))
    }
    return {"valid": {"answer": answer, "reason": ""}, "asked": 0.9, "sweeps": 10, "arms": fluids}


def of_proposals(answer="no", needed=0.34, nats=0.13):
    flow = {
        "particles": 30, "generator": "flow", "acceptance": {"mean": 0.023}, "needed": needed, "per_second": 21000.0,
        "tuned": 10100.0,
    }  # fmt: skip
    vae = flow | {"generator": "VAE", "acceptance": {"mean": 0.0}}
    return {
        "gravity": 0.4, "levels": [vae, flow], "particles": 30, "sizes": [5, 30], "fall": [0.61, 0.023], "nats": nats,
        "best": {"generator": "flow", "pays": {"answer": answer, "reason": ""}},
    }  # fmt: skip


OUTCOMES = [
    (findings.equilibrium, equilibrium(), ["Ours are:", "are not: 6 of 11", "4.59 ε above ours"]),
    (findings.equilibrium, equilibrium(gap=-4.59), ["4.59 ε below ours"]),
    (findings.equilibrium, equilibrium(ours=False), ["Ours are not: 3 of 11 checks fail"]),
    (findings.equilibrium, equilibrium(theirs=True, errors=1.0), ["group 9 are: all 11 checks pass", "at no γ"]),
    (findings.equilibrium, equilibrium(theirs=None, errors=None), ["group 9 it cannot be told: γ 0.1", "at no γ"]),
    (findings.latents, latents(), ["Yes: γ is told", "79.7\u00a0%", "2 other models in 29.0 to 30.0"]),
    (findings.latents, latents(0.28, "no"), ["No: γ is told"]),
    (findings.latents, latents(0.52, "cannot be told"), ["It cannot be told: γ is told"]),
    (findings.size_beta, sizes(), ["Both: from 2 to 40 latents the error falls by 63.9\u00a0% at β = 1 and by 53.5"]),
    (findings.size_beta, sizes(-0.1, 0.2, 0.3), ["Not in every case", "rises by 10.0", "and falls by 20.0"]),
    (findings.size_beta, sizes(-0.1, -0.2, 0.001), ["Neither", "rises by 10.0", "and by 20.0", "the same within 2"]),
    (findings.size_beta, sizes(None, 0.2, 0.3), ["Cannot be told: from 2 to 40 latents the error cannot be told at"]),
    (findings.representations, representations(), ["Yes: of the samples", "0.0 to 0.5", "6 representations"]),
    (findings.representations, representations(0.9, answer="no"), ["No: of the samples"]),
    (findings.representations, representations(0.5, answer="cannot be told"), ["Cannot be told: of the samples"]),
    (findings.representations, representations(count=0), ["Cannot be told: no arm of one kind was trained"]),
    (findings.reconstruction, ways(), ["few come back: rows", "fewer steps", "most come back: 76.5"]),
    (findings.reconstruction, ways(0.8, 0.1), ["it depends on the model", "few come back: 10.0"]),
    (findings.reconstruction_short, ways(), ["0.0\u00a0% without overlap", "as LCP-B group 9"]),
    (findings.matrices, of_matrices(), ["The order, first", "by 0.21 σ in a distance, less than", "by 0.90 σ", "80.0"]),
    (findings.matrices, of_matrices(0.5), ["by 0.50 σ in a distance, more than there"]),
    (findings.matrices, of_matrices(linear=0.8), ["Not the order: principal"]),
    (findings.matrices, of_matrices(0.21, "origin"), ["Cannot be told: all models have one order. The network"]),
    (findings.patterns, patterns(), ["0.31 σ off", "15.0\u00a0% of the variance of 40", "above 0.12"]),
    (findings.conditional, levels(), ["at 3 of 3 between", "at 0 of 3 beyond", "γ = 2, by −3.1 ± 0.2"]),
    (findings.anomaly, anomalies(), ["Not every kind", "γ = 3 (0.176) lies below them", "(0.510) lies among"]),
    (findings.anomaly, anomalies(0.9, 0.8), ["Yes: by the AUC", "γ = 3 (0.900), softer potential (0.800) and uniform"]),
    (findings.worth, anomalies(), ["of the nearest neighbours 0.830", "where no physics"]),
    (findings.worth, anomalies(model=0.835), ["no VAE need be trained"]),
    (findings.worth, anomalies(physics=0.85), ["here a VAE is worth"]),
    (findings.probing, probes(), ["Of 10 latents 1 moves", "mean height z₁ (−0.86)", "contacts z₁₀ (0.12)"]),
    (findings.probing, probes(0), ["Of 10 latents none move something"]),
    (findings.probing, probes(3), ["Of 10 latents 3 move something"]),
    (findings.generation_short, samples(), ["Yes, in the only training", "97.7\u00a0%", "after 20 sweeps"]),
    (findings.generation_short, samples(trainings=2), ["Yes, in each of 2 trainings"]),
    (findings.generation_short, samples(0.3, 0.99, "no"), ["No, in the only training", "(asked: 90\u00a0% of both)"]),
    (findings.generation_short, samples(valid="cannot be told", agree=None), ["Cannot be told, in", "even after 100"]),
    (findings.generation, samples(), ["other models: 75.3\u00a0% (γ given, no physical terms)."]),
    (findings.grids, of_grids(), ["No: with", "sum to 1.00 where true ones sum to 29.6", "3.0\u00a0% of those"]),
    (findings.grids, of_grids(0.8, "yes", 0.4), ["Better than the mean grid", "leaves 80.0\u00a0% of it"]),
    (findings.grids, of_grids(cells=13.3, answer="cannot be told"), ["Hardly: with", "is bound to miss particles"]),
    (findings.coordinates, networks(), ["No: in the order of LCP-B group 9", "1.40 σ by a network", "“assignment”"]),
    (findings.coordinates, networks("no", "yes"), ["Yes: in the order"]),
    (findings.coordinates, networks("cannot be told", orders=("origin",)), ["It depends on the order: in the order"]),
    (findings.three_dimensions, in_space(), ["No: as decoded, at 0.10", "40.0\u00a0% have no", "31 ε.", "of both"]),
    (findings.three_dimensions, in_space("yes", False), ["Yes: as", "2 data sets of them cannot be called"]),
    (findings.three_dimensions, in_space("cannot be told"), ["Cannot be told: as decoded"]),
    (findings.proposals, of_proposals(), ["No: at", "2.30\u00a0% from a flow", "34\u00a0% would", "by 0.13 for"]),
    (findings.proposals, of_proposals("yes", 1.2), ["Yes: at", "not even all would be enough"]),
    (findings.proposals, of_proposals("cannot be told", nats=None), ["Cannot be told: at", "particles cannot be told"]),
    (findings.exact, chains(), ["Exact, yes", "Faster, no: moves along the latents give 0.10 to 0.39 times"]),
    (findings.exact, chains(5.2, 1.2, 2.0), ["Exact, no: the mean that", "5.2 standard", "Faster, yes"]),
    (findings.exact, chains(None, 0.9, 1.1), ["Whether averages are exact cannot be told", "Faster, at some γ"]),
    (findings.exact, chains(reliable=1), ["Faster, cannot be told: at 3 of 4 γ chains are too short"]),
    (findings.exact, chains(least=None), ["Whether they are faster cannot be told"]),
]  # fmt: skip


@pytest.mark.parametrize(("say", "numbers", "words"), OUTCOMES)
def test_words_follow_the_outcome_and_numbers_are_those_of_the_results(say, numbers, words):
    sentence = say(numbers)
    for piece in words:
        assert piece in sentence
    assert foreign(sentence, numbers) == []
    assert "None" not in sentence
    assert "nan" not in sentence


@pytest.mark.parametrize(
    "sentence", ["Yes: 97.9 % of the samples have no overlap.", "In all 48 calls.", "The error is 0.86 σ."]
)
def test_a_number_of_another_run_is_found(sentence):
    assert len(foreign(sentence, samples())) == 1


# pages of made-up records


def walk(height, pace, reliable):
    return Walk(
        Pace(5.0, 0.5, reliable, -8.4, 0.1, pace), Pace(6.0, 0.5, reliable, height, 0.011, pace), None, 0.3
    )  # fmt: skip


def exact(reliable=True, faster=0.2):
    kinds = {"small moves": 300.0, "small moves, latent moves": 150.0}
    kinds |= {"tuned moves": 2000.0, "tuned moves, latent moves": 2000.0 * faster}
    walks = {g: {name: walk(2.37, pace, reliable) for name, pace in kinds.items()} for g in (0.1, 0.4)}
    walks = {
        g: {n: w._replace(accepted=0.41 if "latent" in n else None) for n, w in by.items()} for g, by in walks.items()
    }
    annealed = {"steps": 40, "effective": 21.3, "rows": 32, "ancestors": 3}
    annealed |= {"energy": {"mean": -8.1, "error": 0.6}, "height": {"mean": 2.36, "error": 0.02}}
    return Exact(walks, dict.fromkeys(walks, (-8.4, 0.1, 2.37, 0.005)), annealed, 0.4)


def size_beta(worst=0.2):
    betas = np.array([[0.25, 1.0, 4.0, 176.0], [0.25, 1.0, 4.0, 8.8]])
    error = np.array([[0.61, 0.612, 0.64, 0.73], [0.19, worst, 0.31, 0.34]])
    return SizeBeta(np.array([2, 40]), betas, error, 10 * error, np.array([[2, 2, 2, 1], [40, 40, 40, 40]]))


def lines(ordered=0.0, assigned=0.8):
    line = Line("assignment order", 60, 0.62, {2: 0.61, 10: 0.48, 40: 0.21}, 0.5, 9.4, 0.8, 0.9, assigned, 0.87)
    other = line._replace(label="from a corner", sampled=ordered)
    points = np.random.default_rng(0).uniform(0, 10, (2, 8, 2))
    return Representations(
        {"coordinates": line, "corner": other}, 0.82, {"coordinates": points[0], "corner": points[1]}, 10.0
    )


def generated(apart=0.98, inside=0.95, off=0.2, members=2):
    look = Look(300, apart, inside, Estimate(2.4, 0.03), 0.25, Estimate(26.0, 0.3), 0.1, -8.0)
    known = Look(2000, 1.0, 1.0, Estimate(2.37, 0.01), 0.25, Estimate(27.0, 0.1), 0.02, -8.5)
    relaxed = tuple(
        Relaxed(n, 1.0, Estimate(-8.4, 0.3), -8.6, Estimate(off, 0.3), 0.1, 0.09, 0.2) for n in (1, 5, 10, 20, 100)
    )
    curve, x = (np.arange(3.0), np.ones(3), np.full(3, 0.1)), np.random.default_rng(0).uniform(0, 10, (2, 8, 2))
    pairs, heights = (dict.fromkeys((0.1, 0.4), v) for v in (RadialDistribution(*curve), HeightProfile(*curve, 0.0)))
    shown, judged = (dict.fromkeys((0.1, 0.4), v) for v in (x, [Generation(look, known, relaxed)] * members))
    drawn = Drawn(judged, pairs, heights, shown)
    aggregate = type("Mixture", (), {"as_json": lambda self: {"components": 4, "gain": 0.87}})()
    return Generated({"told, prior": drawn, "plain, prior": drawn}, aggregate, None, pairs, heights, shown, 10.0)


def models(error=0.21):
    told = Accuracy(0.66, 0.64, 0.68, 2000)
    best = matrices.Line(
        "full network", "assignment", "pca", "nats", (3_627_730, 1_895_151), 76_800, 812.0, error, 0.22, 0.05, 0.04,
        1.04, 0.27, 95.2, 40, told,
    )  # fmt: skip
    other = best._replace(label="as stated", order="origin", start="random", error=1.31, spread=1.36, linear=0.87)
    probes = {order: {"logistic": told} for order in ("assignment", "origin")}
    return matrices.Matrices({"best": best, "deck": other}, probes, 0.825, "best")


def directions(apart=0.02, cosine=0.12, off=0.31):
    square = np.random.default_rng(0).uniform(0, 9, (5, 6, 6))
    return Patterns(
        "full network", 40, square[0] * off, square[0], 2.4, square, square[:, 0, 1], np.full(5, 0.05), cosine, square,
        square[:4], apart, (0.31, 0.12),
    )  # fmt: skip


def other_gravities(off=0.2):
    made = generated(off=off, members=2).drawn["told, prior"].judged[0.4]
    known = {0.25: False, 0.4: True, 2.0: False}
    found = [Level(g, trained, g < 1, made) for g, trained in known.items()]
    return Conditional(found, np.random.default_rng(0).uniform(0, 10, (3, 8, 2)), 10.0)


def made_grids(error=0.17, rate=0.001, found=0.03):
    line = grids.Line("softmax", "softmax", 34.1, 0.169, 0.168, 29.6, 1.0, rate, 29.5, 1.0, 0.4, 0.0, 0.09, 0.08)
    other = line._replace(label="logistic", output="logistic", error=error, decoded_total=29.1, decoded_found=found)
    cells = np.random.default_rng(0).uniform(0, 1, (3, 4, 4))
    return grids.Grids({"soft": line, "logistic": other}, dict(zip("abc", cells, strict=True)))


def made_networks(network=1.4, gyration=0.7):
    known = coordinates.Judged(0.9, None, 0.98, 0.1)
    ways = {
        coordinates.SCALING: (known._replace(shape=1.2), known),
        coordinates.SMACOF: (known, known._replace(shape=0.0)),
        coordinates.NETWORK: (coordinates.Judged(network, 2.4, gyration, 0.0), coordinates.Judged(0.8, 1.9, 0.8, 0.0)),
        coordinates.EITHER: (coordinates.Judged(1.1, 2.2, 0.9, 0.0), coordinates.Judged(0.4, 1.7, 0.99, 0.1)),
        coordinates.HEAD: (coordinates.Judged(network / 2, 1.2, 0.9, 0.2), None),
    }
    lines = [coordinates.Line(o, way, *pair) for o in ("origin", "assignment") for way, pair in ways.items()]
    x = np.random.default_rng(0).uniform(0, 10, (2, 8, 2))
    shown = dict.fromkeys(ways, x + 0.1)
    return coordinates.CoordinateWays(lines, {"origin": 1.93, "assignment": 1.4}, 8000, 2000, x, shown, 10.0)


def made_space(apart=0.6):
    members = generated(apart, 0.97, members=1).drawn["told, prior"].judged[0.4]
    curve = RadialDistribution(np.arange(3.0), np.ones(3), np.full(3, 0.1))
    found = [Level(g, True, True, members) for g in (0.2, 1.0)]
    one = space.Space("thin", 100, 3, 10.0, 1.5, True, 300, found, dict.fromkeys((0.2, 1.0), (curve, curve)), 88.0)
    return space.ThreeDimensions({"thin": one, "dense": one._replace(label="dense", box=6.0)})


def made_proposals(flow=0.02, reliable=True, flows=True):
    share = Acceptance(flow, 0.9 * flow, 1.1 * flow, 0.9, flow / 3)
    level = proposals.Level(30, proposals.FLOW, share, 20000.0, 10000.0, reliable)
    vae = level._replace(generator=proposals.VAE, acceptance=Acceptance(0.0, 0.0, 1.5e-4, 0.2, 1e-4))
    small = level._replace(particles=5, acceptance=share._replace(mean=0.6, low=0.58, high=0.62))
    return proposals.LatentProposals(0.4, [vae, small, level] if flows else [vae])


MADE = {
    "grids": (page_decks.grids, made_grids()),
    "grids, learned": (page_decks.grids, made_grids(0.1, 4.2, 0.7)),
    "networks": (page_decks.coordinate_ways, made_networks()),
    "networks, better": (page_decks.coordinate_ways, made_networks(0.5, 0.99)),
    "space": (page_decks.three_dimensions, made_space()),
    "proposals": (page_decks.proposals, made_proposals()),
    "proposals, no flows": (page_decks.proposals, made_proposals(flows=False)),
    "matrices": (page.matrices, models()),
    "patterns": (page.patterns, directions()),
    "other gravities": (page.conditional, other_gravities()),
    "exact": (page.exact, exact()),
    "exact, too short": (page.exact, exact(reliable=False)),
    "sizes": (page.size_beta, size_beta()),
    "sizes, failed": (page.size_beta, size_beta(np.nan)),
    "representations": (page.representations, lines()),
    "samples": (page.generation, generated()),
    "samples, one training": (page.generation, generated(0.4, 0.3, 40.0, members=1)),
}


@pytest.mark.parametrize("name", MADE)
def test_evidence_is_a_figure_and_a_small_table_and_every_number_of_its_prose_is_in_the_answer(name):
    section, answer = MADE[name]
    found, numbers = section(answer), answer.as_json()
    figures = [item for item in found.items if isinstance(item, Figure)]
    tables = [item for item in found.items if isinstance(item, Table)]
    assert len(figures) == 1
    assert len(tables) <= 1
    assert all(len(table.columns) <= 6 for table in tables)
    items = [*found.items, *(item for fold in found.folds for item in fold.items)]
    alts = [item.alt for item in items if isinstance(item, Figure)]
    folded = [text for fold in found.folds for text in fold.text]
    for text in (found.answer, found.short, *alts, *folded, *(item.caption for item in items)):
        assert foreign(plain(text), numbers) == []


@pytest.mark.parametrize(("error", "verdict"), [(0.21, "differs"), (1.5, "reproduced")])
def test_order_and_size_of_the_network_are_claims_with_verdicts(error, verdict):
    size, order = models(error).claims
    assert (size.verdict, size.ours) == ("reproduced", "3,627,730 + 1,895,151")
    assert order.verdict == verdict


@pytest.mark.parametrize(
    ("answer", "verdicts"),
    [(directions(), ["reproduced"] * 3), (directions(0.9, 0.8, 5.0), ["differs"] * 3)],
)
def test_what_latents_decode_to_is_claims_with_verdicts(answer, verdicts):
    changed = replace(answer, origin=answer.mean) if verdicts[0] == "reproduced" else answer
    assert [claim.verdict for claim in changed.claims] == verdicts


@pytest.mark.parametrize(("off", "near"), [(0.2, 1), (40.0, 0)])
def test_samples_at_other_gravities_count_where_they_are_near(off, near):
    counts = other_gravities(off).as_json()["near"]
    assert counts == {"between": {"count": near, "levels": 1}, "beyond": {"count": near, "levels": 1}}


@pytest.mark.parametrize(
    ("apart", "inside", "word"),
    [(0.98, 0.97, "yes"), (0.98, 0.8, "no"), (0.5, 0.99, "no"), (0.91, 0.99, "cannot be told")],
)
def test_samples_are_valid_only_without_overlap_and_inside_the_box(apart, inside, word):
    assert generated(apart, inside).valid.word == word


@pytest.mark.parametrize(("off", "agree"), [(0.2, 1), (0.95, None)])
def test_energies_agree_only_if_their_means_do_too(off, agree):
    assert generated(off=off).as_json()["worst"]["told, prior"]["agree_after"] == agree


@pytest.mark.parametrize(
    ("ordered", "assigned", "word"), [(0.1, 0.8, "yes"), (0.8, 0.7, "no"), (0.6, 0.8, "cannot be told")]
)
def test_sorted_particles_fail_if_assigned_ones_do_twice_as_well(ordered, assigned, word):
    assert lines(ordered, assigned).fail.word == word


@pytest.mark.parametrize(
    ("made", "verdicts"),
    [
        (made_grids(), ["reproduced", "differs"]),
        (made_grids(0.1, 4.2, 0.7), ["differs", "reproduced"]),
        (made_networks(), ["reproduced", "reproduced", "reproduced"]),
        (made_networks(2.0, 0.99), ["differs", "differs", "differs"]),
    ],
)
def test_what_decks_say_of_grids_and_networks_is_claims_with_verdicts(made, verdicts):
    assert [claim.verdict for claim in made.claims] == verdicts


@pytest.mark.parametrize(("error", "word"), [(0.1, "yes"), (0.159, "cannot be told"), (0.1679, "no")])
def test_grids_are_learned_below_the_error_of_the_mean_grid(error, word):
    assert made_grids(error).learned.word == word


@pytest.mark.parametrize(("network", "word"), [(0.8, "yes"), (1.4, "no")])
def test_networks_are_better_where_they_err_less_in_every_order(network, word):
    assert made_networks(network).better(coordinates.NETWORK).word == word


@pytest.mark.parametrize(("apart", "word"), [(0.99, "yes"), (0.6, "no"), (0.91, "cannot be told")])
def test_fluids_in_space_are_valid_by_their_worst(apart, word):
    assert made_space(apart).valid.word == word


@pytest.mark.parametrize(
    ("flow", "reliable", "word"),
    [(0.02, True, "no"), (0.9, True, "yes"), (0.5, True, "cannot be told"), (0.02, False, "cannot be told")],
)
def test_proposals_pay_if_more_are_accepted_than_tuned_moves_are_worth(flow, reliable, word):
    made = made_proposals(flow, reliable)
    assert made.best.pays.word == word
    assert made.best.needed == pytest.approx(0.5)
    assert made.nats == pytest.approx(np.log(0.6 / flow) / 25)


def test_how_acceptance_falls_is_not_told_from_one_size():
    assert made_proposals(flows=False).nats is None


def test_gain_is_told_from_the_chains_of_tuned_moves():
    assert exact(faster=0.2).gain == {"least": 0.2, "most": 0.2, "levels": 2, "reliable": 2}
    assert exact(reliable=False).gain["reliable"] == 0
