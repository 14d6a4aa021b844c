"""The report of a study: its answer, the source's numbers beside ours, then each part with its evidence."""

import textwrap
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from beable.console.numbers import number
from beable.report.citations import citations, measures_in
from beable.report.page import Cell, Evidence, Fold, Item, Page, Section, Table, Text, plain, symbols
from beable.report.sections import DIGITS, data_section, provenance
from beable.studies.answers import Answered
from beable.studies.claims import (
    ARTEFACT,
    DIFFERS,
    OF_NUMBERS,
    OF_SHARES,
    REPRODUCED,
    SIGNS,
    UNSAID,
    UNTOLD,
    Claim,
    in_order,
)
from beable.studies.context import Context
from beable.studies.run import Finished
from beable.studies.shares import MATTERS
from beable.studies.study import Recorded
from beable.system import SYSTEMS, imported

CLAIMED = {
    REPRODUCED: Cell(REPRODUCED, "good"),
    DIFFERS: Cell(DIFFERS, "miss"),
    ARTEFACT: Cell(ARTEFACT, "miss"),
    UNTOLD: Cell(UNTOLD, "unsure"),
}
VERDICTS = {agrees: CLAIMED[verdict] for agrees, verdict in OF_NUMBERS.items()}
GOALS = {True: Cell("met", "good"), False: Cell("missed", "miss"), None: Cell("cannot be told", "unsure")}
NOT_COMPARED = Cell("not compared")
SHARES = {answer: CLAIMED[verdict] for answer, verdict in OF_SHARES.items()}
SHOWN = 2
NAMED, LINE = 3, 100  # claims that a terminal names, letters of its lines


def study_page(finished: Finished, out: Path) -> Page:
    """The page of a study.

    Args:
        finished: the study.
        out: its folder.
    """
    study = finished.study
    evidence = {a.part.name: Context(study, a.part, out).code.section(a.answer) for a in finished.answers}
    leading = [name for name in (study.answer or [study.parts[0].name]) if name in evidence]
    return Page(
        study.title,
        _joined([evidence[name].short or evidence[name].answer for name in leading]),
        scope(finished),
        evidence[leading[0]].items,
        [
            *_against_the_source(finished),
            *(
                section
                for a in finished.answers
                for section in _part(a, evidence[a.part.name], finished, out, shown=a.part.name == leading[0])
            ),
            _method(finished),
        ],
        provenance(finished.store, _made(finished), {}),
        _citations(finished),
    )


def _citations(finished: Finished) -> list[str]:
    """What to cite: beable, the source, the methods of the trainings and the measures of the answers."""
    settings = [run.settings for run in finished.runs.values()]
    found = citations(settings, systems=[finished.study.system], measures=measures_in(finished.results["parts"]))
    return [reference.bibtex() for reference in found]


def answer_lines(page: Page, finished: Finished) -> list[str]:
    """Title, answer, scope and claims of a study, for a terminal: those that differ are named."""
    found = [plain(text) for section in _against_the_source(finished) for text in section.text]
    differing = [claim for claim in claims_in(finished.results) if claim.verdict == DIFFERS]
    found += [f"differs: {claim.claim}: {claim.source}, ours {claim.ours}" for claim in differing[:NAMED]]
    found += [f"and {len(differing) - NAMED} more"] if len(differing) > NAMED else []
    lines = [plain(page.answer), plain(page.scope), *found]
    return [page.title, *(textwrap.fill(line, LINE, initial_indent="  ", subsequent_indent="  ") for line in lines)]


def _joined(texts: Sequence[Text]) -> Text:
    """Texts one after the other."""
    pieces: list[Any] = []
    for text in texts:
        pieces += [" "] if pieces else []
        pieces += [text] if isinstance(text, str) else text
    return tuple(pieces)


# Scope


