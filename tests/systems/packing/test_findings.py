"""Sentences of the packing study for made-up numbers: they say what the numbers say, and no number of their own."""

import re
from copy import deepcopy

import numpy as np
import pytest
from made_up import numbers_in, numbers_of, value_of

from beable.report.page import Figure
from beable.systems.packing import findings
from beable.systems.packing.page.designs import design_limits
from beable.systems.packing.parts.design_limits import Both, Limits, Searched

YES, NO, UNTOLD = ({"answer": word, "reason": ""} for word in ("yes", "no", "cannot be told"))


def bed(phi, **more):
    return {"packing_fraction": phi, "standard_error": 0.0007} | more


BEDS = {
    "equal": bed(0.5817),
    "two_sizes": {"1": bed(0.5817), "10": bed(0.7396)},
    "beds": {"overlap": 4.2e-15, "unsupported": 0, "spheres": 60_000, "seeds": 4},
    "checks": dict.fromkeys(("equal", "overlap", "support", "rising"), YES),
    "known": {"equal": 0.5815, "random_loose": 0.55, "fine_share": 0.27},
    "published": [bed(0.583, spread=0.1, theirs=0.514), bed(0.653, spread=0.71, theirs=0.677)],
    "table": {
        "rows": 5000,
        "correlation": 0.991,
        "slope": 0.78,
        "offset": 0.0804,
        "left_over": 0.0033,
        "standard_error": 0.0018,
    },
}


def arm(label, predicted, alive_of_source=(), seeds=16, **more):
    measured = {"predicted": predicted, "alive": 0.2, "dead": 0.3, "as_predicted": YES if seeds > 1 else UNTOLD}
    levels = [{"beta": b, "rate": 0.004} for b in (0.0, 0.1, 1.0, 10.0, 15.0)]
    return {
        "label": label,
        "scaling": "range",
        "seeds": seeds,
        "measured": [measured],
        "alive_of_source": list(alive_of_source),
        "levels": levels,
        "best": [0.5, 0.25, 0.0, 0.06, 0.19],
        "best_by_chance": 0.2,
    } | more


def cells(count, passed, half):
    return {"cells": count, "naive_pass_rate": {"t_test_passed": passed, "explains_half": half}}


BETA = {
    "arms": {"all": arm("all rows", 0.17), "uniform": arm("uniform rows", 0.26)},
    "tables": 2,
    "seeds": 16,
    "as_predicted": {"yes": 2, "no": 0, "cannot be told": 0},
    "nothing_left_of_source": 2,
    "level": 0.05,
    "surrogate_r2": 0.984,
    "collapsed": cells(464, 0.0, 0.0),
    "alive": cells(320, 0.31, 0.59),
    "beyond_collapse": {"tests": 8, "least_p": 0.064},
    "nmi": {"explained_by_chance": 0.974, "excess": 0.018},
    "trends": {
        "all": {"t_against_nmi": {"seeds": 16, "crossing": 0.913, "crossing_low": 0.81, "crossing_high": 1.004}}
    },
    "planes": [
        {"beta": None, "own_r2": 0.6, "true_r2": 0.6},
        {"beta": 0.0, "own_r2": 0.99, "true_r2": 0.83},
        {"beta": 4.0, "own_r2": 0.81, "true_r2": -0.04},
    ],
}
ARTEFACT = {
    "chance": {
        "per_cell": {"t_test_passed": 0.302, "high_nmi": 0.893, "explains_half": 0.0},
        "at_least_one": {"t_test_passed_and_high_nmi": 1.0},
        "cells": 27,
        "studies": 200,
    },
    "marks": {"high": 0.5, "small": 0.01, "half": 0.5, "level": 0.05, "critical_t": 2.01},
    "means_equal": {"deviations": [0.0005, 0.06], "nmi": [[0.19, 0.8], [0.37, 0.96]]},
    "means_apart": {"gap": 0.01, "t": [[30.0, 2.0], [2.4, 0.8]]},
}
DECODED = {
    "decoded": {
        "rows": 1435,
        "share": 0.0972,
        "variances": [0.88, 0.11, 0.01],
        "lowest_sum": 0.798,
        "highest_sum": 1.087,
        "repeats": 304,
    },
    "harm": YES,
    "r2_lost": 0.0211,
    "error_gained": 0.0277,
    "rows": 1300,
    "surrogate_r2": {"first": 0.9852, "last": 0.9849},
    "arms": {"without": {"members": 16}, "with": {"members": 16}},
}


