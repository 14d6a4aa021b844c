"""What a source says of its figures beside what a run found, each with a verdict and the evidence for it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from beable.console.numbers import number

REPRODUCED, DIFFERS, ARTEFACT, UNTOLD = "reproduced", "differs", "artefact", "cannot be told apart"
OF_SHARES = {"yes": REPRODUCED, "no": DIFFERS, "cannot be told": UNTOLD}
OF_NUMBERS = {True: REPRODUCED, False: DIFFERS, None: UNTOLD}
SIGNS = {"equal": "", "at least": "≥ ", "at most": "≤ ", "other": ""}
UNSAID = "–"  # in place of a number that the source does not report


class Claim(NamedTuple):
    """One statement of a source, and what became of it.

    Args:
        figure: the source's figure, equation or section: "20", "B.29", "Eq. 28".
        claim: what the source says, in our words, with the place.
        source: its number, or what it shows, in words.
        ours: ours.
        interval: 95 % interval of our number; None where it has none.
        verdict: "reproduced", "differs", "artefact" (ours shows the same, and that it does not mean what the source
            takes it for) or "cannot be told apart" (too few trainings, or nothing defined to compare).
        evidence: why, one sentence with the run's own numbers.
    """

    figure: str
    claim: str
    source: str
    ours: str
    interval: tuple[float, float] | None
    verdict: str
    evidence: str


def claims_of(answer: Any, compared: Sequence[Mapping[str, Any]], counted: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """All claims of a part: the source's shares of trainings, its numbers, and those that the measure judged itself.

    Args:
        answer: of the measure; its ``claims`` are taken where it has some.
        compared, counted: published numbers and shares of the part, as ``results.json`` has them.
    """
    numbers = [_of_number(e) for e in compared if e["by"] == "source"]
    return [*map(_of_share, counted), *numbers, *getattr(answer, "claims", ())]


def _of_share(e: Mapping[str, Any]) -> Claim:
    source, ours = (f"{count} of {trials}" for count, trials in (e["source"], e["ours"]))
    low, high = e["interval"]
    found, verdict = e["reproduced"], OF_SHARES[e["reproduced"]["answer"]]
    return Claim(e["figure"], e["words"], source, ours, (low, high), verdict, found["reason"])


def _of_number(e: Mapping[str, Any]) -> Claim:
    said = UNSAID if e["source"] is None else f"{SIGNS[e['relation']]}{number(e['source'])}"
    return Claim(e["figure"], e["words"], said, number(e["ours"]), None, OF_NUMBERS[e["agrees"]], _why(e))


def _why(e: Mapping[str, Any]) -> str:
    """On what the verdict of a number rests."""
    if e["source"] is None:
        return "the source gives no number"
    if e["relation"] == "other":
        return "beside the source's: how near they should be was not set"
    if e["ours"] is None:
        return "ours is not defined"
    if e["agrees"] is None:
        if e["error"] is None:
            return "its standard error is not defined"
        near = f"nearer than twice its standard error of {number(e['error'])}"
        return near if e["error"] else f"judged by the presets {', '.join(e['judged_by'])}"
    off = f"{number(abs(e['ours'] - e['source']))} from the source's"
    return f"{off}, tolerance {number(e['tolerance'])}" if e["relation"] == "equal" else off


def in_order(claims: Sequence[Claim]) -> list[Claim]:
    """Claims by the number of their figure, those of equations and sections last.

    >>> [claim.figure for claim in in_order([Claim(f, "", "", "", None, "", "") for f in ("B.29", "20", "4", "Eq. 5")])]
    ['4', '20', 'B.29', 'Eq. 5']
    """
    return sorted(claims, key=_place)


def _place(claim: Claim) -> tuple[bool, bool, int, str]:
    first = claim.figure.replace("–", "-").partition("-")[0]
    plain = first.isdigit()
    return not plain, not first.startswith("B"), int(first) if plain else 0, claim.figure