def scope(finished: Finished) -> str:
    """What the answer rests on: preset, trainings, steps, cost; and which preset gives verdicts."""
    arms = list(finished.results["arms"].values())
    words = [f"{finished.preset.capitalize()} preset"]
    if arms:
        trainings, steps = ([arm[key] for arm in arms] for key in ("members", "steps"))
        words.append(f"{_range(trainings)} training{'' if max(trainings) == 1 else 's'} an arm")
        words.append(f"{_range(steps)} steps")
    words.append(f"{finished.results['cpu_seconds']:,.0f} CPU s")
    return ", ".join(words) + "." + _unfinished(arms) + _further(finished)


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _unfinished(arms: Sequence[Mapping[str, Any]]) -> str:
    """How many arms had not come to their end."""
    going = sum(any(v["answer"] == "no" for v in arm["converged"]) for arm in arms)
    return f" In {going} of {len(arms)} arms some trainings still changed in their last fifth." if going else ""


def _further(finished: Finished) -> str:
    """The preset that judges what this one does not, and how many numbers those are."""
    unjudged = [e for e in finished.results["expected"] if e["judged_by"] and finished.preset not in e["judged_by"]]
    if not unjudged:
        return ""
    better = unjudged[0]["judged_by"][0]
    return (
        f" Too little for verdicts on {len(unjudged)} of {len(finished.results['expected'])} numbers: "
        f"--preset {better} gives them."
    )


# The source's claims


def claims_in(results: Mapping[str, Any]) -> list[Claim]:
    """What the source says, of all parts, by figure where figures are named."""
    return in_order([Claim(**claim) for part in results["parts"].values() for claim in part["claims"]])


def _against_the_source(finished: Finished) -> list[Section]:
    """What the source says, told by how it compares; nothing where no claim of it is named."""
    claims = claims_in(finished.results)
    if not claims:
        return []
    if any(claim.figure for claim in claims):
        return [Section("Figure by figure", [_told(claims)], [_index(claims)], [])]
    differing = [_claim_row(claim) for claim in claims if claim.verdict == DIFFERS]
    columns = ["what the source says", "source", "ours", "verdict"]
    items = [Table("Claims that differ.", columns, differing, "lrrl")] if differing else []
    every = Table("Claims of the source beside ours.", columns, [_claim_row(claim) for claim in claims], "lrrl")
    return [Section("Against the source", [_told(claims)], items, [Fold(f"All {len(claims)} claims", [], [every])])]


def _index(claims: Sequence[Claim]) -> Table:
    """Every claim in the order of the source's figures, with the evidence."""
    caption = (
        "What the source says, by its figures, beside ours. Artefact: ours shows the same, but it does not mean what "
        "the source takes it for. Cannot be told apart: too few trainings for a verdict, or no number to compare."
    )
    columns = ["figure", "what the source says", "ours", "verdict"]
    return Table(caption, columns, [_index_row(claim) for claim in claims])


def _index_row(claim: Claim) -> list[Cell | Text]:
    """What the source says with its number, ours with the evidence, and how they compare."""
    said = claim.claim if claim.source == UNSAID else f"{claim.claim}: {claim.source}"
    ours = claim.evidence if claim.ours == UNSAID else f"{claim.ours}: {claim.evidence}"
    return [claim.figure or "–", symbols(said), symbols(ours), _claim_cell(claim)]


def _told(claims: Sequence[Claim]) -> str:
    """How many claims have each verdict.

    >>> _told([Claim("", "", "1", "1", None, verdict, "") for verdict in ("reproduced", "reproduced", "differs")])
    'Of 3 claims 2 are reproduced, 1 differs.'
    """
    words = {REPRODUCED: ("is reproduced", "are reproduced"), ARTEFACT: ("is an artefact", "are artefacts")}
    return f"Of {len(claims)} claims {_verdicts([_claim_cell(claim) for claim in claims], words)}."