def model(label, row, powder, samples=0.6, members=8, surrogate=0.985):
    return {
        "label": label,
        "members": members,
        "r2_of_row": row,
        "r2_of_row_low": row - 0.013,
        "r2_of_oracle": powder,
        "spread": 0.042,
        "surrogate_r2": surrogate,
        "generated": {"r2": samples},
        "shown": [{"member": 3, "r2_of_row": row}, {"member": 5, "r2_of_row": row - 0.013}],
    }


CALIBRATED = {"arms": {"c": model("9 latents, calibrated", 0.993, 0.947), "f": model("9 latents, β = 1", 0.861, 0.713)}}
WAYS = ("search", "inversion", "random")


def way(share, of_calls, met=1.0, confirmed=0.97):
    numbers = {"share": share, "of_calls": of_calls, "met": met, "proposed": 288, "confirmed": confirmed}
    return numbers | {"distance": 0.81}


DESIGN = {
    "methods": dict(zip(WAYS, [way(0.963, 0.791), way(0.7, 0.53), way(0.17, 0.172)], strict=True)),
    "met": 12,
    "attempts_of_a_method": 12,
    "tolerance": 0.01,
    "calls": 48,
    "better": {"inversion": YES, "random": YES},
}


def mixture(fine, value, limit):
    rungs = [{"ratio": 7.0}, {"ratio": 28.0}]
    found = [{"value": v, "standard_error": e} for v, e in ((value - 0.01, 0.004), (value, 0.005))]
    below = {"below_furnas": YES if limit < 0.77 else UNTOLD, "limit": [limit, 0.006], "furnas": 0.79}
    beds = {"rungs": rungs, "held": {"ratio": 40.0}, "bulk": fine + 0.01}
    return {"fine": fine, "wide": [60.0, 200.0], "found": found} | beds | below


WIDE = {"mixtures": [mixture(0.2, 0.721, 0.726), mixture(0.27, 0.764, 0.773)], "held": 2, "beds": 1}

ZERO = {
    "fits": [{"model": "64 units", "rate": 0.001, "score": "1 decimal, normalised"}] * 3,
    "combinations": 594,
    "models": ["a"] * 11,
    "rates": [0.0001, 0.001, 0.01],
    "readings": 18,
    "reported": [0.4, 0.5],
    "best": "3 decimals, normalised",
    "best_holds": 4,
    "statements": 6,
}


def trained(label, outside, answer):
    return {"label": label, "outside": outside, "negative": {"answer": answer}}


CROSS = {
    "arms": {"n": trained("columns as they are", 0.71, "yes"), "r": trained("columns from 0 to 1", 0.0, "no")},
    "ratio": 11.3,
    "plain": 1.0,
}


def searched(asked, share, distance, hits=20):
    return {"asked": asked, "share": share, "distance": distance, "hits": hits}


LIMITS = {
    "diversity": [searched(0.05, 0.91, 0.72), searched(3.0, 0.44, 1.13)],
    "costs": [searched(12.0, 0.9, 0.7), searched(3.0, 0.4, 0.6), searched(2.0, 0.0, None, hits=0)],
    "both": {
        "words": "φ from 0.65 to 0.67", "hits": 21, "proposed": 30, "alone": 9, "of_alone": 28, "random": 2,
        "of_random": 40,
    },
}  # fmt: skip


def changed(numbers, **more):
    """Numbers with others in their places, which dots lead to."""
    found = deepcopy(numbers)
    for path, value in more.items():
        *way_to, last = path.split("__")
        place = found
        for key in way_to:
            place = place[int(key) if isinstance(place, list) else key]
        place[last] = value
    return found


