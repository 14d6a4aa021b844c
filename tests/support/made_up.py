"""Pages of made-up results: which numbers of their prose are not from the results.

A page is made twice, of the results and of the same with every number moved. A number of its prose that stays is not
from the results: it must be a count among them, a setting of the study, a number of its source, a fact of its runs, or
a constant that is declared.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from beable.records import plain as as_plain
from beable.report.page import Page, plain
from beable.studies.codec import decode, encode

NUMBER = re.compile(
    r"(?<![\w.,₀-₉^−-])[−-]?\d+(?:,\d{3})*(?:\.\d+)?(?: ?× ?10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?(?:e[+-]?\d+)?(?![\w₀-₉])"
)
RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def numbers_in(text: str) -> list[str]:
    """Numbers as they are printed; digits inside names are none.

    >>> numbers_in("z₁ follows S2 in 1,200 rows: 0.95, −1.2 × 10⁻⁶ and 97 %")
    ['1,200', '0.95', '−1.2 × 10⁻⁶', '97']
    """
    return NUMBER.findall(text)


def value_of(printed: str) -> float:
    """The number that is printed.

    >>> value_of("−1.2 × 10⁻⁶"), value_of("1,200")
    (-1.2e-06, 1200.0)
    """
    number, _, power = printed.replace("−", "-").replace(",", "").partition("×")
    return float(number) * 10.0 ** int(power.strip()[2:].translate(RAISED) if power else 0)


def moved(answer: Any, hint: Any, kept: Collection[float] = ()) -> Any:
    """An answer with every number that is no count made smaller by some percent, each by its own; some are kept.

    Args:
        answer, hint: a record and its type.
        kept: numbers that stay as they are, such as those that records are found by.
    """
    arrays: dict[str, Any] = {}
    rng = np.random.default_rng(0)
    encoded = encode(answer, hint, arrays)
    changed = {name: a * rng.uniform(0.9, 0.97) if a.dtype.kind == "f" else a for name, a in arrays.items()}
    return decode(_moved(encoded, rng, kept), hint, changed)


def _moved(tree: Any, rng: np.random.Generator, kept: Collection[float]) -> Any:
    if isinstance(tree, dict):
        return {key: _moved(value, rng, kept) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_moved(value, rng, kept) for value in tree]
    return tree * rng.uniform(0.9, 0.97) if isinstance(tree, float) and tree not in kept else tree


def numbers_of(tree: Any) -> Iterator[float]:
    """Every number among results, those inside words too, the lengths of lists and how often a word stands in them."""
    if isinstance(tree, dict):
        for value in tree.values():
            yield from numbers_of(value)
        yield float(len(tree))
    elif isinstance(tree, list | tuple):
        yield float(len(tree))
        yield from map(float, Counter(str(v) for v in tree if isinstance(v, str | bool)).values())
        for value in tree:
            yield from numbers_of(value)
    elif isinstance(tree, str):
        yield from map(value_of, numbers_in(tree))
    elif isinstance(tree, int | float):
        yield float(tree)


def _in_words(tree: Any) -> Iterator[float]:
    """Numbers inside words of results: reasons of verdicts."""
    if isinstance(tree, str):
        yield from map(value_of, numbers_in(tree))
    elif isinstance(tree, dict | list | tuple):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _in_words(value)


def foreign(page: Page, other: Page, finished: Any, constants: tuple[float, ...] = ()) -> list[str]:
    """Sentences of a page with the number in them that neither its results nor the study have.

    Args:
        page, other: of the results, and of the same results moved.
        finished: the study, for counts, settings and the facts of runs.
        constants: that the writer of the sentences declares.
    """
    results, study = as_plain(finished.results), finished.study.model_dump(mode="json")
    counts = {x for x in numbers_of(results) if float(x).is_integer()}
    kept = ("arms", "expected", "counts", "rows", "seed", "cpu_seconds")
    facts = list(numbers_of({k: results[k] for k in kept}))
    known = [*facts, *_in_words(results), *numbers_of(study), *constants, 0.0, 1.0]
    found = []
    for ours, theirs in zip(page.prose(), other.prose(), strict=True):
        stayed = Counter(numbers_in(plain(ours))) & Counter(numbers_in(plain(theirs)))
        found += [
            f"{printed}: {plain(ours)}"
            for printed in stayed
            if value_of(printed) not in counts and not _is(printed, known)
        ]
    return found


def _is(printed: str, known: list[float]) -> bool:
    """Whether a number that is printed is one of some, at its precision, as it is or in percent."""
    x, decimals = value_of(printed), len(printed.partition(" ")[0].partition(".")[2])
    tolerance = 0.51 * 10.0**-decimals if "×" not in printed else 0.06 * 10 ** np.floor(np.log10(abs(x) or 1))
    return any(abs(scale * y - x) <= tolerance for y in known for scale in (1, 100))
