"""The report of a study: headlines, then each part with the source's numbers beside ours and its evidence."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from beable.console.numbers import number
from beable.report.page import Cell, Figure, Page, Result, Section, Table, symbols
from beable.report.sections import data_section, provenance
from beable.studies.answers import Answered
from beable.studies.context import Context
from beable.studies.run import Finished
from beable.studies.shares import MATTERS
from beable.system import SYSTEMS, imported

Items = Sequence[Figure | Table]
VERDICTS = {True: Cell("reproduced", "good"), False: Cell("differs", "miss"), None: Cell("–")}
SHARES = {"yes": VERDICTS[True], "no": VERDICTS[False], "cannot be told": Cell("cannot be told apart")}
GOALS = {True: Cell("met", "good"), False: Cell("missed", "miss"), None: Cell("–")}
RELATIONS = {"equal": "", "at least": "≥ ", "at most": "≤ ", "other": ""}
SHOWN = 2


def study_page(finished: Finished, out: Path) -> Page:
    """The page of a study.

    Args:
        finished: the study.
        out: its folder.
    """
    study = finished.study
    return Page(
        study.title,
        study.question,
        [
            _data(finished),
            *(section for answered in finished.answers for section in _part(answered, finished, out)),
            *_left_out(finished),
            Section("What differs from the source", [symbols(note) for note in study.notes]),
        ],
        provenance(finished.store, finished.command, finished.runs),
        [r for answered in finished.answers for r in _headlines(answered, finished.results)],
    )


def _data(finished: Finished) -> Section:
    """The snapshots as their system shows them, or a few of them as any are shown."""
    source, store = f"Source: {finished.study.source}.", finished.store
    if items := SYSTEMS[finished.study.system].data_items:
        return Section("The data", [source], imported(items)(store))
    return data_section(store, [int(row) for row in store.valid_rows[:SHOWN]], [source])


def _left_out(finished: Finished) -> list[Section]:
    """The parts that need files which were not given."""
    needs = {title: " ".join(f"--file {name}=PATH" for name in wanted) for title, wanted in finished.left_out.items()}
    words = [f"{title}: needs {files}." for title, files in needs.items()]
    return [Section("Left out", words)] if words else []


def _part(answered: Answered, finished: Finished, out: Path) -> list[Section]:
    context = Context(finished.study, answered.part, out)
    code, part = context.code, answered.part
    items: Items = [*_comparison(_of(part.name, finished, "expected")), *_shares(_of(part.name, finished, "counts"))]
    text = [symbols(words) for words in (part.question, *part.findings)]
    more = code.of_runs(answered.answer, context) if code.of_runs else []
    return [Section(part.title, text, [*items, *code.section(answered.answer)]), *more]


def _of(part: str, finished: Finished, kind: str) -> list[dict[str, Any]]:
    return [e for e in finished.results[kind] if e["part"] == part]


def _comparison(compared: Sequence[Mapping[str, Any]]) -> list[Table]:
    """The source's numbers, and goals, beside ours; nothing where there are none."""
    if not compared:
        return []
    columns = ["what is said", "by", "number", "ours", "verdict"]
    return [Table("What the source says, or a goal, beside ours.", columns, [_row(e) for e in compared], "llrrl")]


def _row(e: Mapping[str, Any]) -> list[Cell | str]:
    verdicts = VERDICTS if e["by"] == "source" else GOALS
    return [e["words"], e["by"], _said(e), number(e["ours"]), verdicts[e["agrees"]]]


def _said(e: Mapping[str, Any]) -> str:
    if e["source"] is None:
        return "–"
    margin = f" ± {number(e['tolerance'])}" if e["relation"] == "equal" and e["tolerance"] else ""
    return f"{RELATIONS[e['relation']]}{number(e['source'])}{margin}"


def _shares(counted: Sequence[Mapping[str, Any]]) -> list[Table]:
    """The source's shares of trainings beside ours; nothing where there are none."""
    if not counted:
        return []
    caption = (
        "The source's shares of trainings and ours. The interval is Wilson's at 95 %; p is the probability of so large "
        "a difference if source and we drew from one population (Fisher's exact test); the power is how often a "
        f"difference of {MATTERS:.0%} would be found with so many trainings."
    )
    columns = ["what the source says", "source", "ours", "95 % interval", "p", "power", "verdict"]
    return [Table(caption, columns, [_share_row(e) for e in counted], "lrrrrrl")]


def _share_row(e: Mapping[str, Any]) -> list[Cell | str]:
    low, high = e["interval"]
    return [
        e["words"],
        _share(e["source"]),
        _share(e["ours"]),
        f"{low:.0%} to {high:.0%}",
        number(e["p_value"]),
        f"{e['power']:.0%}",
        SHARES[e["reproduced"]["answer"]],
    ]


def _share(counts: Sequence[int]) -> str:
    return f"{counts[0]} of {counts[1]}"


def _headlines(answered: Answered, results: Mapping[str, Any]) -> list[Result]:
    """The first published number of a part, and its shares, stand for it at the top of the page."""
    compared, counted = (
        [e for e in results[kind] if e["part"] == answered.part.name] for kind in ("expected", "counts")
    )
    return [_number_headline(e) for e in compared[:1]] + [_share_headline(e) for e in counted]


def _number_headline(e: Mapping[str, Any]) -> Result:
    verdicts = {True: "good", False: "miss", None: "neutral"}
    return Result(number(e["ours"]), e["words"], f"{e['by']}: {_said(e)}", verdicts[e["agrees"]])


def _share_headline(e: Mapping[str, Any]) -> Result:
    verdict = SHARES[e["reproduced"]["answer"]].verdict
    return Result(_share(e["ours"]), e["words"], f"source: {_share(e['source'])}", verdict)