#: what says something, of which numbers, and words that it must have
OUTCOMES = {
    "right": (
        findings.beds,
        BEDS,
        ["Yes: equal spheres fill 0.58170(70)", "no sphere overlaps", "up to 0.740 at 1:10"],
    ),
    "a check fails": (
        findings.beds,
        changed(BEDS, checks__overlap=NO, beds__overlap=0.013, beds__unsupported=7, checks__support=NO),
        ["No, 2 of 4 checks fail", "spheres overlap by up to 1.3 × 10⁻²", "7 spheres could still move down"],
    ),
    "one bed": (
        findings.beds,
        changed(BEDS, checks__equal=UNTOLD, equal__standard_error=None, beds__seeds=1),
        ["Cannot be told: equal spheres fill 0.5817 of the bulk (1 bed;"],
    ),
    "not rising": (findings.beds, changed(BEDS, checks__rising=NO), ["No, 1 of 4", "do not always pack denser"]),
    "estimate": (lambda n: findings.estimate(n["table"]), BEDS, ["φ = 0.780 × estimate + 0.080", "correlation 0.991"]),
    "offset below nought": (
        lambda n: findings.estimate(n["table"]),
        changed(BEDS, table__offset=-0.0213),
        ["× estimate − 0.021"],
    ),
    "no estimate": (lambda n: findings.estimate(n["table"]), changed(BEDS, table__correlation=0.31), ["tells little"]),
    "one packing fraction": (
        lambda n: findings.estimate(n["table"]),
        changed(BEDS, table__correlation=None),
        ["cannot be told"],
    ),
    "published": (
        findings.published,
        BEDS,
        ["0.514 at a spread of 0.1 (ours 0.583), below random loose packing (0.55)"],
    ),
    "published, denser": (findings.published, changed(BEDS, published__0__theirs=0.561), ["(ours 0.583), and 0.677"]),
    "nothing left": (findings.beta, BETA, ["in all 2 tables and scalings (16 trainings a β)", "no latent carries"]),
    "nothing left, in short": (
        findings.beta_short,
        BETA,
        ["Nothing is left at the β of Hall & Sparks beyond 0, in all 2 tables", "predicts it in all 2"],
    ),
    "not as predicted": (
        findings.beta_short,
        changed(BETA, as_predicted={"yes": 0, "no": 2, "cannot be told": 0}),
        ["predicts it in none of 2 tables and scalings"],
    ),
    "something left": (
        findings.beta,
        changed(BETA, arms__all__alive_of_source=[1.0, 4.0], nothing_left_of_source=1),
        ["a latent carries more than 0.05 nats only with all rows (β = 1, 4)"],
    ),
    "something left, in short": (
        findings.beta_short,
        changed(BETA, nothing_left_of_source=1),
        ["Nothing is left at the β of Hall & Sparks beyond 0, in 1 of 2 tables"],
    ),
    "everywhere something": (
        findings.beta_short,
        changed(BETA, nothing_left_of_source=0),
        ["A latent is left at the β of Hall & Sparks beyond 0, in all 2"],
    ),
    "one training": (
        findings.beta_short,
        changed(BETA, seeds=1, as_predicted={"yes": 0, "no": 0, "cannot be told": 2}),
        ["predicts cannot be told (1 training a β)"],
    ),
    "one training, at length": (
        findings.beta,
        changed(BETA, seeds=1, as_predicted={"yes": 0, "no": 0, "cannot be told": 2}),
        ["cannot be told, with 1 training a β"],
    ),
    "rates": (findings.beta_figure, BETA, ["all rows: alive at β = 0.2, dead at 0.3, predicted 0.17"]),
    "no difference": (
        findings.parity,
        BETA,
        ["no difference between β is found", "Of 464 cells", "R² 0.98 itself, by"],
    ),
    "a difference": (
        findings.parity,
        changed(BETA, beyond_collapse__least_p=0.0004),
        ["β still makes a difference", "4.0 × 10⁻⁴"],
    ),
    "few cells": (findings.parity, changed(BETA, beyond_collapse__tests=0, collapsed=cells(0, 0, 0)), ["so few cells"]),
    "a bad judge": (findings.parity, changed(BETA, surrogate_r2=0.51), ["R² 0.51 itself", "too little for verdicts"]),
    "best": (lambda n: findings.best_betas(n, (10.0, 15.0)), BETA, ["β = 10 in 6 %", "β = 15 in 19 %", "has 20 %"]),
    "scores": (findings.scores, BETA, ["explain 97 %", "theirs by 0.02", "at 0.91 (0.81 to 1.00 over 16 seeds)"]),
    "no fit": (
        findings.scores,
        changed(BETA, trends__all__t_against_nmi__crossing=None, nmi__explained_by_chance=None),
        ["cannot be told", "crosses the critical value nowhere"],
    ),
    "one seed": (findings.scores, changed(BETA, trends__all__t_against_nmi__seeds=1), ["at 0.91 (one seed)"]),
    "planes": (findings.planes, BETA, ["R² = 0.81 to 0.99", "0.83 at β = 0 and −0.04 at β = 4"]),
    "flat planes": (findings.planes, changed(BETA, planes=[]), ["No reconstruction"]),
    "often": (
        findings.artefact,
        ARTEFACT,
        ["Often that they agree", "30 % pass", "in 100 % of 200 studies of 27 cells"],
    ),
    "seldom": (
        findings.artefact,
        changed(ARTEFACT, chance__at_least_one__t_test_passed_and_high_nmi=0.04),
        ["Seldom that they agree", "in 4 % of 200 studies"],
    ),
    "spread": (findings.spread_alone, ARTEFACT, ["from 0.37 to 0.96", "from 2.4 to 0.8"]),
    "harm": (findings.decoded_rows, DECODED, ["It does harm", "lower by 0.021", "error higher by 2.8 %"]),
    "no harm": (
        findings.decoded_rows,
        changed(DECODED, harm=NO, r2_lost=-0.0123, error_gained=-0.031),
        ["It does no harm", "higher by 0.012", "error lower by 3.1 %"],
    ),
    "harm that is not told": (findings.decoded_rows, changed(DECODED, harm=UNTOLD), ["No harm that can be told"]),
    "decoded": (findings.decoded_table, DECODED, ["1,435 rows (9.7 % of the table)", "0.80 to 1.09", "304 times"]),
    "reconstructed": (
        findings.calibrated,
        CALIBRATED,
        ["held-out rows is reconstructed (R² 0.99, worst of 8 trainings 0.98), and", "packs so (R² 0.95)", "0.60"],
    ),
    "not the powder": (
        findings.calibrated,
        changed(CALIBRATED, arms__c__r2_of_oracle=-7.13),
        [
            "but the powder decoded beside it does not pack so (R² −7.13, decoded powders differ by 4 %",
            "0.71, has 9 latents, β = 1",
        ],
    ),
    "not reconstructed": (
        findings.calibrated,
        changed(CALIBRATED, arms__c__r2_of_row=0.59, arms__c__r2_of_oracle=0.3, arms__c__members=1),
        ["is not reconstructed (R² 0.59, one training), and the powder decoded beside it does not"],
    ),
    "no judge": (
        findings.calibrated,
        changed(CALIBRATED, arms__c__surrogate_r2=0.51),
        ["packs so cannot be told (R² 0.95)", "too little for verdicts"],
    ),
    "powders all alike": (
        findings.calibrated,
        changed(CALIBRATED, arms__c__r2_of_oracle=None, arms__f__r2_of_oracle=None),
        ["packs so cannot be told: all pack alike"],
    ),
    "members": (findings.calibrated_figure, CALIBRATED, ["9 latents, calibrated: member 3 R² 0.99, member 5 R² 0.98"]),
    "found": (findings.design, DESIGN, ["Yes: 96 % of 288 powders", "more than plain inversion of an emulator (53 %)"]),
    "found, in short": (findings.design_short, DESIGN, ["Powders are found: 96 %", "97 % of those found in a second"]),
    "partly found": (findings.design, changed(DESIGN, met=5), ["For 5 of 12 requests: 96 %"]),
    "partly found, in short": (
        findings.design_short,
        changed(DESIGN, met=5),
        ["Powders are found for 5 of 12 requests"],
    ),
    "none found": (
        findings.design,
        changed(DESIGN, met=0, methods__search=way(0.02, 0.01, 0.0, None)),
        ["No: 2 % of 288 powders"],
    ),
    "none found, in short": (
        findings.design_short,
        changed(DESIGN, met=0, methods__search__proposed=0),
        ["Too few powders are found: the search proposed none"],
    ),
    "no better": (
        findings.design,
        changed(DESIGN, better={"inversion": UNTOLD, "random": NO}),
        ["not to be told apart from plain inversion of an emulator (53 %)", "fewer than random powders (17 %)"],
    ),
    "decoded powders alike": (
        findings.calibrated,
        changed(CALIBRATED, arms__c__r2_of_oracle=-179.2),
        ["does not pack so (R² −179.20, decoded powders differ by 4 % of what rows do)"],
    ),
    "wide": (
        findings.wide,
        WIDE,
        [
            "beds of 1:7 to 1:28",
            "beds of 1:40",
            "in all 2",
            "At 1:200 it gives 0.7210(50) (20 % fine) and",
            "bulk (21 % and 28 %), lies below it with 20 % fine and within two standard errors of it with 27 % fine.",
        ],
    ),
    "above the limit": (
        findings.wide,
        changed(WIDE, mixtures__1__below_furnas=NO),
        ["lies below it with 20 % fine and above it with 27 % fine."],
    ),
    "readings that fit": (
        findings.at_zero,
        ZERO,
        ["3 of 594 combinations", "by 1 decimal, normalised", "than 4 of the 6"],
    ),
    "no reading": (
        findings.at_zero,
        changed(ZERO, fits=[]),
        ["No one of 594 combinations of 11 models, 3 rates and 18"],
    ),
    "cross entropy": (
        findings.cross_entropy,
        CROSS,
        [
            "Yes",
            "with columns as they are (71 % outside",
            "above 0 with columns from 0 to 1",
            "At β = 1 it is 11.3 times",
        ],
    ),
    "cross entropy of shares": (
        findings.cross_entropy,
        changed(CROSS, arms__n__negative__answer="no"),
        ["No: the cross entropy stays above 0"],
    ),
    "limits": (
        findings.design_limits,
        LIMITS,
        [
            "1.13 apart instead of 0.72 cost hits: 44 % of",
            "kept down to 3 (40 %",
            "21 of 30 proposed powders do both",
        ],
    ),
    "no price": (
        findings.design_limits,
        changed(LIMITS, diversity__1__share=0.95, costs=[]),
        ["1.13 apart cost no hits (95 %", "Under no limit"],
    ),
    "nothing proposed": (
        findings.design_limits,
        changed(LIMITS, diversity__0__share=None, diversity__1__share=None),
        ["Too few powders were found to say what diversity costs."],
    ),
    "apart": (findings.apart, DESIGN, ["is 0.81, with factors as ranks"]),
    "too few to be apart": (findings.apart, changed(DESIGN, methods__search__distance=None), ["Too few powders"]),
}
YEAR = 1987.0  # of what is known of equal spheres


