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
#: R² of the packing fraction that is called a success
SUCCESS = 0.9
#: share of studies from which something is often seen
OFTEN = 0.5
#: p below which a difference is found
SIGNIFICANT = 0.05
CRITERIA = {
    "t_test_passed": "a t-test does not tell the means apart",
    "high_nmi": "mutual information of at least {high}",
    "t_test_passed_and_high_nmi": "both",
    "near_parity": "mean error of at most {small}",
    "equivalent": "means equivalent within ±\u00a0{small}",
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

    >>> counted(1, "training"), counted(1200, "powder"), counted(2, "study", "studies")
    ('1 training', '1,200 powders', '2 studies')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def of_all(k: int, n: int, noun: str) -> str:
    """How many of how many.

    >>> of_all(3, 3, "tables"), of_all(0, 3, "tables"), of_all(2, 3, "tables")
    ('all 3 tables', 'none of 3 tables', '2 of 3 tables')
    """
    return f"all {n} {noun}" if k == n else f"none of {n} {noun}" if k == 0 else f"{k} of {n} {noun}"


def between(values: Sequence[float], digits: int = 2) -> str:
    """The range of numbers.

    >>> between([0.3, 0.1, 0.2]), between([1.0, 1.0])
    ('0.1 to 0.3', '1')
    """
    low, high = (number(end, digits=digits) for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _or_least(value: float | None) -> float:
    """A number that may be absent, for comparisons."""
    return -float("inf") if value is None else value


# Beds


def beds(n: Numbers) -> str:
    """Whether the simulator is right."""
    checks, equal = n["checks"], n["equal"]
    wrong, unsure = ([name for name in checks if checks[name]["answer"] == a] for a in ("no", "cannot be told"))
    head = f"No, {len(wrong)} of {len(checks)} checks fail" if wrong else "Cannot be told" if unsure else "Yes"
    of = f"{counted(n['beds']['seeds'], 'bed')}; Jullien and Meakin, 1987: {n['known']['equal']:g}"
    filled = f"equal spheres fill {bracketed(equal['packing_fraction'], equal['standard_error'])} of the bulk ({of})"
    return f"{head}: {filled}, {_touching(n)}, {_rising(n)}."


def _touching(n: Numbers) -> str:
    """Overlaps and support of the spheres of all beds."""
    of = n["beds"]
    deepest = f"{power(of['overlap'])} of the sum of their radii"
    fine = n["checks"]["overlap"]["answer"] == "yes"
    overlap = f"no sphere overlaps another by more than {deepest}" if fine else f"spheres overlap by up to {deepest}"
    loose = of["unsupported"]
    carried = f"{counted(loose, 'sphere')} could still move down" if loose else "none could still move down"
    return f"{overlap}, {carried}"


def _rising(n: Numbers) -> str:
    two = n["two_sizes"]
    last = list(two)[-1]
    if n["checks"]["rising"]["answer"] != "yes":
        return "and two sizes do not always pack denser the more they differ"
    densest = fixed(two[last]["packing_fraction"], 3)
    return f"and two sizes pack denser the more they differ, up to {densest} at 1:{last}"


def estimate(table: Numbers) -> str:
    """How well the instant estimate of close packing tells the packing fractions of the table."""
    r = table["correlation"]
    if r is None:
        return "How well it tells the packing fractions of the table cannot be told: they do not differ."
    if r < FOLLOWS:
        return f"The estimate tells little of the packing fractions of the table (correlation {fixed(r, 3)})."
    sign = "+" if table["offset"] >= 0 else "−"
    return (
        f"Over the {counted(table['rows'], 'powder')} of the table the packing fraction follows the estimate: "
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
        f"{fixed(b['theirs'], 3)} at a spread of {b['spread']:g} (ours {fixed(b['packing_fraction'], 3)})"
        for b in (first, last)
    ]
    return f"Published runs of the packing code of Hall & Sparks have {ends[0]}{below}, and {ends[1]}."


def wide(n: Numbers) -> str:
    """Whether the law in 1/R can be trusted, and what it says."""
    each, held = n["mixtures"], n["held"]
    rungs, ratio, last = each[0]["rungs"], each[0]["held"]["ratio"], each[0]["wide"][-1]
    met = of_all(held, len(each), "mixtures") if len(each) > 1 else "the mixture tried" if held else "no mixture"
    widest = [(m["found"][-1], percent(m["fine"])) for m in each]
    said = listed([f"{bracketed(f['value'], f['standard_error'])} ({fine} fine)" for f, fine in widest])
    return (
        f"A law in 1/R, fitted to beds of 1:{rungs[0]['ratio']:g} to 1:{rungs[-1]['ratio']:g}, finds beds of "
        f"1:{ratio:g} within two standard errors in {met}. At 1:{last:g} it gives {said}. Its limit"
        f"{_beside_furnas(each)}."
    )


def _beside_furnas(each: list[dict[str, Any]]) -> str:
    """Where the limits of the law lie, each beside that of Furnas for what lies in the bulk."""
    words = {"yes": "below", "no": "above", "cannot be told": "within two standard errors of"}
    fine = {a: [percent(m["fine"]) for m in each if m["below_furnas"]["answer"] == a] for a in words}
    said = listed([f"{words[a]} it with {listed(shares)} fine" for a, shares in fine.items() if shares])
    bulk = listed([percent(m["bulk"]) for m in each])
    return f", beside that of Furnas for the share of fine spheres in the bulk ({bulk}), lies {said}"


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
        trained = counted(n["seeds"], "training")
        return f"whether the last latent is lost where a linear VAE predicts cannot be told ({trained} a β)"
    place = "where a linear VAE, without training, predicts it"
    return f"the last latent is lost {place} in {of_all(told['yes'], n['tables'], 'tables and scalings')}"


def _as_predicted(n: Numbers) -> str:
    arms = n["arms"].values()
    where = ", ".join(f"{fixed(arm['measured'][0]['predicted'], 2)} ({arm['label']})" for arm in arms)
    told, trained = n["as_predicted"], counted(n["seeds"], "training")
    first = f"A linear VAE loses its last latent at β = {where}."
    if told["cannot be told"]:
        return f"{first} Whether trained models do so cannot be told, with {trained} a β."
    which = of_all(told["yes"], n["tables"], "tables and scalings")
    return f"{first} Trained models do so between the two β around that in {which} ({trained} a β)."


def _left_of_source(n: Numbers) -> str:
    """What the β of Hall and Sparks beyond 0 leave."""
    alive = {arm["label"]: arm["alive_of_source"] for arm in n["arms"].values() if arm["alive_of_source"]}
    level = f"more than {n['level']:g} nats"
    if not alive:
        return f"At the β of Hall & Sparks beyond 0 no latent carries {level}."
    some = [f"{label} (β = {', '.join(f'{b:g}' for b in betas)})" for label, betas in alive.items()]
    return f"At the β of Hall & Sparks beyond 0 a latent carries {level} only with {listed(some)}."


def beta_figure(n: Numbers) -> str:
    """What the rates show, for those who cannot see them."""
    each = []
    for arm in n["arms"].values():
        found = arm["measured"][0]
        alive, dead = number(found["alive"]), number(found["dead"])
        each.append(f"{arm['label']}: alive at β = {alive}, dead at {dead}, predicted {fixed(found['predicted'], 2)}")
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
    said = f"of {counted(of['tests'], 'test')} (Kruskal–Wallis) the least p is {number(of['least_p'])}"
    if of["least_p"] * of["tests"] < SIGNIFICANT:
        return f"Beyond the collapse β still makes a difference: {said}."
    return f"Beyond the collapse no difference between β is found: {said}."


def judge(r2: float | None) -> str:
    """Whether the forest that stands for the simulator can be trusted."""
    own = f"The forest that stands for the simulator has R² {fixed(r2, 2)} itself, by cross-validation"
    return f"{own}." if _or_least(r2) >= TRUSTED else f"{own}: too little for verdicts by it."


def best_betas(n: Numbers, betas: Sequence[float]) -> str:
    """How often some β reconstruct best."""
    each = [words for arm in n["arms"].values() if (words := _best(arm, betas))]
    if not each:
        return ""
    chance = percent(next(iter(n["arms"].values()))["best_by_chance"])
    return f"Trainings in which a β has the least mean error: {'; '.join(each)}. By chance each has {chance}."


def _best(arm: Numbers, betas: Sequence[float]) -> str:
    shares = {level["beta"]: best for level, best in zip(arm["levels"], arm["best"], strict=True)}
    found = [f"β = {b:g} in {percent(shares[b])}" for b in betas if b in shares]
    return f"{arm['label']}, {' and '.join(found)}" if found else ""


def scores(n: Numbers) -> str:
    """What mutual information and t-tests of cells are worth."""
    nmi, fit = n["nmi"], n["trends"]["all"]["t_against_nmi"]
    chance = nmi["explained_by_chance"]
    first = "How much of the mutual information is chance cannot be told."
    if chance is not None:
        first = (
            f"Unrelated numbers of the same spread explain {percent(chance)} of the variation of the mutual "
            f"information; on average it exceeds theirs by {fixed(nmi['excess'], 2)}."
        )
    if fit["crossing"] is None:
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
        f"By their neighbours in the pictures reconstructions have R² = {own} of the packing fraction that was decoded "
        f"with them. Of the row's own it is {true}."
    )


# Readings


def at_zero(n: Numbers) -> str:
    """Which readings give the score at β = 0, and whether one gives all that is said of it."""
    low, high = n["reported"]
    fits = n["fits"]
    tried = f"{len(n['models'])} models, {len(n['rates'])} rates and {n['readings']} scores"
    of = f"{n['combinations']} combinations of {tried}"
    if not fits:
        first = f"No one of {of} has a mutual information of {low:g} to {high:g} at β = 0 in all tables."
    else:
        scores = listed(list(dict.fromkeys(fit["score"] for fit in fits))[:4])
        first = (
            f"{len(fits)} of {of} have a mutual information of {low:g} to {high:g} at β = 0 in all tables, "
            f"among them by {scores}."
        )
    held = f"{n['best_holds']} of the {n['statements']} statements on it"
    return f"{first} By no reading do more hold than {held}: {n['best']}."


def cross_entropy(n: Numbers) -> str:
    """Whether the cross entropy is driven negative, and why."""
    arms = n["arms"].values()
    below = [arm for arm in arms if arm["negative"]["answer"] == "yes"]
    above = [arm["label"] for arm in arms if arm["negative"]["answer"] == "no"]
    if not below:
        return "No: the cross entropy stays above 0 on every scaling."
    each = listed([f"{arm['label']} ({percent(arm['outside'])} outside 0 to 1)" for arm in below])
    stays = f" It stays above 0 with {listed(above)}." if above else ""
    return (
        f"Yes, wherever columns leave 0 to 1: it falls below 0 with {each}, and has no lower bound there.{stays} "
        f"At β = {n['plain']:g} it is {number(n['ratio'])} times the squared error, most of which no model can avoid."
    )


# Scores of unrelated numbers


def artefact(n: Numbers) -> str:
    """What scores say of unrelated numbers."""
    chance, marks = n["chance"], n["marks"]
    alone, any_cell = chance["per_cell"], chance["at_least_one"]
    often = any_cell["t_test_passed_and_high_nmi"] >= OFTEN
    shares = [percent(alone[name]) for name in ("t_test_passed", "high_nmi", "explains_half")]
    studies = f"{percent(any_cell['t_test_passed_and_high_nmi'])} of {counted(chance['studies'], 'study', 'studies')}"
    return (
        f"{'Often' if often else 'Seldom'} that they agree. Of cells of collapsed models, which know nothing of the "
        f"powder, {shares[0]} pass a t-test and {shares[1]} have a mutual information of at least {marks['high']:g}; "
        f"in {studies} of {chance['cells']} cells some cell has both. An R² of at least {marks['half']:g} occurs in "
        f"{shares[2]} of the cells."
    )


def spread_alone(n: Numbers) -> str:
    """How scores move with spread alone, for those who cannot see it."""
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
    head = {"yes": "It does harm", "no": "It does no harm", "cannot be told": "No harm that can be told"}[harm]
    moved, error = "lower" if lost >= 0 else "higher", "higher" if gained >= 0 else "lower"
    r2 = [fixed(n["surrogate_r2"][name], 3) for name in ("first", "last")]
    return (
        f"{head}: with it R² of the packing fraction on {n['rows']:,} designed rows new to both is {moved} by "
        f"{fixed(abs(lost), 3)} and the squared error {error} by {percent(abs(gained), 1)} ({trained} each). Forests "
        f"of the same rows have R² {r2[0]} without and {r2[1]} with it."
    )


def decoded_table(n: Numbers) -> str:
    """What the decoded rows are."""
    of = n["decoded"]
    shares = [percent(x) for x in of["variances"][:2]]
    sums = f"{fixed(of['lowest_sum'], 2)} to {fixed(of['highest_sum'], 2)}"
    return (
        f"{counted(of['rows'], 'row')} ({percent(of['share'], 1)} of the table) are output of an auto-encoder: "
        f"{shares[0]} of their variance is along one direction, {shares[1]} along a second; their mass fractions sum "
        f"to {sums}, and one row is there {of['repeats']} times."
    )


# Calibrated models


def calibrated(n: Numbers) -> str:
    """What calibrated models achieve, and the others."""
    arms = list(n["arms"].values())
    told = [_model(arm) for arm in arms if "calibrated" in arm["label"]]
    return " ".join([*told, *_best_model(arms), judge(arms[0]["surrogate_r2"])])


def _best_model(arms: Sequence[Numbers]) -> list[str]:
    """The model whose decoded powders agree best with the number decoded beside them; nothing where none is."""
    best = max(arms, key=lambda arm: _or_least(arm["r2_of_oracle"]))
    if best["r2_of_oracle"] is None:
        return []
    samples = best["generated"]["r2"]
    of_prior = "" if samples is None else f"; of samples of its prior it is {fixed(samples, 2)}"
    powder = fixed(best["r2_of_oracle"], 2)
    return [f"The highest R² about the decoded powder, {powder}, has {best['label']}{of_prior}."]


def _model(arm: Numbers) -> str:
    """R² about the row, and about the powder that is decoded with it."""
    members = arm["members"]
    worst = "one training" if members == 1 else f"worst of {members} trainings {fixed(arm['r2_of_row_low'], 2)}"
    good = _or_least(arm["r2_of_row"]) >= SUCCESS
    return (
        f"{arm['label'].capitalize()}: the packing fraction of held-out rows is {'' if good else 'not '}reconstructed "
        f"(R² {fixed(arm['r2_of_row'], 2)}, {worst}), {_packs(arm, good)}."
    )


def _packs(arm: Numbers, good: bool) -> str:
    """Whether the powder packs as the number beside it says; not to be told by a judge without trust."""
    powder, r2 = "the powder decoded beside it", arm["r2_of_oracle"]
    if r2 is None:
        return f"and whether {powder} packs so cannot be told: all pack alike"
    narrow = f", decoded powders differ by {percent(arm['spread'])} of what rows do" if r2 < 0 else ""
    said = f"(R² {fixed(r2, 2)}{narrow})"
    if _or_least(arm["surrogate_r2"]) < TRUSTED:
        return f"and whether {powder} packs so cannot be told {said}"
    if r2 >= SUCCESS:
        return f"and {powder} packs so {said}"
    return f"{'but' if good else 'and'} {powder} does not pack so {said}"


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
    met, of = n["met"], n["attempts_of_a_method"]
    head = "Yes" if met == of else "No" if met == 0 else f"For {met} of {of} requests"
    return f"{head}: {_hits(n)}. {_compared(n)}"


def design_short(n: Numbers) -> str:
    """Whether powders are found for a packing fraction."""
    met, of = n["met"], n["attempts_of_a_method"]
    head = "Too few powders are found" if met == 0 else "Powders are found"
    which = f" for {met} of {of} requests" if 0 < met < of else ""
    return f"{head}{which}: {_hits(n)}."


def _hits(n: Numbers) -> str:
    """How many of the proposed powders do what was asked for."""
    ours = n["methods"]["search"]
    if not ours["proposed"]:
        return "the search proposed none"
    confirmed = ours["confirmed"]
    again = "" if confirmed is None else f", {percent(confirmed)} of those found in a second simulation too"
    return (
        f"{percent(ours['share'])} of {counted(ours['proposed'], 'powder')} that the search proposed lie within "
        f"±\u00a0{n['tolerance']:g} of the packing fraction asked for{again}"
    )


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
    return f"The mean distance of a powder from its nearest neighbour is {fixed(ours, 2)}, with factors as ranks."


def design_limits(n: Numbers) -> str:
    """What a search pays for different powders, cheap ones, and a second outcome."""
    seen = [s for s in n["diversity"] if None not in (s["distance"], s["share"])]
    both = n["both"]
    first = "Too few powders were found to say what diversity costs."
    if seen:
        least, most = (pick(seen, key=lambda s: s["distance"]) for pick in (min, max))
        first = (
            f"Powders {fixed(most['distance'], 2)} apart instead of {fixed(least['distance'], 2)} cost hits: "
            f"{percent(most['share'])} of the proposals instead of {percent(least['share'])}."
            if most["share"] < least["share"]
            else f"Powders {fixed(most['distance'], 2)} apart cost no hits ({percent(most['share'])} of the proposals)."
        )
    cheap = [s for s in n["costs"] if s["hits"]]
    second = "Under no limit of the cost is a powder found."
    if cheap:
        last = min(cheap, key=lambda s: s["asked"])
        second = (
            f"A limit of the cost is kept down to {last['asked']:g} ({percent(last['share'])} of the proposals hit)."
        )
    return (
        f"{first} {second} Asked for {both['words']}, {both['hits']} of {both['proposed']} proposed powders do both; "
        f"{both['alone']} of {both['of_alone']} that were found for the first alone, and {both['random']} of "
        f"{both['of_random']} random ones."
    )
