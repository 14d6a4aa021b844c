"""The check of pages' numbers itself: it finds a number that is not from the results."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from made_up import foreign, moved
from pydantic import BaseModel

from beable.report.page import Page


@dataclass(frozen=True)
class Answer:
    error: float
    members: int


class Study(BaseModel):
    limit: float = 0.25


def page(answer, words):
    return Page("A study", words.format(error=f"{answer.error:.3f}", members=answer.members))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Error {error} in {members} members.", []),
        ("Error {error}, below the limit of 0.25.", []),
        ("Error {error}, 0.86 by a forest.", ["0.86"]),
        ("Error {error} in all 12 members.", ["12"]),
        ("Error 0.137 in {members} members.", ["0.137"]),
    ],
)
def test_a_number_that_is_not_from_the_results_is_found(words, found):
    answer = Answer(0.137, 4)
    other = moved(answer, Answer)
    results = {
        "arms": {},
        "expected": [],
        "counts": [],
        "rows": 64,
        "seed": 0,
        "cpu_seconds": 9.0,
        "parts": {"error": 0.137, "members": 4},
    }
    finished = SimpleNamespace(results=results, study=Study())
    said = foreign(page(answer, words), page(other, words), finished)
    assert [line.partition(":")[0] for line in said] == found
