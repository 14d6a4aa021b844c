r"""What the parts of the study found, in sentences.

Every number in a sentence is one of the numbers of the answer, which `results.json` holds too, or a constant of the
code. The wording follows the outcome: better, worse, or cannot be told.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from beable.console.numbers import latent_name, number
from beable.systems.lennard_jones.parts.matrices import SOURCE_ERROR
from beable.systems.lennard_jones.parts.size_beta import SOURCE_LAMBDA

Numbers = Mapping[str, Any]
GROUP = "LCP-B group 9"
NETWORK = f"the network of {GROUP}, trained for fewer steps"
#: kinds of anomalous rows by the words of figures and tables
KINDS = {"fake potential": "softer potential", "uniform": "uniform points"}
#: quantities of configurations likewise
QUANTITIES = {"height": "mean height", "gyration": "radius of gyration", "energy": "pair energy"}
PERCENT = "\N{NO-BREAK SPACE}%"
SURE = {"yes": "Yes", "no": "No", "cannot be told": "Cannot be told"}
#: ways to draw samples, by arm
ARMS = {
    "told": "γ given, physical terms",
    "plain": "γ given, no physical terms",
    "corner-told": f"γ given, sorted from a corner as by {GROUP}",
}


# Words


def percent(share: float | None, digits: int = 1) -> str:
    """A share in percent, with a space that does not break.

    >>> print(percent(0.9767), percent(None))
    97.7 % –
    """
    return "–" if share is None or math.isnan(share) else f"{100 * share:.{digits}f}{PERCENT}"


def many(count: int, noun: str) -> str:
    """A count and its noun.

    >>> many(1, "training"), many(2, "training")
    ('1 training', '2 trainings')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def listed(words: Iterable[str]) -> str:
    """Words as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def minus(text: str) -> str:
    """Text with real minus signs before its numbers.

    >>> minus("z = -4.9, self-made")
    'z = −4.9, self-made'
    """
    return re.sub(r"(?<!\w)-(?=\d)", "−", text)


def kind(name: str) -> str:
    """A kind of anomalous rows as it is printed."""
    return KINDS.get(name, name)


def way(name: str) -> str:
    """A way to draw samples, "arm, latents", as it is printed.

    >>> way("told, mixture")
    'γ given, physical terms; latents from a mixture'
    """
    arm, _, latents = name.partition(", ")
    return ARMS.get(arm, arm) + (f"; latents from a {latents}" if latents in ("mixture", "flow") else "")


def quantity(name: str) -> str:
    """A quantity of configurations as it is printed."""
    return QUANTITIES.get(name, name)


def percents(low: float | None, high: float | None) -> str:
    """Two shares as a range in percent, or one where they print the same.

    >>> print(percents(0.0, 0.005), percents(0.1, 0.1), sep=", ")
    0.0 to 0.5 %, 10.0 %
    """
    ends = percent(low), percent(high)
    return ends[0] if ends[0] == ends[1] else f"{ends[0].removesuffix(PERCENT)} to {ends[1]}"


def _in_trainings(trainings: int) -> str:
    return "in the only training" if trainings == 1 else f"in each of {trainings} trainings"


# Equilibrium


def equilibrium(n: Numbers) -> str:
    """Which samples are in equilibrium, and how far the energies of the others are off."""
    return f"{_ours(n['ours'])} {_theirs(n['source_protocol'])}{_gap(n)}"


def _checks(judged: Numbers) -> str:
    failed, every = judged["failed_checks"], len(judged["checks"])
    return f"all {many(every, 'check')} pass" if not failed else f"{failed} of {many(every, 'check')} fail"


def _ours(ours: Numbers) -> str:
    if ours["equilibrated"] is None:
        return f"For our samples it cannot be told: {minus(ours['reasons'][0])}."
    return f"Ours {'are' if ours['equilibrated'] else 'are not'}: {_checks(ours)}."


def _theirs(theirs: Numbers) -> str:
    if theirs["equilibrated"] is None:
        return f"For samples by the protocol of {GROUP} it cannot be told: {minus(theirs['reasons'][0])}"
    verb = "are" if theirs["equilibrated"] else "are not"
    return f"Samples by the protocol of {GROUP} {verb}: {_checks(theirs)}"


def _gap(n: Numbers) -> str:
    gap = n["largest_gap"]
    if gap["standard_errors"] is None or gap["standard_errors"] < 3:
        return ", and at no γ their mean energy differs from ours beyond its error."
    side = "above" if gap["energy"] > 0 else "below"
    return f", and at γ = {gap['gravity']:g} their mean energy lies {number(abs(gap['energy']))} ε {side} ours."


# Latents


def latents(n: Numbers) -> str:
    """How well γ is told from the latents, between chance and what is possible."""
    arms = sorted(n["arms"].values(), key=lambda arm: -arm["best"])
    first, rest = arms[0], arms[1:]
    bounds = f"chance {percent(n['chance'])}, best possible {percent(n['ceiling'])}"
    verdict = {"yes": "Yes", "no": "No", "cannot be told": "It cannot be told"}[n["told"]["answer"]]
    found = f"γ is told from the latents of “{first['label']}” in {percent(first['best'])} of held-out rows ({bounds})"
    return f"{verdict}: {found}{_others(rest)}."


def _others(rest: Sequence[Numbers]) -> str:
    if not rest:
        return ""
    low, high = rest[-1]["best"], rest[0]["best"]
    return f", from those of {many(len(rest), 'other model')} in {percents(low, high)}"


# Matrices


def matrices(n: Numbers) -> str:
    """What the order of the particles does to the error of a distance, and whether that of the source is reached."""
    arms = n["arms"]
    best = arms[n["best"]]
    others = [line for line in arms.values() if line["order"] != best["order"]]
    nearest = min(others, key=lambda line: line["error"], default=best)
    reached = "more" if best["error"] > SOURCE_ERROR else "less"
    own = f"errs by {best['error']:.2f} σ in a distance, {reached} than there ({SOURCE_ERROR:g} σ)"
    if nearest is best:
        return f"Cannot be told: all models have one order. {NETWORK[0].upper()}{NETWORK[1:]}, {own}."
    head = "The order, first" if best["linear"] < FIRST * nearest["linear"] else "Not the order"
    return (
        f"{head}: principal components of matrices in the order of the source leave {nearest['linear']:.2f} σ, in "
        f"the order “{best['order']}” {best['linear']:.2f} σ (distances vary by {nearest['spread']:.2f} σ and "
        f"{best['spread']:.2f} σ). {NETWORK[0].upper()}{NETWORK[1:]}, {own}, and in the order of the source by "
        f"{nearest['error']:.2f} σ at best of {many(len(others), 'training')}. {_told(n, best, nearest)}"
    )


#: share of the error of principal components below which an order is called what matters
FIRST = 0.75


def _told(n: Numbers, best: Numbers, nearest: Numbers) -> str:
    """What matrices and latents say of γ."""
    of_matrices = listed(percent(n["told_best"][line["order"]]) for line in (nearest, best))
    of_latents = listed(percent(line["gravity"]["score"]) for line in (nearest, best))
    return (
        f"γ is told from matrices themselves in {of_matrices} of the rows, from the latents in {of_latents}; with all "
        f"heights known in {percent(n['ceiling'])} at best."
    )


# Size and β


def size_beta(n: Numbers) -> str:
    """How the error changes with the number of latents and with β, each with the other held."""
    few, most = n["sizes"][0], n["sizes"][-1]
    fixed = f"{_falls(n['fall_at_fixed_beta'])} at β = {number(n['fixed_beta'])}"
    confounded = f"{_falls(n['fall_at_fixed_lambda'], again=n['fall_at_fixed_beta'])} at the λ = {SOURCE_LAMBDA:g}"
    changes = f"where β changes too, from {number(n['lambda_betas'][0])} to {number(n['lambda_betas'][-1])}"
    sizes = f"from {few} to {most} latents the error {fixed} and {confounded} of {GROUP}, {changes}."
    low, high = n["beta_range"]
    betas = f"From β = {number(high)} to {number(low)} it {_falls(n['fall_with_beta'])} with {most} latents."
    return f"{_fall_verdict(n)}: {sizes} {betas}"


def _fall_verdict(n: Numbers) -> str:
    falls = [n[name] for name in ("fall_at_fixed_beta", "fall_at_fixed_lambda", "fall_with_beta")]
    if None in falls:
        return "Cannot be told"
    count = sum(share >= SAME for share in falls)
    return "Both" if count == len(falls) else "Neither" if not count else "Not in every case"


def _falls(share: float | None, again: float | None = None) -> str:
    """A relative fall in words, the verb once where the one before goes the same way."""
    if share is None:
        return "cannot be told"
    if abs(share) < SAME:
        return f"stays the same within {percent(SAME, 0)}"
    same_way = again is not None and abs(again) >= SAME and (again > 0) == (share > 0)
    verb = "" if same_way else "falls " if share > 0 else "rises "
    return f"{verb}by {percent(abs(share))}"


#: relative change of an error that is called none
SAME = 0.02


# Representations


def representations(n: Numbers) -> str:
    """Samples without overlap from sorted particles, and from particles assigned to a template."""
    ordered, assigned = n["sorted"], n["assigned"]
    if not ordered["count"] or not assigned["count"]:
        return "Cannot be told: no arm of one kind was trained."
    head = SURE[n["fail"]["answer"]]
    return (
        f"{head}: of the samples of the prior {percents(ordered['least'], ordered['most'])} have no overlap in "
        f"the {many(ordered['count'], 'representation')} that sort the particles or leave them unsorted, and "
        f"{percents(assigned['least'], assigned['most'])} in the {assigned['count']} that assign them to a template."
    )


# Grids


def grids(n: Numbers) -> str:
    """Whether grids are learned with pooling and a softmax output, and whether a threshold finds the particles."""
    source, best = (n["arms"][n[name]] for name in ("source", "best"))
    head = LEARNED[n["learned"]["answer"]]
    text = (
        f"{head}: with pooling and a softmax output decoded cells sum to {source['decoded_total']:.2f} where true ones "
        f"sum to {source['total']:.1f}, and their error is {percent(n['shares'][n['source']])} of that of the mean "
        f"grid, at a rate of {number(source['rate'])} nats"
    )
    if best is not source:
        text += f"; “{best['label']}” leaves {percent(n['shares'][n['best']])} of it"
    return f"{text}. {_threshold(n, best)}"


#: whether grids are learned at all
LEARNED = {"yes": "Better than the mean grid", "no": "No", "cannot be told": "Hardly"}


def _threshold(n: Numbers, line: Numbers) -> str:
    enough = "finds" if line["cells"] > n["cells_needed"] else "is bound to miss particles and finds"
    return (
        f"With {line['cells']:.1f} cells a particle the rule “mean and {n['deviations']:g} deviations”, which needs "
        f"{n['cells_needed']:g}, {enough} {percent(line['found'])} of the particles of true grids and "
        f"{percent(line['decoded_found'])} of those of decoded ones."
    )


# Coordinates by networks


def coordinates(n: Numbers) -> str:
    """Whether networks put coordinates better than geometry does, and what they do to the size of a configuration."""
    order = n["orders"][0]
    lines = {line["way"]: line["decoded"] for line in n["lines"] if line["order"] == order}
    answers = {name: verdict["answer"] for name, verdict in n["better"].items()}
    head = _any(list(answers.values()))
    shape = listed(f"{lines[way]['shape']:.2f} σ by {words}" for way, words in READ.items())
    network, scaling = lines["network"]["gyration"], lines["classical scaling"]["gyration"]
    return (
        f"{head}: in the order of {GROUP} particles are off their places, after the best turn, by {shape}; those of "
        f"the mean configuration by {n['mean'][order]:.2f} σ. A network that reads matrices leaves {percent(network)} "
        f"of the radius of gyration, classical scaling {percent(scaling)}. {_elsewhere(n)}".strip()
    )


#: ways to coordinates by the words of a sentence
READ = {
    "SMACOF": "stress majorisation",
    "network": "a network that reads decoded matrices",
    "second head": "a second head of the decoder",
}


def _any(answers: Sequence[str]) -> str:
    if "yes" in answers:
        return "Yes"
    return "No" if set(answers) == {"no"} else "It depends on the order"


def _elsewhere(n: Numbers) -> str:
    """The same in the order in which the models do best."""
    if len(n["orders"]) < 2:
        return ""
    order = n["orders"][-1]
    lines = {line["way"]: line["decoded"] for line in n["lines"] if line["order"] == order}
    shape = listed(f"{lines[way]['shape']:.2f} σ by {words}" for way, words in READ.items())
    return f"In the order “{order}” it is {shape}."


# Reconstruction


def reconstruction(n: Numbers) -> str:
    """Which ways lead back to coordinates without overlap."""
    from_matrices, decoded = _by_origin(n)
    geometry = listed(f"{percent(w['apart'])} by {name}" for name, w in from_matrices.items())
    text = (
        f"From decoded distance matrices {_verb(from_matrices)}: rows without overlap are {geometry} ({NETWORK}, "
        f"error of a distance {number(n['matrix_error'])} σ)."
    )
    if not decoded:
        return text
    straight = listed(f"{percent(w['apart'])} by “{name}”" for name, w in decoded.items())
    return f"{text} As other models decode configurations {_verb(decoded)}: {straight}."


def reconstruction_short(n: Numbers) -> str:
    """The way of the source, for the answer to the title."""
    found = n["ways"]["classical scaling"]["apart"]
    return f"By distance matrices, as {GROUP}: {percent(found)} without overlap."


def _by_origin(n: Numbers) -> tuple[dict[str, Numbers], dict[str, Numbers]]:
    ways = n["ways"]
    geometry = {name: w for name, w in ways.items() if w["shape"] is not None}
    return geometry, {name: w for name, w in ways.items() if name not in geometry}


def _verb(ways: Mapping[str, Numbers]) -> str:
    shares = [w["apart"] for w in ways.values()]
    if min(shares) > 0.5:
        return "most come back"
    return "few come back" if max(shares) < 0.5 else "it depends on the model"


# Anomalies


def anomaly(n: Numbers) -> str:
    """Which kinds of odd rows the reconstruction error tells from ordinary ones, and whether the energy does better."""
    auc = {name: by_score["distortion"] for name, by_score in n["arms"][n["main"]]["auc"].items()}
    above = [_auc(name, a) for name, a in auc.items() if a["low"] > 0.5]
    below = [_auc(name, a) for name, a in auc.items() if a["high"] < 0.5]
    level = [_auc(name, a) for name, a in auc.items() if a["low"] <= 0.5 <= a["high"]]
    verdict = "Yes" if not below and not level else "Not every kind" if above else "No"
    said = [
        f"{listed(group)} {'lie' if len(group) > 1 else 'lies'} {words}"
        for group, words in ((above, "above ordinary rows"), (below, "below them"), (level, "among them"))
        if group
    ]
    energy = f"The energy alone has the larger AUC for {n['energy_better']} of {many(len(auc), 'kind')}."
    return f"{verdict}: by the AUC of its reconstruction error {'; '.join(said)}. {energy} {worth(n)}"


def worth(n: Numbers) -> str:
    """When a VAE is worth its training, by one score of each family for all kinds of odd rows."""
    model, usual, physics = (n["worth"][name] for name in ("model", "baseline", "physics"))
    told = (
        f"the VAE's best has a mean AUC of {model['mean']:.3f}, that of {BASELINES[usual['score']]} {usual['mean']:.3f}"
    )
    head = f"Of scores that are chosen before the kind is known {told}, that of the physics {physics['mean']:.3f}"
    gain = model["mean"] - usual["mean"]
    if gain < LITTLE_GAIN:
        return f"{head}: to find odd rows alone, no VAE need be trained."
    if physics["mean"] >= model["mean"]:
        return f"{head}: a VAE is worth training where no physics is at hand."
    return f"{head}: here a VAE is worth training."


#: gain in mean AUC below which a score that needs no training is as good
LITTLE_GAIN = 0.01
BASELINES = {
    "mahalanobis": "a covariance",
    "isolation_forest": "an isolation forest",
    "pca_error": "principal components",
    "neighbours": "the nearest neighbours",
    "mixture": "a mixture of normals",
}


def _auc(name: str, found: Numbers) -> str:
    return f"{kind(name)} ({found['auc']:.3f})"


def attributed(n: Numbers) -> str:
    """Whether the error falls on the particles that were moved."""
    found = n["attribution"]
    model, energy = found["model"], found["energy"]
    against = "better than" if model["low"] > found["chance"] else "no better than"
    return (
        f"Of the four particles with the largest share of the error {percent(model['score'])} were moved, {against} "
        f"chance, {percent(found['chance'])}; of the four with the largest energy {percent(energy['score'])}."
    )


# Single latents


def probing(n: Numbers) -> str:
    """How many latents a measured quantity follows, and which follows which."""
    every = n["strong"]
    follow = [
        f"{quantity(name)} {latent_name(b['latent'])} ({_signed(b['association'])})" for name, b in n["best"].items()
    ]
    head = f"Of {every['latents']} latents {every['count'] or 'none'} move"
    verb = "s" if every["count"] == 1 else ""
    return (
        f"{head}{verb} something that can be measured, with a rank correlation of {every['level']:g} or more. Each "
        f"quantity follows one most: {listed(follow)}."
    )


def _signed(value: float) -> str:
    return minus(f"{value:.2f}")


def patterns(n: Numbers) -> str:
    """What latents of matrices decode to at zero, along their leading directions, and at random along these."""
    return (
        f"At z = 0 the model of distance matrices answers with the mean matrix, {n['origin_off']:.2f} σ off it in a "
        f"distance, where rows are {n['spread']:.2f} σ off. Its {n['leading']} leading directions have "
        f"{percent(n['together'])} of the variance of {n['latents']} latents and change distances in patterns of their "
        f"own, no two with a cosine above {n['cosine']:.2f}; of samples along them {percent(n['apart'])} are free of "
        "overlap."
    )


# Samples


def generation(n: Numbers) -> str:
    """Whether samples are valid as they are decoded, and when their energies are those of equilibrium."""
    return f"{generation_short(n)} {_controls(n)}".strip()


def generation_short(n: Numbers) -> str:
    """The answer to the title of the study."""
    worst = n["worst"][n["main"]]
    asked = "" if n["valid"]["answer"] == "yes" else f" (asked: {percent(n['asked'], 0)} of both)"
    head = f"{SURE[n['valid']['answer']]}, {_in_trainings(worst['trainings'])}"
    said = (
        f"{head}: as decoded, at least {percent(worst['apart'])} of the samples at each γ have no overlap and "
        f"{percent(worst['inside'])} lie in the box{asked}"
    )
    return f"{said}. {_energies(worst)}"


def conditional(n: Numbers) -> str:
    """Whether samples at γ that training never saw are those of runs there."""
    between, beyond = n["near"]["between"], n["near"]["beyond"]
    new = [level for level in n["levels"] if not level["trained"]]
    worst = max(new, key=lambda level: abs(level["off"][0]))
    return (
        f"At γ that training never saw samples are as good as asked at {between['count']} of "
        f"{between['levels']} between those that it saw and at {beyond['count']} of {beyond['levels']} beyond them: "
        f"valid as decoded, and near equilibrium in energy after {n['sweeps']} sweeps. Furthest off is γ = "
        f"{worst['gravity']:g}, by {number(worst['off'][0])} ± {number(worst['off'][1])} ε."
    )


def three_dimensions(n: Numbers) -> str:
    """Whether samples of larger fluids in space are valid as they are decoded."""
    head = SURE[n["valid"]["answer"]]
    asked = "" if n["valid"]["answer"] == "yes" else f" (asked: {percent(n['asked'], 0)} of both)"
    said = [_fluid(space) for space in n["arms"].values()]
    off = [max(abs(level["off"][0]) for level in space["levels"]) for space in n["arms"].values()]
    energies = listed(f"{number(value)} ε" for value in off)
    untold = [space for space in n["arms"].values() if space["equilibrated"] is not True]
    warned = f" {many(len(untold), 'data set')} of them cannot be called in equilibrium." if untold else ""
    return (
        f"{head}: as decoded, {listed(said)} at the worst γ{asked}. After {n['sweeps']} sweeps mean energies are off "
        f"equilibrium by up to {energies}.{warned}"
    )


def _fluid(space: Numbers) -> str:
    worst = min(space["levels"], key=lambda level: min(level["apart"], level["inside"]))
    return (
        f"at {space['density']:.2f} particles in a unit of volume (N = {space['particles']}) "
        f"{percent(worst['apart'])} have no overlap and {percent(worst['inside'])} lie in the box"
    )


def proposals(n: Numbers) -> str:
    """Whether independent proposals give as many samples as tuned moves, and how acceptance falls."""
    most = [level for level in n["levels"] if level["particles"] == n["particles"]]
    shares = listed(f"{percent(level['acceptance']['mean'], 2)} from {OF[level['generator']]}" for level in most)
    best = next(level for level in most if level["generator"] == n["best"]["generator"])
    head = SURE[n["best"]["pays"]["answer"]]
    return (
        f"{head}: at γ = {n['gravity']:g} Metropolis accepts of independent proposals {shares}. Tuned moves and "
        f"teleports give {number(best['tuned'])} samples a CPU second; {_asked(best)}. {_fall(n)}"
    )


def _asked(best: Numbers) -> str:
    """What a generator would have to reach."""
    made = f"of {number(best['per_second'])} proposals a second from {OF[best['generator']]}"
    if best["needed"] > 1:
        return f"{made} not even all would be enough"
    return f"{made} {percent(best['needed'], 0)} would have to be accepted to match them"


#: who proposes, in a sentence
OF = {"VAE": "the VAE", "flow": "a flow of coordinates"}


def _fall(n: Numbers) -> str:
    if n["nats"] is None:
        return "How acceptance depends on the number of particles cannot be told."
    few, most = n["sizes"][0], n["sizes"][-1]
    return (
        f"At one density flows of {few} to {most} particles are accepted in {percent(n['fall'][0])} to "
        f"{percent(n['fall'][-1])}: its logarithm falls by {number(n['nats'])} for each further particle."
    )


def _energies(worst: Numbers) -> str:
    if worst["agree_after"] is None:
        return f"Energies differ from equilibrium even after {worst['most_sweeps']} sweeps of Monte Carlo."
    return f"Energies cannot be told from equilibrium after {many(worst['agree_after'], 'sweep')} of Monte Carlo."


def _controls(n: Numbers) -> str:
    arm = n["main"].partition(", ")[0]
    others = [name for name in n["worst"] if not name.startswith(f"{arm}, ")]
    if not others:
        return ""
    said = listed(f"{percent(n['worst'][name]['apart'])} ({way(name)})" for name in others)
    return f"Without overlap from other models: {said}."


# Exact averages


def exact(n: Numbers) -> str:
    """Whether chains agree with the data, and whether latent moves are worth their time."""
    return f"{_exactness(n)} {_gain(n['gain'])}"


def _exactness(n: Numbers) -> str:
    z = n["worst_z"]
    if z is None:
        return "Whether averages are exact cannot be told: some means are not defined."
    verdict = "yes" if z <= n["largest_z"] else "no"
    return f"Exact, {verdict}: the mean that is furthest off the data is {number(z, digits=2)} standard errors off."


def _gain(gain: Numbers) -> str:
    if gain["least"] is None or gain["most"] is None:
        return "Whether they are faster cannot be told: some paces are not defined."
    least, most = (f"{gain[end]:.2f}" for end in ("least", "most"))
    said = f"moves along the latents give {least} to {most} times the independent samples a CPU second of tuned moves"
    short = gain["levels"] - gain["reliable"]
    if short:
        return (
            f"Faster, cannot be told: at {short} of {gain['levels']} γ chains are too short; as far as they go {said}."
        )
    verdict = "no" if gain["most"] < 1 else "yes" if gain["least"] > 1 else "at some γ"
    return f"Faster, {verdict}: {said}."