def strangers(text, numbers):
    """Numbers of a sentence that are none of some, as they are or in percent, at the precision of their print."""
    known = [0.0, YEAR, *numbers_of(numbers)]
    found = []
    for printed in numbers_in(re.sub(r"(?<=\d)\(\d+\)", "", text)):  # standard errors of last digits
        value, decimals = value_of(printed), len(printed.partition(" ")[0].partition(".")[2])
        step = 0.051 * abs(value) if "×" in printed else 0.51 * 10.0**-decimals
        if not any(abs(scale * abs(x) - abs(value)) <= step for x in known for scale in (1, 100)):
            found.append(printed)
    return found


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_words_follow_the_numbers(outcome):
    say, numbers, wanted = OUTCOMES[outcome]
    said = say(numbers)
    assert said.endswith(".")
    assert "None" not in said
    assert "nan" not in said
    for words in wanted:
        assert words in said.replace("\u00a0", " "), said


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_number_of_a_sentence_is_one_of_the_answer(outcome):
    say, numbers, _ = OUTCOMES[outcome]
    assert strangers(say(numbers), numbers) == []
    assert strangers(f"{say(numbers)} A forest explains 0.8612 of it.", numbers) == ["0.8612"]


def test_criteria_name_their_marks():
    words = findings.criteria(ARTEFACT)
    assert words["high_nmi"] == "mutual information of at least 0.5"
    assert words["rows_agree"].endswith("p below 0.05")


def test_limits_of_searches_that_found_nothing_are_a_page_without_a_curve():
    nothing = [Searched(weight, 0, 0, np.nan, (np.nan, np.nan)) for weight in (0.0, 1.0)]
    limits = Limits((0.7, 0.01), 12, 1, nothing, (3.0, 2.0, 1.0), nothing, Both("both", 0, 0, 0, 0, 0, 0))
    page = design_limits(limits)
    assert not [item for item in page.items if isinstance(item, Figure)]
