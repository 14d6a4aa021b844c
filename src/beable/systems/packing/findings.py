"""What the packing study found, in sentences.

Every sentence is made of the numbers that an answer gives for ``results.json``, and worded by how they turn out; a
number that an answer does not have stands in no sentence.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from beable.console.columns import bracketed, fixed, percent, power
from beable.console.numbers import number

Numbers = Mapping[str, Any]
METHODS = {"search": "search", "inversion": "plain inversion of an emulator", "random": "random powders"}
#: R² of a judge by cross-validation from which its verdicts count
TRUSTED = 0.9
#: correlation of two numbers from which one follows the other
FOLLOWS = 0.9
#: share of studies from which something is often seen
OFTEN = 0.5
#: R² of the packing fraction that is called a success
SUCCESS = 0.9
CRITERIA = {
    "t_test_passed": "a t-test does not tell the means apart",
    "high_nmi": "mutual information of at least {high}",
    "t_test_passed_and_high_nmi": "both",
    "near_parity": "mean error of at most {small}",
    "equivalent": "means equivalent within ± {small}",
    "explains_half": "R² of at least {half}",
    "rows_agree": "equivalent means, and a rank correlation with p below {level}",
}


def listed(words: Sequence[str]) -> str:
    """Words in a row.

    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def counted(n: int, noun: str, plural: str = "") -> str:
    """A number of things.

    >>> counted(1, "training"), counted(1200, "powder"), counted(2, "β", "β")
    ('1 training', '1,200 powders', '2 β')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def of_all(k: int, n: int, noun: str) -> str:
    """How many of how many.

    >>> of_all(3, 3, "tables"), of_all(0, 3, "tables"), of_all(2, 3, "tables")
    ('all 3 tables', 'none of 3 tables', '2 of 3 tables')
    """
    return f"all {n} {noun}" if k == n else f"none of {n} {noun}" if k == 0 else f"{k} of {n} {noun}"


def between(values: Sequence[float], digits: int = 2) -> str:
    """The range of numbers."""
    low, high = (number(end, digits=digits) for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


# Beds


def beds(n: Numbers) -> str:
    """Whether the simulator is right."""
    checks, equal, known = n["checks"], n["equal"], n["known"]
    wrong, unsure = ([name for name in checks if checks[name]["answer"] == a] for a in ("no", "cannot be told"))
    head = f"No, {len(wrong)} of {len(checks)} checks fail" if wrong else "Cannot be told" if unsure else "Yes"
    seeds = n["beds"]["seeds"]
    first = (
        f"{head}: equal spheres fill {bracketed(equal['packing_fraction'], equal['standard_error'])} of the bulk"
        f" ({'one bed' if seeds == 1 else f'{seeds} beds'}; Jullien and Meakin, 1987: {known['equal']:g}), "
    )
    return f"{first}{_touching(n)}, {_rising(n)}. {_estimate(n['table'])}"


def _touching(n: Numbers) -> str:
    """Overlaps and support of the spheres of all beds."""
    of, checks = n["beds"], n["checks"]
    deepest = power(of["overlap"])
    overlap = (
        f"no sphere overlaps another by more than {deepest} of the sum of their radii"
        if checks["overlap"]["answer"] == "yes"
        else f"spheres overlap by up to {deepest} of the sum of their radii"
    )
    loose = of["unsupported"]
    carried = f"{counted(loose, 'sphere')} could still move down" if loose else "each rests on others or the floor"
    return f"{overlap}, {carried}"


def _rising(n: Numbers) -> str:
    two = n["two_sizes"]
    last = list(two)[-1]
    if n["checks"]["rising"]["answer"] != "yes":
        return "and two sizes do not always pack denser the more they differ"
    return (
        f"and two sizes pack denser the more they differ, up to {fixed(two[last]['packing_fraction'], 3)} at 1:{last}"
    )


def _estimate(table: Numbers) -> str:
    """How well the instant estimate tells the packing fractions of the table."""
    r = table["correlation"]
    if r is None:
        return "The packing fractions of the table do not differ."
    if r < FOLLOWS:
        return f"The instant estimate of close packing tells little of the table (correlation {fixed(r, 3)})."
    sign = "+" if table["offset"] >= 0 else "−"
    return (
        f"Over {counted(table['rows'], 'powder')} the packing fraction follows the instant estimate of close packing: "
        f"φ = {fixed(table['slope'], 3)} × estimate {sign} {fixed(abs(table['offset']), 3)} with a deviation of "
        f"{fixed(table['left_over'], 4)} (correlation {fixed(r, 3)}); the simulator's own error is "
        f"{fixed(table['standard_error'], 4)}."
    )


def published(n: Numbers) -> str:
    """Published runs of another code beside ours."""
    first, last = n["published"][0], n["published"][-1]
    loose = n["known"]["random_loose"]
    below = f", below random loose packing ({loose:g})" if first["theirs"] < loose else ""
    ends = [
        f"{fixed(b['theirs'], 3)} at a spread of {b['spread']:g}, ours {fixed(b['packing_fraction'], 3)}"
        for b in (first, last)
    ]
    return f"Published runs of the packing code of Hall & Sparks have {ends[0]}{below}, and {ends[1]}."


# β


def beta(n: Numbers) -> str:
    """At which β nothing is left in the latents."""
    return f"{_as_predicted(n)} {_left_of_source(n)}"


def beta_short(n: Numbers) -> str:
    """What β leaves of a table."""
    empty, tables = n["nothing_left_of_source"], n["tables"]
    head = "A latent is left" if empty == 0 else "Nothing is left"
    which = of_all(empty or tables, tables, "tables and scalings")
    return f"{head} at the β of Hall & Sparks beyond 0, in {which}; {_place(n)}."


def _place(n: Numbers) -> str:
    """Whether the last latent is lost where it should be."""
    told = n["as_predicted"]
    if told["cannot be told"]:
        return f"whether the last latent dies where a linear VAE predicts cannot be told ({counted(n['seeds'], 'training')} a β)"
    place = "where a linear VAE, without training, predicts it"
    return f"the last latent dies {place} in {of_all(told['yes'], n['tables'], 'tables and scalings')}"


def _as_predicted(n: Numbers) -> str:
    arms = list(n["arms"].values())
    where = ", ".join(f"{fixed(arm['measured'][0]['predicted'], 2)} ({arm['label']})" for arm in arms)
    told, tables = n["as_predicted"], n["tables"]
    first = f"A linear VAE loses its last latent at β = {where}."
    trained = counted(n["seeds"], "training")
    if told["cannot be told"]:
        return f"{first} Whether trained models do so cannot be told, with {trained} a β."
    which = of_all(told["yes"], tables, "tables and scalings")
    return f"{first} Trained models do so between the two β around that in {which} ({trained} a β)."


def _left_of_source(n: Numbers) -> str:
    """What the β of Hall and Sparks beyond 0 leave."""
    alive = {arm["label"]: arm["alive_of_source"] for arm in n["arms"].values() if arm["alive_of_source"]}
    level = f"{n['level']:g} nats"
    if not alive:
        return f"At the β of Hall & Sparks beyond 0 no latent carries more than {level}: models answer with the mean of the table."
    some = listed([f"{label} (β = {', '.join(f'{b:g}' for b in betas)})" for label, betas in alive.items()])
    return f"At the β of Hall & Sparks beyond 0 a latent carries more than {level} only with {some}."


def beta_figure(n: Numbers) -> str:
    """What the rates show, for those who cannot see them."""
    each = [
        f"{arm['label']}: last alive at β = {number(arm['measured'][0]['alive'])}, dead at {number(arm['measured'][0]['dead'])}, "
        f"predicted {fixed(arm['measured'][0]['predicted'], 2)}"
        for arm in n["arms"].values()
    ]
    return "The last latent by table and scaling: " + "; ".join(each) + "."


def parity(n: Numbers) -> str:
    """What is learned about parity beyond the collapse."""
    cells = {"collapsed": n["collapsed"], "live": n["alive"]}
    rates = [_pass_rates(name, of) for name, of in cells.items() if of["cells"]]
    return " ".join([*rates, _differences(n["beyond_collapse"]), judge(n["surrogate_r2"])])


def _pass_rates(name: str, of: Numbers) -> str:
    share = of["naive_pass_rate"]
    return (
        f"Of {counted(of['cells'], 'cell')} of {name} models {percent(share['t_test_passed'])} pass the t-test and "
        f"{percent(share['explains_half'])} explain half of the variance of the recomputed packing fraction."
    )


def _differences(of: Numbers) -> str:
    if not of["tests"]:
        return "Whether β matters beyond the collapse cannot be told from so few cells."
    p, tests = of["least_p"], counted(of["tests"], "test")
    if p * of["tests"] < 0.05:
        return (
            f"Beyond the collapse β still makes a difference: of {tests} (Kruskal–Wallis) the least p is {number(p)}."
        )
    return (
        f"Beyond the collapse no difference between β is found: of {tests} (Kruskal–Wallis) the least p is {number(p)}."
    )


def judge(r2: float | None) -> str:
    """Whether the forest that stands for the simulator can be trusted."""
    own = f"The forest that stands for the simulator has R² {fixed(r2, 2)} itself, by cross-validation"
    return f"{own}." if r2 is not None and r2 >= TRUSTED else f"{own}: too little for verdicts by it."


def best_betas(n: Numbers, betas: Sequence[float] = (10.0, 15.0)) -> str:
    """How often some β reconstruct best."""
    each = [words for arm in n["arms"].values() if (words := _best(arm, betas))]
    if not each:
        return ""
    chance = percent(next(iter(n["arms"].values()))["best_by_chance"])
    return f"Share of trainings in which a β has the least mean error: {'; '.join(each)}. By chance it is {chance} for each."


def _best(arm: Numbers, betas: Sequence[float]) -> str:
    shares = {level["beta"]: best for level, best in zip(arm["levels"], arm["best"], strict=True)}
    found = [f"β = {b:g} in {percent(shares[b])}" for b in betas if b in shares]
    return f"{arm['label']}, {' and '.join(found)}" if found else ""


def scores(n: Numbers) -> str:
    """What mutual information and t-tests of cells are worth."""
    nmi, fit = n["nmi"], n["trends"]["all"]["t_against_nmi"]
    chance = nmi["explained_by_chance"]
    first = (
        "How much of the mutual information is chance cannot be told."
        if chance is None
        else f"Unrelated numbers of the same spread explain {percent(chance)} of the variation of the mutual information; "
        f"on average it exceeds theirs by {fixed(nmi['excess'], 2)}."
    )
    if "crossing" not in fit:
        return f"{first} The fit of t against it crosses the critical value nowhere."
    span = f"{fixed(fit['crossing_low'], 2)} to {fixed(fit['crossing_high'], 2)} over {counted(fit['seeds'], 'seed')}"
    of = span if fit["seeds"] > 1 else "one seed"
    return f"{first} The fit of t against it crosses the critical value at {fixed(fit['crossing'], 2)} ({of})."


def planes(n: Numbers) -> str:
    """What pictures by t-SNE show."""
    made = [p for p in n["planes"] if p["beta"] is not None and p["own_r2"] is not None]
    if not made:
        return "No reconstruction has packing fractions that differ."
    own = between([p["own_r2"] for p in made])
    true = listed([f"{fixed(p['true_r2'], 2)} at β = {p['beta']:g}" for p in made])
    return (
        f"Neighbours in the pictures of reconstructions share the packing fraction that was decoded with them (R² {own}). "
        f"Of the row's own they tell R² = {true}."
    )


# Scores of unrelated numbers


def artefact(n: Numbers) -> str:
    """What scores say of unrelated numbers."""
    chance, marks = n["chance"], n["marks"]
    alone, any_cell = chance["per_cell"], chance["at_least_one"]
    often = any_cell["t_test_passed_and_high_nmi"] >= OFTEN
    return (
        f"{'Often' if often else 'Seldom'} that they agree: of cells of collapsed models, which know nothing of the powder, "
        f"{percent(alone['t_test_passed'])} pass a t-test, {percent(alone['high_nmi'])} have a mutual information of at "
        f"least {marks['high']:g}, and {percent(any_cell['t_test_passed_and_high_nmi'])} of "
        f"{counted(chance['studies'], 'study', 'studies')} of {chance['cells']} cells have a cell that does both. "
        f"An R² of at least {marks['half']:g} occurs in {percent(alone['explains_half'])} of the cells."
    )


def spread_alone(n: Numbers) -> str:
    """How scores move with spread alone, as an alternative text."""
    equal, apart = n["means_equal"], n["means_apart"]
    nmi, t = equal["nmi"][-1], apart["t"][-1]
    return (
        f"With standard deviations of {equal['deviations'][0]:g} to {equal['deviations'][-1]:g} mutual information of "
        f"unrelated numbers goes from {fixed(nmi[0], 2)} to {fixed(nmi[-1], 2)}, and t of means {apart['gap']:g} apart "
        f"from {fixed(t[0], 1)} to {fixed(t[-1], 1)}."
    )


def criteria(n: Numbers) -> dict[str, str]:
    """What looks like agreement, in words."""
    marks = {name: f"{value:g}" for name, value in n["marks"].items()}
    return {name: words.format(**marks) for name, words in CRITERIA.items()}


# Decoded rows


def decoded_rows(n: Numbers) -> str:
    """What output of an auto-encoder in the training table does."""
    harm, lost, gained = n["harm"]["answer"], n["r2_lost"], n["error_gained"]
    trained = counted(min(arm["members"] for arm in n["arms"].values()), "training")
    head = {"yes": "They do harm", "no": "They do no harm", "cannot be told": "No harm that can be told"}[harm]
    moved = "lower" if lost >= 0 else "higher"
    error = "higher" if gained >= 0 else "lower"
    return (
        f"{head}: with them R² of the packing fraction on {n['rows']:,} designed rows new to both is {moved} by "
        f"{fixed(abs(lost), 3)} and the squared error {error} by {percent(abs(gained), 1)} ({trained} each). Forests of the "
        f"same rows have R² {fixed(n['surrogate_r2']['first'], 3)} without and {fixed(n['surrogate_r2']['last'], 3)} with them."
    )


def decoded_table(n: Numbers) -> str:
    """What the decoded rows are."""
    of = n["decoded"]
    shares = [percent(x) for x in of["variances"][:2]]
    return (
        f"{counted(of['rows'], 'row')} ({percent(of['share'], 1)} of the table) are output of an auto-encoder: "
        f"{shares[0]} of their variance is along one direction, {shares[1]} along a second; their mass fractions sum to "
        f"{fixed(of['lowest_sum'], 2)} to {fixed(of['highest_sum'], 2)}, and one row is there {of['repeats']} times."
    )


# Calibrated


def calibrated(n: Numbers) -> str:
    """What calibrated models achieve, and the others."""
    arms = list(n["arms"].values())
    told = " ".join(_model(arm) for arm in arms if "calibrated" in arm["label"])
    best = max(arms, key=lambda arm: _or_least(arm["r2_of_oracle"]))
    other = (
        f"Best about the decoded powder is {best['label']}: {fixed(best['r2_of_oracle'], 2)}, and "
        f"{fixed(best['generated']['r2'], 2)} of samples of its prior."
    )
    return f"{told} {other} {judge(arms[0]['surrogate_r2'])}"


def _or_least(value: float | None) -> float:
    return -float("inf") if value is None else value


def _model(arm: Numbers) -> str:
    """R² about the row, and about the powder that is decoded with it."""
    members = arm["members"]
    worst = "one training" if members == 1 else f"worst of {members} trainings {fixed(arm['r2_of_row_low'], 2)}"
    row, powder = _or_least(arm["r2_of_row"]), _or_least(arm["r2_of_oracle"])
    packs = f"the powder decoded beside it {'packs so' if powder >= SUCCESS else 'does not pack so'}"
    link = "but" if row >= SUCCESS and powder < SUCCESS else "and"
    verb = "reconstructs" if row >= SUCCESS else "does not reconstruct"
    return (
        f"The model with {arm['label']} {verb} the packing fraction of held-out rows "
        f"(R² {fixed(arm['r2_of_row'], 2)}, {worst}), {link} {packs} (R² {fixed(arm['r2_of_oracle'], 2)})."
    )


def calibrated_figure(n: Numbers) -> str:
    """R² of the members that are drawn, for those who cannot see them."""
    each = [
        f"{arm['label']}: " + ", ".join(f"member {m['member']} R² {fixed(m['r2_of_row'], 2)}" for m in arm["shown"])
        for arm in n["arms"].values()
    ]
    return "Decoded packing fractions of held-out rows about their own. " + "; ".join(each) + "."


# Designs


def design(n: Numbers) -> str:
    """Whether powders are found, and by which way more of them."""
    return f"{design_short(n)} {_compared(n)}"


def design_short(n: Numbers) -> str:
    """Whether powders are found for a packing fraction."""
    ours, met, of = n["methods"]["search"], n["met"], n["attempts_of_a_method"]
    head = "Yes" if met == of else "No" if met == 0 else f"For {met} of {of} requests"
    hits = f"{percent(ours['share'])} of {counted(ours['proposed'], 'powder')} that the search proposed lie within ± {n['tolerance']:g} of the packing fraction asked for"
    again = (
        ""
        if ours["confirmed"] is None
        else f", and {percent(ours['confirmed'])} of those found do so in a second simulation"
    )
    return f"{head}: {hits}{again}."


def _compared(n: Numbers) -> str:
    """Powders found as a share of all calls, beside other ways."""
    ours = percent(n["methods"]["search"]["of_calls"])
    words = {"yes": "more than", "no": "fewer than", "cannot be told": "not to be told apart from"}
    others = [
        f"{words[n['better'][name]['answer']]} {METHODS[name]} ({percent(n['methods'][name]['of_calls'])})"
        for name in METHODS
        if name in n["better"]
    ]
    return f"Of all {n['calls']} calls for a request, the survey included, {ours} find one: {listed(others)}."


def apart(n: Numbers) -> str:
    """How different the powders found are."""
    ours = n["methods"]["search"]["distance"]
    if ours is None:
        return "Too few powders were found to say how different they are."
    return f"The mean distance of a powder from its nearest neighbour is {fixed(ours, 2)} with factors as ranks."