def _verdicts(cells: Sequence[Cell], words: Mapping[str, tuple[str, str]] = {}) -> str:
    """How many there are of each verdict, those that agree and differ first."""
    words = {DIFFERS: ("differs", "differ"), **words}
    kinds = dict.fromkeys([REPRODUCED, "met", DIFFERS, "missed", ARTEFACT, *(plain(cell.text) for cell in cells)])
    counts = {kind: sum(plain(cell.text) == kind for cell in cells) for kind in kinds}
    return ", ".join(f"{n} {words.get(kind, (kind, kind))[n > 1]}" for kind, n in counts.items() if n)


def _claim_row(claim: Claim) -> list[Cell | Text]:
    return [symbols(claim.claim), claim.source, claim.ours, _claim_cell(claim)]


def _claim_cell(claim: Claim) -> Cell:
    return NOT_COMPARED if claim.source == UNSAID else CLAIMED[claim.verdict]


def _verdict(e: Mapping[str, Any]) -> Cell:
    if e["source"] is None or e["relation"] == "other":
        return NOT_COMPARED
    return (VERDICTS if e["by"] == "source" else GOALS)[e["agrees"]]


# Parts


def _part(answered: Answered, found: Evidence, finished: Finished, out: Path, *, shown: bool) -> list[Section]:
    """A part, and what its runs show; the items that the page opens with are not shown again."""
    context = Context(finished.study, answered.part, out)
    code, part = context.code, answered.part
    folds = [*_comparison(part.name, finished), *found.folds, *_recorded(part.recorded, finished.preset)]
    more = code.of_runs(answered.answer, context) if code.of_runs else []
    asked = Fold("What is asked", [symbols(part.question)])
    said = shown and not found.short
    text, items = [] if said else [found.answer], [] if shown else found.items
    text += [
        f"Measured without {name}, with which it has more: pip install 'beable[{code.libraries[name]}]'."
        for name in answered.without
        if name in code.libraries
    ]
    return [Section(part.title, text, items, [asked, *folds]), *more]


def _recorded(found: Recorded | None, preset: str) -> list[Fold]:
    """What an earlier run of another preset found, marked as such."""
    if found is None or found.preset == preset:
        return []
    day = date.fromisoformat(found.date)
    title = f"Not this run: {found.preset} preset, {day.day} {day:%B %Y} ({found.cost})"
    return [Fold(title, [symbols(words) for words in found.findings], recorded=True)]


def _comparison(part: str, finished: Finished) -> list[Fold]:
    """The source's numbers, goals and shares beside ours, those of one part; nothing where there are none."""
    compared, counted = ([e for e in finished.results[kind] if e["part"] == part] for kind in ("expected", "counts"))
    items: list[Item] = [*_numbers(compared), *_shares(counted)]
    if not items:
        return []
    cells = [_verdict(e) for e in compared] + [SHARES[e["reproduced"]["answer"]] for e in counted]
    return [Fold(f"Numbers of the source and goals beside ours: {_verdicts(cells)}", [], items)]


def _numbers(compared: Sequence[Mapping[str, Any]]) -> list[Table]:
    if not compared:
        return []
    columns = ["what is said", "by", "number", "ours", "verdict"]
    rows = [[e["words"], e["by"], _said(e), _ours(e), _verdict(e)] for e in compared]
    return [Table("Numbers of the source, and goals that we set, beside ours.", columns, rows, "llrrl")]


def _said(e: Mapping[str, Any]) -> str:
    if e["source"] is None:
        return UNSAID
    margin = f" ± {number(e['tolerance'])}" if e["relation"] == "equal" and e["tolerance"] else ""
    return f"{SIGNS[e['relation']]}{number(e['source'])}{margin}"


def _ours(e: Mapping[str, Any]) -> str:
    return number(e["ours"]) + (f" ± {number(e['error'])}" if e["error"] else "")


