"""The report of a study of several questions: a headline of each, then each question with its evidence."""

from collections.abc import Mapping, Sequence
from typing import Any

from beable.report.page import Cell, Figure, Page, Result, Section, Table, symbols
from beable.report.sections import number, provenance
from beable.studies.parts import Answered, Finished, parts_of
from beable.studies.study import Study
from beable.systems import SYSTEMS, imported

Items = Sequence[Figure | Table]
VERDICTS = {True: Cell("agrees", "good"), False: Cell("differs", "miss"), None: Cell("–")}
GOALS = {True: Cell("met", "good"), False: Cell("missed", "miss"), None: Cell("–")}
RELATIONS = {"equal": "", "at least": "≥ ", "at most": "≤ ", "other": ""}


def parts_page(study: Study, finished: Finished, command: str) -> Page:
    """The page of a study of several questions."""
    return Page(
        study.title,
        study.question,
        [
            Section(
                "The data",
                [f"Source: {study.source}."],
                imported(SYSTEMS[study.data.simulator].data_items)(finished.store),
            ),
            *(_part_section(study, answered, finished) for answered in finished.answers),
            *_left_out(finished),
            Section("What differs from the source", [symbols(note) for note in study.notes]),
        ],
        provenance(finished.store, command, finished.runs),
        [r for answered in finished.answers if (r := _headline(answered, finished.results)) is not None],
    )


def _left_out(finished: Finished) -> list[Section]:
    """The parts that need files which were not given."""
    needs = {title: " ".join(f"--file {name}=PATH" for name in wanted) for title, wanted in finished.left_out.items()}
    words = [f"{title}: needs {files}." for title, files in needs.items()]
    return [Section("Left out", words)] if words else []


def _part_section(study: Study, answered: Answered, finished: Finished) -> Section:
    part = answered.part
    shown: list[Figure | Table] = list(parts_of(study)[part.measure].section(answered.answer))
    compared = [e for e in finished.results["expected"] if e["part"] == part.name]
    return Section(part.title, [part.question, *part.findings], [*_comparison(compared), *shown])


def _comparison(compared: Sequence[Mapping[str, Any]]) -> list[Table]:
    """The source's numbers, and goals, beside ours; nothing where there are none."""
    if not compared:
        return []
    columns = ["what is said", "by", "number", "ours", "verdict"]
    rows = [_row(e) for e in compared]
    return [Table("What the source says, or a goal, beside ours.", columns, rows, "llrrl")]


def _row(e: Mapping[str, Any]) -> list[Cell | str]:
    verdicts = VERDICTS if e["by"] == "source" else GOALS
    return [e["words"], e["by"], _said(e), number(e["ours"]), verdicts[e["agrees"]]]


def _said(e: Mapping[str, Any]) -> str:
    if e["source"] is None:
        return "–"
    margin = f" ± {number(e['tolerance'])}" if e["relation"] == "equal" and e["tolerance"] else ""
    return f"{RELATIONS[e['relation']]}{number(e['source'])}{margin}"


def _headline(answered: Answered, results: Mapping[str, Any]) -> Result | None:
    """The first reported number of a part stands for it at the top of the page."""
    compared = [e for e in results["expected"] if e["part"] == answered.part.name]
    if not compared:
        return None
    first = compared[0]
    verdict = {True: "good", False: "miss", None: "neutral"}[first["agrees"]]
    return Result(number(first["ours"]), first["words"], f"{first['by']}: {_said(first)}", verdict)
