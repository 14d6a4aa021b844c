"""Hostile files: nothing in them runs, hangs, eats memory or ends in a surprise."""

from pathlib import Path

import pytest
from sandbox import CASES, faults, met, prepared, shared_artefacts

#: of the cases the suite meets one in so many, the slow tests all
STRIDE = 16


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    prepared()
    where = tmp_path_factory.mktemp("shared")
    shared_artefacts(where)
    return where


def refused(cases, shared: Path, where: Path) -> list[str]:
    return [line for case in cases for line in faults(case, met(case, shared, where))]


def test_a_few_hostile_files_are_refused(shared, tmp_path):
    assert refused(CASES[::STRIDE], shared, tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, STRIDE))
def test_all_hostile_files_are_refused(shared, tmp_path, first):
    assert refused(CASES[first::STRIDE], shared, tmp_path) == []


def test_cases_have_names_of_their_own():
    names = [(case.name, case.lines) for case in CASES]
    assert len({name for name, _ in names}) == len(CASES)
    assert len(CASES) > 157