def _shares(counted: Sequence[Mapping[str, Any]]) -> list[Table]:
    """The source's shares of trainings beside ours; nothing where there are none."""
    if not counted:
        return []
    caption = (
        "The source's shares of trainings and ours. The interval is Wilson's at 95 %; p is the probability of so large "
        "a difference if source and we drew from one population (Fisher's exact test); the power is how often a "
        f"difference of {MATTERS:.0%} would be found with so many trainings."
    )
    columns = ["what the source says", "source", "ours", "95 % interval", "p", "power"]
    return [Table(caption, columns, [_share_row(e) for e in counted], "lrrrrr")]


def _share_row(e: Mapping[str, Any]) -> list[Cell | Text]:
    low, high = e["interval"]
    interval, p, power = f"{low:.0%} to {high:.0%}", number(e["p_value"]), f"{e['power']:.0%}"
    verdict = SHARES[e["reproduced"]["answer"]].verdict
    return [e["words"], _share(e["source"]), Cell(_share(e["ours"]), verdict), interval, p, power]


def _share(counts: Sequence[int]) -> str:
    return f"{counts[0]} of {counts[1]}"


# Data and method


def _method(finished: Finished) -> Section:
    """The question in full, the data, how arms were trained, and what differs from the source."""
    study = finished.study
    folds = [
        Fold("The question", [symbols(study.question)]),
        _data(finished),
        *([Fold("What differs from the source", [symbols(note) for note in study.notes])] if study.notes else []),
        *([Fold("Arms and their trainings", [], [_arms(finished)])] if finished.results["arms"] else []),
    ]
    left_out = [_left_out_words(title, wanted) for title, wanted in finished.left_out.items()]
    by = study.data.simulator or study.data.source
    text = [f"{finished.store.rows:,} snapshots by {by}.", f"Source: {study.source}.", *left_out]
    return Section("Data and method", text, [], folds)


def _data(finished: Finished) -> Fold:
    """The snapshots as their system shows them, or a few of them as any are shown."""
    store = finished.store
    if items := SYSTEMS[finished.study.system].data_items:
        return Fold("The data", [], imported(items)(store))
    section = data_section(store, [int(row) for row in store.valid_rows[:SHOWN]], [])
    return Fold("The data", section.text, section.items)


def _left_out_words(title: str, wanted: Sequence[str]) -> str:
    return f"Left out: {title}: needs {' '.join(f'--file {name}=PATH' for name in wanted)}."


def _arms(finished: Finished) -> Table:
    """Trainings, steps, cost of every arm, and how many members had come to their end."""
    labels = {arm.name: arm.label for arm in finished.study.arms}
    rows = [[labels[name], *_training(arm)] for name, arm in finished.results["arms"].items()]
    caption = (
        "Trainings of each arm. A training had come to its end if the last fifth of its steps changed the held-out "
        "distortion by less than one percent of what training changed it by; a rate of learning that falls towards "
        "the end makes late changes likely."
    )
    return Table(caption, ["arm", "trainings", "steps", "at their end", "CPU s", "sha256 of run"], rows, "lrrrrr")


def _training(arm: Mapping[str, Any]) -> list[str]:
    """The numbers of one arm, and the first digits of its run's sum."""
    cost, run = f"{arm['cpu_seconds']:.1f}", arm["run"][:DIGITS]
    return [f"{arm['members']}", f"{arm['steps']:,}", _ended(arm["converged"]), cost, run]


def _ended(verdicts: Sequence[Mapping[str, str]]) -> str:
    words = [v["answer"] for v in verdicts]
    told = [word for word in words if word != "cannot be told"]
    return f"{told.count('yes')} of {len(told)}" if told else "cannot be told"


def _made(finished: Finished) -> dict[str, str]:
    """Command, day, machine and cost of a study."""
    made = [a.made for a in finished.answers if a.made]
    last = max(made, key=lambda m: m["date"], default={})
    return {
        "command": last.get("command") or finished.command,
        **{name: last[name] for name in ("date", "machine") if name in last},
        "CPU time": f"{finished.results['cpu_seconds']:,.0f} s",
    }
